"""What training minimises. In: LogProbs and targets. Out: one number, float32 under autocast too.

A target is an int in 0..C+S-1: a class of the label tree, or C + s where only species s is known.
Mixed pictures have soft targets (N, C+S), whose rows add up to one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from catalog.taxonomy import LabelTree
from leaflake import UsageError
from train.hierarchy import LogProbs, block_log_softmax, block_sum, of_species
from train.recipe import LossKind

BETA = 0.999
"""Of the effective number: classes of more than some thousand pictures count alike. The paper
tries 0.9 to 0.9999."""


class Loss(nn.Module):
    """Species cross-entropy plus condition cross-entropy within the true species' block.

    Of the kinds, `logit_adjusted` and `class_balanced` are for a long tail; each is in the
    function that computes its table. Label smoothing (Szegedy et al., "Rethinking the Inception
    Architecture", 2016, section 7) gives `smoothing` of the weight evenly to all species, and to
    all conditions of the true species. A picture of which only the species is known has no
    condition term. The result is the mean over the batch, so that gradients of its parts add up.
    """

    def __init__(
        self,
        tree: LabelTree,
        class_counts: Sequence[int] | np.ndarray | None = None,
        kind: LossKind = "plain",
        smoothing: float = 0.0,
    ) -> None:
        """`class_counts` (C,) or (C+S,): train pictures of each target; for `plain` not needed."""
        super().__init__()
        if kind not in get_args(LossKind):
            raise ValueError(f"loss {kind!r} is not one of {', '.join(get_args(LossKind))}")
        if kind != "plain" and class_counts is None:
            raise ValueError(f"loss {kind!r} needs the number of train pictures of each class")
        self.kind, self.smoothing = kind, smoothing
        self.num_classes, self.num_species = tree.num_classes, tree.num_species
        class_species = torch.tensor(tree.class_species())
        starts, stops = torch.tensor(tree.blocks()).T
        self._table("class_species", class_species)  # (C,)
        self._table("target_species", torch.cat([class_species, torch.arange(len(starts))]))
        self._table("block_start", starts)
        self._table("block_size", stops - starts)
        # The columns of each species' block, beside them its first one again: (S, largest block).
        offset = torch.arange(int((stops - starts).max()))
        in_block = offset < (stops - starts)[:, None]
        self._table("in_block", in_block)
        self._table("block_columns", starts[:, None] + offset * in_block)
        if class_counts is not None and kind != "plain":
            make = log_priors if kind == "logit_adjusted" else balanced_weights
            species, condition = make(tree, np.asarray(class_counts))
            self._table("species_table", torch.from_numpy(species).float())
            self._table("condition_table", torch.from_numpy(condition).float())

    def _table(self, name: str, values: torch.Tensor) -> None:
        self.register_buffer(name, values, persistent=False)

    def forward(self, log_probs: LogProbs, targets: torch.Tensor) -> torch.Tensor:
        """`targets` int64 (N,), or float32 (N, C+S) for mixed pictures -> the loss, a scalar."""
        soft = targets.is_floating_point()
        with torch.autocast(targets.device.type, enabled=False):
            return (self._soft if soft else self._hard)(log_probs, targets)

    def _hard(self, log_probs: LogProbs, targets: torch.Tensor) -> torch.Tensor:
        """Looks only at the true species' block of each picture."""
        truth = self.get_buffer("target_species")[targets]  # (N,)
        columns = self.get_buffer("block_columns")[truth]  # (N, largest block)
        in_block = self.get_buffer("in_block")[truth]
        species = self._adjusted_species(log_probs.species)
        block = log_probs.condition.float().gather(1, columns)
        if self.kind == "logit_adjusted":
            block = block + self.get_buffer("condition_table")[columns]
            block = block.masked_fill(~in_block, -torch.inf).log_softmax(dim=1)
        known = targets < self.num_classes
        offset = (targets - self.get_buffer("block_start")[truth]) * known
        hit_species = species.gather(1, truth[:, None])[:, 0]
        hit_condition = block.gather(1, offset[:, None])[:, 0]
        even_condition = block.masked_fill(~in_block, 0).sum(dim=1)
        even_condition = even_condition / self.get_buffer("block_size")[truth]
        of_species_rank = self._smoothed(hit_species, species.mean(dim=1))
        of_condition_rank = self._smoothed(hit_condition, even_condition)
        if self.kind == "class_balanced":
            of_species_rank = of_species_rank * self.get_buffer("species_table")[truth]
            classes = targets * known
            of_condition_rank = of_condition_rank * self.get_buffer("condition_table")[classes]
        return -(of_species_rank + of_condition_rank.masked_fill(~known, 0)).mean()

    def _soft(self, log_probs: LogProbs, targets: torch.Tensor) -> torch.Tensor:
        """The same, linear in the target: a row with a single 1 costs what its index does."""
        class_species = self.get_buffer("class_species")
        of_class, species_alone = targets.float().split([self.num_classes, self.num_species], 1)
        of_every_species = block_sum(of_class, class_species, self.num_species) + species_alone
        species = self._adjusted_species(log_probs.species)
        condition = log_probs.condition.float()
        if self.kind == "logit_adjusted":
            adjusted = condition + self.get_buffer("condition_table")
            condition = block_log_softmax(adjusted, class_species, self.num_species)
        if self.kind == "class_balanced":
            of_every_species = of_every_species * self.get_buffer("species_table")
            of_class = of_class * self.get_buffer("condition_table")
        even = block_sum(of_class, class_species, self.num_species)
        even = of_species(even / self.get_buffer("block_size"), class_species)
        hit_species = (of_every_species * species).sum(dim=1)
        even_species = of_every_species.sum(dim=1) * species.mean(dim=1)
        hit_condition, even_condition = (of_class * condition).sum(dim=1), (even * condition).sum(1)
        return -(
            self._smoothed(hit_species, even_species)
            + self._smoothed(hit_condition, even_condition)
        ).mean()

    def _adjusted_species(self, species: torch.Tensor) -> torch.Tensor:
        if self.kind != "logit_adjusted":
            return species.float()
        return (species.float() + self.get_buffer("species_table")).log_softmax(dim=1)

    def _smoothed(self, hit: torch.Tensor, even: torch.Tensor) -> torch.Tensor:
        return (1 - self.smoothing) * hit + self.smoothing * even if self.smoothing else hit


def log_priors(tree: LabelTree, class_counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Log p(species) (S,) and log p(condition | its species) (C,) in the train split.

    They are added to the logits while training, so that the logits alone answer as if all species,
    and all conditions of a species, were equally frequent: Menon et al., "Long-tail learning via
    logit adjustment" (2021), equation 10, with tau = 1. A class without a picture counts as one.
    """
    of_class, of_species_rank = _rank_counts(tree, class_counts)
    blocks = np.array(tree.class_species())
    in_species = np.bincount(blocks, np.maximum(of_class, 1))
    species = np.maximum(of_species_rank, 1)
    return np.log(species / species.sum()), np.log(np.maximum(of_class, 1) / in_species[blocks])


def balanced_weights(tree: LabelTree, class_counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights of species (S,) and of classes (C,): one over the effective number of their pictures.

    Cui et al., "Class-Balanced Loss Based on Effective Number of Samples" (2019), section 4.
    Scaled so that a train picture weighs one on average in each rank, and the learning rate of the
    plain loss still fits; a class without a picture weighs as one with a single one.
    """

    def weights(counts: np.ndarray) -> np.ndarray:
        effective = -np.expm1(np.maximum(counts, 1) * np.log(BETA)) / (1 - BETA)
        return max(counts.sum(), 1) / max((counts / effective).sum(), 1) / effective

    of_class, of_species_rank = _rank_counts(tree, class_counts)
    return weights(of_species_rank), weights(of_class)


def _rank_counts(tree: LabelTree, class_counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pictures of each class (C,), and of each species (S,) with those known only to it."""
    if len(class_counts) not in (tree.num_classes, tree.num_classes + tree.num_species):
        raise ValueError(
            f"{len(class_counts)} counts for {tree.num_classes} classes in "
            f"{tree.num_species} species"
        )
    of_class = class_counts[: tree.num_classes].astype(np.float64)
    species = np.bincount(np.array(tree.class_species()), of_class)
    if len(class_counts) > tree.num_classes:
        species += class_counts[tree.num_classes :]
    return of_class, species


def distillation_loss(
    log_probs: LogProbs,
    teacher_log_probs: LogProbs,
    temperature: float = 2.0,
    columns: torch.Tensor | None = None,
) -> torch.Tensor:
    """How far the pupil is from its teacher over all classes, the mean of the batch.

    Hinton et al., "Distilling the Knowledge in a Neural Network" (2015), section 2: the divergence
    of both softened by `temperature`, times its square, so that gradients keep their size.
    `columns` int64 (C,), from `teacher_columns`, if the teacher has another label tree.
    """
    teacher = teacher_log_probs.joint.detach().float()
    teacher = teacher if columns is None else teacher.index_select(1, columns)
    with torch.autocast(teacher.device.type, enabled=False):
        return temperature**2 * functional.kl_div(
            (log_probs.joint.float() / temperature).log_softmax(dim=1),
            (teacher / temperature).log_softmax(dim=1),
            reduction="batchmean",
            log_target=True,
        )


def teacher_columns(teacher: LabelTree, tree: LabelTree, name: str) -> torch.Tensor:
    """Where the classes of `tree` stand in the teacher's: int64 (C,).

    The teacher may know more classes; these are left out, and the others add up to one. Raises
    UsageError, which calls the teacher `name`, if it lacks a class.
    """
    places, missing = [], []
    for class_index in range(tree.num_classes):
        species, condition = tree.label(class_index)
        try:
            places.append(teacher.class_index(species.species_id, condition.condition_id))
        except KeyError:
            missing.append(f"{species.species_id} {condition.condition_id}")
    if missing:
        few = ", ".join(missing[:3]) + (", ..." if len(missing) > 3 else "")
        raise UsageError(
            f"{name}: as a teacher it lacks {len(missing)} of the {tree.num_classes} classes of "
            f"this lake: {few}. Name a run that knows them all. Nothing was written."
        )
    return torch.tensor(places)
