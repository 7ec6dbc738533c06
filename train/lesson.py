"""What a run with labels (train/training.py) and one without (train/pretraining.py) share: the
network on its device, pictures under random light, arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import torch
from torch import nn

from shards.loader import Batch
from train.augment import LIGHT_DRAWS, TWIN_DRAWS, jitter_light, light_draws, twin_light
from train.distributed import Team, local_rank
from train.recipe import Recipe

if TYPE_CHECKING:
    from train.classifier import Classifier
    from train.twins import TwinNetwork

Row = dict[str, float | int | str]

AfterEpoch = Callable[[float, Mapping[str, float | int]], None]
"""Takes how far the run is, 0-1, and the epoch's figures; may raise, to end the run there."""


def nothing_after(progress: float, found: Mapping[str, float | int]) -> None:
    """An AfterEpoch that lets every run go on."""


class Lesson:
    """One run in progress; the dataclasses that inherit it have the fields."""

    recipe: Recipe
    model: Classifier | TwinNetwork
    team: Team
    precision: torch.dtype
    device: torch.device

    def settle(self, forward: nn.Module) -> nn.Module:
        """Bring the network to its device. Returns `forward`, which calls it, with gradients that
        become the mean over the processes."""
        self.device = chosen_device(self.recipe)
        self.team.join_statistics(self.model, self.device)
        self.model.to(self.device).to(memory_format=torch.channels_last)
        if self.recipe.compile:
            self.model.backbone.compile()
        return self.team.average_gradients(forward, self.device)

    def levels(self, batch: Batch) -> torch.Tensor:
        """Float levels 0-255 (N, 3, H, W), on the device, channels last."""
        return torch.from_numpy(batch.images).to(self.device).permute(0, 3, 1, 2).float()

    def lit(self, batch: Batch, step: int, first: int) -> torch.Tensor:
        """The same under random light.

        `first` is how many crops this process has seen in the same step before. Crops that are to
        look alike have lights that differ more, or the colours alone would tell.
        """
        recipe, views = self.recipe, self.recipe.views
        width = TWIN_DRAWS if recipe.twins else LIGHT_DRAWS
        count = len(batch.keys) // views
        draws = light_draws(recipe.seed, step, first // views, count, self.team, views * width)
        change = twin_light if recipe.twins else jitter_light
        return change(self.levels(batch), draws.reshape(-1, width))

    def pixels(self, batch: Batch) -> torch.Tensor:
        """A batch as the backbone sees it."""
        return self.normalise(self.levels(batch))

    def normalise(self, levels: torch.Tensor) -> torch.Tensor:
        """Levels as the backbone sees them."""
        pixels = self.model.preprocess.normalise(levels)
        return pixels.contiguous(memory_format=torch.channels_last)

    def autocast(self) -> torch.autocast:
        """The run's arithmetic."""
        mixed = self.precision != torch.float32
        return torch.autocast(self.device.type, dtype=self.precision, enabled=mixed)

    def finite(self, loss: torch.Tensor, batch: Batch) -> torch.Tensor:
        """The loss. Raises FloatingPointError with the batch's keys if it is not finite."""
        if not torch.isfinite(loss):
            raise FloatingPointError(f"the loss is {loss.item()} for the pictures {batch.keys}")
        return loss


def chosen_device(recipe: Recipe) -> torch.device:
    """The recipe's; `any` is a GPU if there is one. Of several GPUs the one of this process."""
    kind = recipe.device
    if kind == "any":
        kind = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(kind, local_rank()) if kind == "cuda" else torch.device(kind)
