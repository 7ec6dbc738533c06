"""The weights that were best on val so far; without val, the last."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch


@dataclass
class Best:
    """Of those that were offered: species and condition both right most often, if that is known."""

    figures: dict[str, float | int] = field(default_factory=dict)
    state: dict[str, torch.Tensor] = field(default_factory=dict)

    def offer(
        self,
        model: torch.nn.Module,
        found: dict[str, float | int],
        keep: Callable[[Mapping[str, torch.Tensor]], None],
    ) -> None:
        """Take `model` if it is at least as good, as later weights have seen more; hand on its
        weights to `keep`."""
        if found.get("joint_top1", 0) >= self.figures.get("joint_top1", 0):
            self.figures = found
            self.state = {key: value.clone() for key, value in model.state_dict().items()}
            keep(self.state)
