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
from train.augment import jitter_light, light_draws, mix
from train.classifier import Classifier
from train.distributed import Team, local_rank
from train.hierarchy import LogProbs
from train.judge import Tally
from train.losses import Loss, distillation_loss
from train.recipes import Recipe
from train.teacher import Teacher

Row = dict[str, float | int | str]


@dataclass(frozen=True)
class Answer:
    """What came of one part of a step."""

    loss: torch.Tensor
    """Scalar, the mean over the part's pictures."""

    hits: int
    """Pictures whose class was likeliest; whose species, where only that is known."""


@dataclass
class Training:
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

    team: Team = field(default_factory=Team)
    teacher: Teacher | None = None
    precision: torch.dtype = torch.float32
    """Of the backbone's arithmetic; heads and loss are float32 always."""

    def __post_init__(self) -> None:
        recipe, tree = self.recipe, self.tree
        self.device = chosen_device(recipe)
        self.team.join_statistics(self.model, self.device)
        self.model.to(self.device).to(memory_format=torch.channels_last)
        if recipe.compile:
            self.model.backbone.compile()
        self.network = self.team.average_gradients(ClassifyPixels(self.model), self.device)
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

    def levels(self, batch: Batch) -> torch.Tensor:
        """Float levels 0-255 (N, 3, H, W), on the device, channels last."""
        return torch.from_numpy(batch.images).to(self.device).permute(0, 3, 1, 2).float()

    def pixels(self, batch: Batch) -> torch.Tensor:
        """A batch as the backbone sees it."""
        return self.normalise(self.levels(batch))

    def normalise(self, levels: torch.Tensor) -> torch.Tensor:
        """Levels as the backbone sees them."""
        pixels = self.model.preprocess.normalise(levels)
        return pixels.contiguous(memory_format=torch.channels_last)

    def targets(self, batch: Batch) -> torch.Tensor:
        """int64 (N,) in [0, C + S), see train/losses.py."""
        return torch.from_numpy(batch.class_index).to(self.device)

    def autocast(self) -> torch.autocast:
        """The run's arithmetic."""
        mixed = self.precision != torch.float32
        return torch.autocast(self.device.type, dtype=self.precision, enabled=mixed)

    def loss(self, pixels: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Loss of one batch as it is."""
        with self.autocast():
            found = self.network(pixels)
        return self.finite(self.criterion(found, self.targets(batch)), batch)

    def learn(self, batch: Batch, step: int, first: int) -> Answer:
        """Loss of one batch under random light, mixed and taught, as the recipe says.

        `first` is how many pictures this process has seen in the same step before.
        """
        recipe, targets = self.recipe, self.targets(batch)
        draws = light_draws(recipe.seed, step, first, len(targets), self.team)
        levels = jitter_light(self.levels(batch), draws)
        goal = mix(levels, targets, self.mixup) if self.mixup else targets
        with self.autocast():
            found = self.network(self.normalise(levels))
        loss = self.criterion(found, goal)
        if self.teacher:
            with self.autocast():
                taught = self.teacher.answer(levels)
            copied = distillation_loss(found, taught, recipe.temperature, self.teacher.columns)
            loss = (1 - recipe.teacher_share) * loss + recipe.teacher_share * copied
        return Answer(self.finite(loss, batch), self.hits(found, targets))

    def hits(self, found: LogProbs, targets: torch.Tensor) -> int:
        """How many pictures are answered right."""
        known = targets < self.tree.num_classes
        right = found.joint.argmax(dim=1) == targets
        right_species = found.species.argmax(dim=1) == targets - self.tree.num_classes
        return int(torch.where(known, right, right_species).sum())

    def finite(self, loss: torch.Tensor, batch: Batch) -> torch.Tensor:
        """The loss. Raises FloatingPointError with the batch's keys if it is not finite."""
        if not torch.isfinite(loss):
            raise FloatingPointError(f"the loss is {loss.item()} for the pictures {batch.keys}")
        return loss

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
    """`Classifier.classify` as the forward that DistributedDataParallel wraps."""

    def __init__(self, model: Classifier) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: torch.Tensor) -> LogProbs:
        return self.model.classify(pixels)[0]


def chosen_device(recipe: Recipe) -> torch.device:
    """The recipe's; `any` is a GPU if there is one. Of several GPUs the one of this process."""
    kind = recipe.device
    if kind == "any":
        kind = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(kind, local_rank()) if kind == "cuda" else torch.device(kind)


def seen_counts(loader: Loader, tree: LabelTree, max_repeat: float) -> np.ndarray:
    """Pictures of each target that an epoch sees, (C + S,), for losses that weigh classes."""
    targets = loader.selection.class_index
    counts = np.bincount(targets, minlength=tree.num_classes + tree.num_species)
    return np.minimum(counts.max(), np.floor(counts * max_repeat))
