"""Where `leaflake tune` looks for better settings of a recipe (train/recipes.py)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypedDict, TypeVar

from train.recipe import LossKind

T = TypeVar("T")


@dataclass(frozen=True)
class Floats:
    """A number in a range, its bounds included."""

    low: float
    high: float
    log: bool = False
    """Whether 1 to 10 is as wide as 10 to 100."""


@dataclass(frozen=True)
class Choices(Generic[T]):
    """One of some values."""

    options: tuple[T, ...]


class Space(TypedDict, total=False):
    """Settings of a Recipe by their names, and where to look; the others stay as they are."""

    learning_rate: Floats
    weight_decay: Floats
    warmup_share: Floats
    min_area: Floats
    smoothing: Floats
    mixup: Choices[float]
    cutmix: Choices[float]
    mix_share: Floats
    frozen_stages: Choices[int]
    loss: Choices[LossKind]
    batch_size: Choices[int]
    twins: Floats
    off_diagonal: Floats
    ema_decay: Choices[float]


FINE_TUNING: Space = {
    "learning_rate": Floats(5e-5, 5e-3, log=True),
    "weight_decay": Floats(1e-3, 0.5, log=True),
    "min_area": Floats(0.08, 0.6),
    "smoothing": Floats(0.0, 0.3),
    "mixup": Choices((0.0, 0.2, 0.8)),
    "cutmix": Choices((0.0, 1.0)),
    "batch_size": Choices((16, 32, 64, 128)),
    "loss": Choices(("plain", "logit_adjusted", "class_balanced")),
}
"""Around what Touvron et al., "ResNet strikes back" (2021), and the papers that the recipes name
found good."""

SPACES: dict[str, Space] = {
    "cpu": {**FINE_TUNING, "frozen_stages": Choices((0, 2, 4))},
    "browser": FINE_TUNING,
    "swin-tiny": FINE_TUNING,
    "mobilenetv2-flat": FINE_TUNING,
    "rtx-3090": FINE_TUNING,
    "strix-halo": FINE_TUNING,
    "barlow-joint": {
        "learning_rate": FINE_TUNING["learning_rate"],
        "weight_decay": FINE_TUNING["weight_decay"],
        "min_area": FINE_TUNING["min_area"],
        "twins": Floats(0.05, 0.9),
        "off_diagonal": Floats(5e-4, 5e-2, log=True),
        "batch_size": Choices((32, 64, 128)),
    },
}
"""Of each recipe but `barlow-twins`, which says nothing that val could judge."""
