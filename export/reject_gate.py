"""A learned gate: does the picture show no plant?

In: what a network saw of plants and of other things. Out: a Gate; and scores of the others by gates
that were fitted without them, since a line in thousands of dimensions tells the few examples that
it was fitted on from plants in any case.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from export.reject_distance import floored
from export.reject_scores import Gate, Sum
from export.reject_taps import Seen

FOLDS = 5

SHRINKAGE = 0.05
"""Added to each variance, where that of all pictures together is 1."""


@dataclass(frozen=True)
class Examples:
    """Pictures of no plant, some of them in several views."""

    seen: Seen
    picture: np.ndarray
    """int64 (N,), 0 to M - 1 ascending: which picture each row is a view of; the first of each is
    the whole picture."""

    @property
    def whole(self) -> np.ndarray:
        """int64 (M,), the row of each whole picture."""
        return np.flatnonzero(np.diff(self.picture, prepend=-1))


def fit_gate(plants: Seen, others: Seen) -> Gate:
    """Linear discriminant analysis of scaled taps and features, both sides weighing the same.

    (Fisher, "The Use of Multiple Measurements in Taxonomic Problems", 1936; shrunk as in Friedman,
    "Regularized Discriminant Analysis", 1989.) It has a closed form, and unlike logistic regression
    does not lean on the few pictures that lie near the line.
    """
    sides = [one.everything().double() for one in (plants, others)]
    mean = torch.cat(sides).mean(dim=0)
    deviations = torch.cat(sides).std(dim=0, correction=0)
    spread = torch.from_numpy(floored(deviations.numpy()))
    sides = [(one - mean) / spread for one in sides]
    middles = [one.mean(dim=0) for one in sides]
    within = sum(
        0.5 * (one - middle).T @ (one - middle) / len(one)
        for one, middle in zip(sides, middles, strict=True)
    )
    within = within + SHRINKAGE * torch.eye(len(mean), dtype=torch.float64)
    line = torch.linalg.solve(within, middles[1] - middles[0])
    weight = line / spread
    return Gate(weight.numpy(), float(-(weight @ mean) - line @ (middles[0] + middles[1]) / 2))


def cross_fit(plants: Seen, others: Examples, kept: Seen) -> np.ndarray:
    """float64 (M,): for each whole picture the score of a gate that saw no view of it.

    In deviations from the mean of `kept`, plants that no gate has seen, by that gate: each gate has
    a scale of its own, as the fewer examples it has the further from plants it takes them to be.
    """
    whole = others.whole
    fold = np.random.default_rng(0).permutation(len(whole)) % FOLDS
    scores = np.empty(len(whole))
    for number in range(min(FOLDS, len(whole))):
        gate = Sum([fit_gate(plants, others.seen.rows(fold[others.picture] != number))], kept)
        with torch.inference_mode():
            scores[fold == number] = gate(others.seen.rows(whole[fold == number])).numpy()
    return scores
