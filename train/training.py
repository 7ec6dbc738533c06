"""What every part of a run needs: the network on its device, the loaders, arithmetic and loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from timm.data.mixup import Mixup
from torch import nn

from catalog.taxonomy import LabelTree
from shards.loader import Batch, Loader
from shards.select import UNLABELLED
from train.augment import mix
from train.classifier import Classifier
from train.distributed import Team
from train.hierarchy import LogProbs
from train.judge import Tally
from train.lesson import AfterEpoch, Lesson, Row, nothing_after
from train.losses import Loss, distillation_loss
from train.recipe import Recipe
from train.teacher import Teacher
from train.twins import twins_loss


@dataclass(frozen=True)
class Answer:
    """What came of one part of a step."""

    loss: torch.Tensor
    """Scalar, the mean over the part's pictures."""

    hits: int
    """Pictures whose class was likeliest; whose species, where only that is known."""

    judged: int
    """Pictures of which hits are a part: those with a label."""


@dataclass
class Training(Lesson):
    """One run in progress."""

    recipe: Recipe
    tree: LabelTree
    model: Classifier
    train: Loader
    """Random crops of the train split."""

    still: Loader
    """The train split again, whole pictures in order, for the frozen features."""

    val: Loader
    log: Callable[[Row], None]
    """Takes one row for metrics.jsonl."""

    keep: Callable[[Mapping[str, torch.Tensor]], None]
    """Takes the best weights so far, so that an interrupted run does not lose them."""

    save: Callable[[dict[str, Any]], None] = lambda state: None
    """Takes all that it takes to go on from here."""

    after_epoch: AfterEpoch = nothing_after
    team: Team = field(default_factory=Team)
    teacher: Teacher | None = None
    precision: torch.dtype = torch.float32
    """Of the backbone's arithmetic; heads and loss are float32 always."""

    def __post_init__(self) -> None:
        recipe, tree = self.recipe, self.tree
        self.network = self.settle(ClassifyPixels(self.model))
        counts = seen_counts(self.train, tree, recipe.max_repeat)
        self.criterion = Loss(tree, counts, recipe.loss, recipe.smoothing).to(self.device)
        self.mixup = None
        if recipe.mixup or recipe.cutmix:
            self.mixup = Mixup(
                recipe.mixup,
                recipe.cutmix,
                prob=recipe.mix_share,
                label_smoothing=0.0,  # the loss smooths
                num_classes=tree.num_classes + tree.num_species,
            )

    def targets(self, batch: Batch) -> torch.Tensor:
        """int64 (N,) in [0, C + S), see train/losses.py, or UNLABELLED."""
        return torch.from_numpy(batch.class_index).to(self.device)

    def loss(self, pixels: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Loss of one batch as it is, by its labels alone."""
        with self.autocast():
            found, _ = self.network(pixels)
        targets = self.targets(batch)
        return self.finite(self.supervised(found, targets, targets), batch)

    def learn(self, batch: Batch, step: int, first: int) -> Answer:
        """Loss of one batch under random light, mixed, taught and compared, as the recipe says.

        `first` is how many crops this process has seen in the same step before.
        """
        recipe, targets = self.recipe, self.targets(batch)
        levels = self.lit(batch, step, first)
        goal = mix(levels, targets, self.mixup) if self.mixup else targets
        with self.autocast():
            found, embeddings = self.network(self.normalise(levels))
        loss = self.supervised(found, goal, targets)
        if self.teacher:
            with self.autocast():
                taught = self.teacher.answer(levels)
            copied = distillation_loss(found, taught, recipe.temperature, self.teacher.columns)
            loss = (1 - recipe.teacher_share) * loss + recipe.teacher_share * copied
        if embeddings is not None:
            alike = twins_loss(embeddings, recipe.off_diagonal, self.team)
            loss = (1 - recipe.twins) * loss + recipe.twins * alike
        judged = int((targets != UNLABELLED).sum())
        return Answer(self.finite(loss, batch), self.hits(found, targets), judged)

    def supervised(
        self, found: LogProbs, goal: torch.Tensor, targets: torch.Tensor
    ) -> torch.Tensor:
        """The mean over the pictures with a label, which is 0 if there is none."""
        labelled = targets != UNLABELLED
        if labelled.all():
            return self.criterion(found, goal)
        if not labelled.any():
            return found.joint.sum() * 0  # so that the heads have a gradient on every process
        some = found.rows(labelled)
        return self.criterion(some, goal[labelled])

    def hits(self, found: LogProbs, targets: torch.Tensor) -> int:
        """How many pictures are answered right."""
        known = targets < self.tree.num_classes
        right = found.joint.argmax(dim=1) == targets
        right_species = found.species.argmax(dim=1) == targets - self.tree.num_classes
        return int(torch.where(known, right, right_species).sum())

    def judge(self, model: Classifier) -> dict[str, float | int]:
        """Figures of `model` on val; each process judges its part."""
        self.team.share_buffers(model)
        model.eval()
        tally = Tally(self.tree, self.device)
        with torch.inference_mode():
            for batch in self.val.epoch(0):
                with self.autocast():
                    found, _ = model.classify(self.pixels(batch))
                tally.add(found, self.targets(batch))
        return tally.figures(self.team)


class ClassifyPixels(nn.Module):
    """Answers and, for Barlow Twins, embeddings; as the forward that DistributedDataParallel
    wraps."""

    def __init__(self, model: Classifier) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: torch.Tensor) -> tuple[LogProbs, torch.Tensor | None]:
        found, features = self.model.classify(pixels)
        projector = self.model.projector
        return found, None if projector is None else projector(features)


def seen_counts(loader: Loader, tree: LabelTree, max_repeat: float) -> np.ndarray:
    """Pictures of each target that an epoch sees, (C + S,), for losses that weigh classes."""
    targets = loader.selection.class_index
    # As in shards/order.py, pictures without a label are a class, here the first.
    counts = np.bincount(targets - UNLABELLED, minlength=1 + tree.num_classes + tree.num_species)
    return np.minimum(counts.max(), np.floor(counts * max_repeat))[1:]
