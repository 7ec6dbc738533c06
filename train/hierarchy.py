"""Species first, then the condition given the species: heads, probabilities, loss.

p(species, condition) = p(species) * p(condition | species) adds up to one over the tree. Every
species owns a contiguous block of one condition matrix, so thousands of species cost one product.
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


class HierarchicalHeads(nn.Module):
    """Features float32 (N, D) -> LogProbs over the label tree."""

    def __init__(self, num_features: int, tree: LabelTree) -> None:
        super().__init__()
        self.species_head = nn.Linear(num_features, tree.num_species)
        self.condition_head = nn.Linear(num_features, tree.num_classes)
        class_species = torch.tensor(tree.class_species())
        self.register_buffer("class_species", class_species)
        membership = functional.one_hot(class_species, tree.num_species).to(torch.float32)
        self.register_buffer("membership", membership)  # (C, S)
        # Species, condition; one while training, fitted by export (export/calibrate.py).
        self.register_buffer("temperatures", torch.ones(2))

    def forward(self, features: torch.Tensor) -> LogProbs:
        features = features.float()  # softmax in bfloat16 loses the small probabilities
        temperatures = self.get_buffer("temperatures")
        species = functional.log_softmax(self.species_head(features) / temperatures[0], dim=1)
        condition = self._segment_log_softmax(self.condition_head(features) / temperatures[1])
        joint = condition + species[:, self.get_buffer("class_species")]
        return LogProbs(species, condition, joint)

    def _segment_log_softmax(self, logits: torch.Tensor) -> torch.Tensor:
        """Log-softmax within each species' block of (N, C)."""
        class_species = self.get_buffer("class_species")
        membership = self.get_buffer("membership")
        # The largest logit of each block, so that no block overflows or vanishes; as in any
        # log-softmax the shift cancels, and needs no gradient.
        index = class_species.expand(logits.shape)
        lowest = torch.full_like(logits[:, :1], -1e30).expand(-1, membership.shape[1])
        block_max = lowest.scatter_reduce(1, index, logits.detach(), "amax")  # (N, S)
        shifted = logits - block_max[:, class_species]
        block_sums = shifted.exp() @ membership  # (N, S)
        return shifted - block_sums.log()[:, class_species]


def hierarchical_loss(
    log_probs: LogProbs,
    class_index: torch.Tensor,
    class_species: torch.Tensor,
    smoothing: float = 0.0,
) -> torch.Tensor:
    """Mean over the batch of species cross-entropy plus condition cross-entropy in the true block.

    Both with label smoothing (Szegedy et al., "Rethinking the Inception Architecture", 2016,
    section 7): `smoothing` of the weight goes evenly to all species, or to all conditions of the
    true species' block.
    """
    species_index = class_species[class_index]  # (N,)
    in_block = class_species[None, :] == species_index[:, None]  # (N, C)
    hit_species = functional.nll_loss(log_probs.species, species_index)
    hit_condition = functional.nll_loss(log_probs.condition, class_index)
    if not smoothing:
        return hit_species + hit_condition
    even_species = -log_probs.species.mean(dim=1)
    even_condition = -(log_probs.condition * in_block).sum(dim=1) / in_block.sum(dim=1)
    even = (even_species + even_condition).mean()
    return (1 - smoothing) * (hit_species + hit_condition) + smoothing * even
