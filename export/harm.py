"""How much worse answers have become. In: exact answers and others. Out: nats."""

from __future__ import annotations

import numpy as np

from export.said import Said


def harm(exact: Said, said: Said) -> float:
    """How far answers are from the exact ones, in nats: the mean Kullback-Leibler divergence of the
    classes, and of each rejection score that of two normal distributions as wide as the scores'
    spread over the pictures, one of them shifted."""
    shift = said.rejection - exact.rejection
    spread = exact.rejection.std(axis=0) + 1e-6
    scores = ((shift / spread) ** 2 / 2).sum(axis=1).mean()
    return divergence(exact.joint, said.joint) + float(scores)


def divergence(exact: np.ndarray, said: np.ndarray) -> float:
    """Mean Kullback-Leibler divergence of log-probabilities (N, C) `said` from `exact`, nats."""
    return float((np.exp(exact) * (exact - said)).sum(axis=1).mean())
