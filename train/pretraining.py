"""A run without labels, as train/fine_tune.py wants it: the network, its crops, arithmetic and
loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from shards.loader import Batch, Loader
from train.distributed import Team
from train.lesson import AfterEpoch, Lesson, Row, nothing_after
from train.recipe import Recipe
from train.training import Answer
from train.twins import TwinNetwork, found_twins, twins_loss


@dataclass
class Pretraining(Lesson):
    """One run in progress. Nothing is judged: later weights have seen more, and are kept."""

    recipe: Recipe
    model: TwinNetwork
    train: Loader
    """Two random crops of each picture."""

    log: Callable[[Row], None]
    keep: Callable[[Mapping[str, torch.Tensor]], None]
    save: Callable[[dict[str, Any]], None] = lambda state: None
    after_epoch: AfterEpoch = nothing_after
    team: Team = field(default_factory=Team)
    precision: torch.dtype = torch.float32

    def __post_init__(self) -> None:
        self.network = self.settle(self.model)

    def loss(self, pixels: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Loss of one batch as it is."""
        with self.autocast():
            embeddings = self.network(pixels)
        return self.finite(twins_loss(embeddings, self.recipe.off_diagonal, self.team), batch)

    def learn(self, batch: Batch, step: int, first: int) -> Answer:
        """Loss of one batch under random light. Hits are crops whose twin was the likest."""
        with self.autocast():
            embeddings = self.network(self.normalise(self.lit(batch, step, first)))
        loss = twins_loss(embeddings, self.recipe.off_diagonal, self.team)
        return Answer(self.finite(loss, batch), found_twins(embeddings), len(batch.keys))

    def judge(self, model: TwinNetwork) -> dict[str, float | int]:
        """No figures, as there are no labels."""
        self.team.share_buffers(model)
        return {}
