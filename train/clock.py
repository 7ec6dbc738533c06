"""How far fine-tuning is, and how fast it then learns."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field

from train.recipe import Recipe


@dataclass
class Clock:
    """How far fine-tuning is: steps or minutes, whichever is nearer to its end.

    Minutes make a run end in time on any machine, also a busy one, but then the learning rates and
    the number of steps depend on how fast it was. A run by epochs alone does not depend on the
    clock: on one processor, in one precision, it repeats exactly.
    """

    max_steps: int
    max_minutes: float | None
    """None: as long as the steps take."""

    step: int = 0
    before_s: float = 0.0
    """Seconds that the run had spent when it was interrupted."""

    started: float = field(default_factory=time.monotonic)

    def elapsed_s(self) -> float:
        """Seconds spent on fine-tuning, pauses left out."""
        return self.before_s + time.monotonic() - self.started

    def progress(self) -> float:
        """From 0 to 1."""
        by_steps = self.step / self.max_steps
        if self.max_minutes is None:
            return by_steps
        return min(1.0, max(by_steps, self.elapsed_s() / 60 / self.max_minutes))

    def left_s(self, progress: float) -> float:
        """Seconds that are likely left."""
        return self.elapsed_s() * (1 - progress) / progress if progress else math.inf


def rate_share(progress: float, recipe: Recipe) -> float:
    """Learning rate as a share of the recipe's: a straight warm-up, then half a cosine to zero
    (Loshchilov and Hutter, "SGDR", 2017, equation 5, without restarts).

    Not timm's schedulers: they count updates towards a number that is known beforehand, and here
    the end may be a time.
    """
    if progress < recipe.warmup_share:
        return progress / recipe.warmup_share
    return 0.5 + 0.5 * math.cos(
        math.pi * (progress - recipe.warmup_share) / (1 - recipe.warmup_share)
    )
