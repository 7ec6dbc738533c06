"""Species first, then the condition given the species: probabilities over the label tree.

p(species, condition) = p(species) * p(condition | species) adds up to one over the tree. Every
species owns a contiguous block of one condition matrix, so thousands of species cost one product,
and the softmax within each block a few passes over (N, C).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from catalog.taxonomy import LabelTree


@dataclass(frozen=True)
class LogProbs:
    """Natural logarithms, float32."""

    species: torch.Tensor
    """(N, S), log p(species)."""

    condition: torch.Tensor
    """(N, C), log p(condition | its species); each species' block adds up to one."""

    joint: torch.Tensor
    """(N, C), log p(species, condition)."""

    energy: torch.Tensor
    """(N,), - log of the summed exponentials of the logits, before any temperature (Liu et al.,
    "Energy-based Out-of-distribution Detection", 2020, equation 4): of the species' logits, or of
    all classes' where heads are flat."""

    def rows(self, chosen: torch.Tensor | slice) -> LogProbs:
        """Of the pictures at int (M,) `chosen`, or where bool (N,) `chosen` is true."""
        return LogProbs(
            self.species[chosen], self.condition[chosen], self.joint[chosen], self.energy[chosen]
        )


class HierarchicalHeads(nn.Module):
    """Features float32 (N, D) -> LogProbs over the label tree."""

    def __init__(self, num_features: int, tree: LabelTree) -> None:
        super().__init__()
        self.num_species = tree.num_species
        self.species_head = nn.Linear(num_features, tree.num_species)
        self.condition_head = nn.Linear(num_features, tree.num_classes)
        # The tree is in the run's config.json; a checkpoint need not repeat it.
        self.register_buffer("class_species", torch.tensor(tree.class_species()), persistent=False)
        # Species, condition; one while training, fitted by export (export/calibrate.py).
        self.register_buffer("temperatures", torch.ones(2))

    def forward(self, features: torch.Tensor) -> LogProbs:
        class_species = self.get_buffer("class_species")
        temperatures = self.get_buffer("temperatures")
        logits = self.species_head(features)
        species = functional.log_softmax(logits / temperatures[0], dim=1)
        condition_logits = self.condition_head(features) / temperatures[1]
        condition = block_log_softmax(condition_logits, class_species, self.num_species)
        joint = condition + of_species(species, class_species)
        return LogProbs(species, condition, joint, energy(logits))


class FlatHeads(nn.Module):
    """One softmax over all classes, as the baseline that hierarchical heads are held against.

    Features float32 (N, D) -> LogProbs: a species has what its conditions add up to.
    """

    def __init__(self, num_features: int, tree: LabelTree) -> None:
        super().__init__()
        self.num_species = tree.num_species
        self.condition_head = nn.Linear(num_features, tree.num_classes)
        self.register_buffer("class_species", torch.tensor(tree.class_species()), persistent=False)
        # Of p(species) and p(condition | species) after the softmax, so that export calibrates
        # both kinds of heads alike.
        self.register_buffer("temperatures", torch.ones(2))

    def forward(self, features: torch.Tensor) -> LogProbs:
        class_species = self.get_buffer("class_species")
        logits = self.condition_head(features)
        condition, species_logits = split_blocks(logits, class_species, self.num_species)
        temperatures = self.get_buffer("temperatures")
        species = functional.log_softmax(species_logits / temperatures[0], dim=1)
        condition = block_log_softmax(condition / temperatures[1], class_species, self.num_species)
        joint = condition + of_species(species, class_species)
        return LogProbs(species, condition, joint, energy(species_logits))


def energy(logits: torch.Tensor) -> torch.Tensor:
    """(N, K) -> (N,), as LogProbs has it."""
    largest = logits.amax(dim=1, keepdim=True)
    # Written out, as logsumexp also asks whether anything is infinite, and TF.js need not.
    return -((logits - largest).exp().sum(dim=1).log() + largest.squeeze(1))


def block_sum(values: torch.Tensor, class_species: torch.Tensor, num_species: int) -> torch.Tensor:
    """(N, C) -> (N, S): the sum over each species' block.

    `class_species` int64 (C,) gives each class's species. Scattering, because a product with the
    (C, S) matrix of zeros and ones took 18 times as long at 11,499 classes in 2,000 species, and
    92 MB.
    """
    sums = values.new_zeros(len(values), num_species)
    return sums.scatter_add(1, class_species.expand(values.shape), values)


def of_species(values: torch.Tensor, class_species: torch.Tensor) -> torch.Tensor:
    """(N, S) -> (N, C): for each class its species' value.

    By gather, whose gradient is a scatter too; that of indexing is several times as slow.
    """
    return values.gather(1, class_species.expand(len(values), -1))


def block_log_softmax(
    logits: torch.Tensor, class_species: torch.Tensor, num_species: int
) -> torch.Tensor:
    """Log-softmax within each species' block, float32 (N, C) -> (N, C)."""
    return split_blocks(logits, class_species, num_species)[0]


def split_blocks(
    logits: torch.Tensor, class_species: torch.Tensor, num_species: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-softmax within each block (N, C), and the logarithm of each block's sum (N, S)."""
    # The largest logit of each block, so that no block overflows or vanishes; as in any
    # log-softmax the shift cancels, and needs no gradient.
    lowest = torch.full_like(logits[:, :1], torch.finfo(logits.dtype).min).expand(-1, num_species)
    index = class_species.expand(logits.shape)
    block_max = lowest.scatter_reduce(1, index, logits.detach(), "amax")  # (N, S)
    shifted = logits - of_species(block_max, class_species)
    log_sums = block_sum(shifted.exp(), class_species, num_species).log()  # (N, S)
    return shifted - of_species(log_sums, class_species), log_sums + block_max
