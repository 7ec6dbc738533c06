"""Sums over steps, and what they say at the end of an interval."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass
class Running:
    """Of the pictures since it was made."""

    pictures: int = 0
    judged: int = 0
    """Of the pictures: those with a label."""

    loss_sum: float = 0.0
    hits: int = 0
    waited_s: float = 0.0
    """How long this process waited for pictures."""

    started: float = field(default_factory=time.monotonic)

    def add(self, pictures: int, judged: int, loss_sum: float, hits: int, waited_s: float) -> None:
        """Count one step."""
        self.pictures += pictures
        self.judged += judged
        self.loss_sum += loss_sum
        self.hits += hits
        self.waited_s += waited_s

    @property
    def loss(self) -> float:
        """Mean over the pictures."""
        return self.loss_sum / max(1, self.pictures)

    @property
    def accuracy(self) -> float:
        """Share of the crops with a label whose class was likeliest, before the step that learnt
        from them; of pictures known only to the species, whose species was. Without labels, see
        train/twins.py: share of the crops that were most like the other crop of their picture."""
        return self.hits / max(1, self.judged)

    def seconds(self) -> float:
        """Since it was made."""
        return time.monotonic() - self.started

    def row(self) -> dict[str, float | int | str]:
        """For a training log."""
        seconds = self.seconds()
        return {
            "loss": self.loss,
            "accuracy": self.accuracy,
            "pictures_per_s": round(self.pictures / seconds, 1),
            "waiting_share": round(self.waited_s / seconds, 4),
        }

    def state_dict(self) -> dict[str, float | int]:
        """The sums; times begin anew."""
        sums = ("pictures", "judged", "loss_sum", "hits")
        return {name: getattr(self, name) for name in sums}
