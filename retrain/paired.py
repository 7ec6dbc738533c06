"""Is one model better than the other on the same pictures, beyond chance? In: who was right where.
Out: Paired.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from train.bootstrap import TAIL, replicates

FEWEST = 6
"""Groups on which the two must differ. If both are alike, each such group is a coin, and six in a
row fall on one side with a chance of 1.6 %; of five it is 3.1 %, more than a bootstrap of 2.5 % on
that side may claim: it has no way of knowing that it saw few."""


@dataclass(frozen=True)
class Paired:
    """Two models on the same pictures."""

    pictures: int

    champion: float
    """Share that it has right; NaN without pictures."""

    challenger: float

    low: float
    """Of the 95 % interval of challenger minus champion, in shares of the pictures."""

    high: float

    won: int
    """Groups of which the challenger has more right."""

    lost: int

    @property
    def difference(self) -> float:
        """Challenger minus champion."""
        return self.challenger - self.champion

    @property
    def is_better(self) -> bool:
        """Whether the challenger is, beyond chance."""
        return self.low > 0 and self.won + self.lost >= FEWEST

    @property
    def is_worse(self) -> bool:
        """Whether the challenger is, beyond chance."""
        return self.high < 0 and self.won + self.lost >= FEWEST


def compare(champion: np.ndarray, challenger: np.ndarray, groups: np.ndarray) -> Paired:
    """Compare bool (N,), right or not, of pictures whose `groups` (N,) show one thing.

    The paired bootstrap (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter
    16.4) of the difference, whole groups drawn: what both find easy or hard cancels out.
    """
    pictures = len(groups)
    if not pictures:
        return Paired(0, float("nan"), float("nan"), 0.0, 0.0, 0, 0)
    difference = challenger.astype(np.float64) - champion
    means = [(weights @ difference) / weights.sum(axis=1) for weights in replicates(groups)]
    low, high = np.quantile(np.concatenate(means), [TAIL, 1 - TAIL])
    _, index = np.unique(groups, return_inverse=True)
    of_group = np.bincount(index, difference)
    return Paired(
        pictures,
        float(champion.mean()),
        float(challenger.mean()),
        float(low),
        float(high),
        int((of_group > 0).sum()),
        int((of_group < 0).sum()),
    )
