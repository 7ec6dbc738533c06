"""Accuracy of the answers that are given when the least sure are withheld.

In: probabilities of answers and whether they were right. Out: points of the risk-coverage curve.
(El-Yaniv and Wiener, "On the Foundations of Noise-free Selective Classification", 2010; for
networks Geifman and El-Yaniv, "Selective Classification for Deep Neural Networks", 2017.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

COVERAGES = (1.0, 0.95, 0.9, 0.8, 0.7, 0.5)
"""Shares of answered pictures that a report names."""


@dataclass(frozen=True)
class Coverage:
    """The whole curve, one point for each threshold that tells pictures apart."""

    coverage: np.ndarray
    """float64 (K,), rising to 1: share of pictures that are answered."""

    accuracy: np.ndarray
    """float64 (K,): share of those answers that are right."""

    threshold: np.ndarray
    """float64 (K,), falling: the least probability that is answered."""

    def at(self, share: float) -> dict[str, float]:
        """The first point that covers at least `share` of the pictures."""
        # A share such as 0.9 of 10 pictures is 9 of them, whatever the rounding.
        point = int(np.searchsorted(self.coverage, share - 1e-9))
        return {
            "coverage": float(self.coverage[point]),
            "accuracy": float(self.accuracy[point]),
            "threshold": float(self.threshold[point]),
        }


def coverage_curve(probability: np.ndarray, right: np.ndarray) -> Coverage:
    """The curve of answers with these probabilities, float (N,), N at least 1; `right` bool (N,).

    Answers of one probability are given together, since no threshold parts them.
    """
    order = np.argsort(-probability, kind="stable")
    falling = probability[order]
    answered = np.arange(1, len(order) + 1)
    accuracy = np.cumsum(right[order]) / answered
    last = np.append(falling[1:] < falling[:-1], True)
    return Coverage((answered / len(order))[last], accuracy[last], falling[last])
