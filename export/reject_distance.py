"""Distances from the classes that a network learnt, in units of how its pictures spread.

In: training features in groups. Out: modules from Seen to float32 (N,), as in reject_scores.py.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from export.reject_scores import as_float32
from export.reject_taps import Seen

SHRINKAGE = 0.05
"""Share of the mean variance that is added to that of every direction, so that one which hardly
varies among a few thousand pictures does not outweigh all others."""


class Mahalanobis(nn.Module):
    """Squared distance to the nearest group's centre, in units of the spread within groups (Lee et
    al., "A Simple Unified Framework for Detecting Out-of-Distribution Samples", 2018)."""

    def __init__(self, features: np.ndarray, group: np.ndarray, kept: int | None = None) -> None:
        """Of training features (N, D) in groups int (N,). With `kept`, only within so many
        directions in which they vary most: D x D numbers are as many as a small network has."""
        super().__init__()
        mean = features.mean(axis=0, dtype=np.float64)
        directions = main_directions(features - mean, kept)  # (D, kept)
        inside = (features - mean) @ directions
        names, index = np.unique(group, return_inverse=True)
        centres = group_means(inside, index, len(names))
        whitening = whiten(inside - centres[index])
        self.register_buffer("mean", as_float32(mean))
        self.register_buffer("projection", as_float32(directions @ whitening))  # (D, kept)
        self.register_buffer("centres", as_float32(centres @ whitening))  # (K, kept)

    def forward(self, seen: Seen) -> torch.Tensor:
        found = (seen.features - self.get_buffer("mean")) @ self.get_buffer("projection")
        centres = self.get_buffer("centres")
        # |a - b|^2 as |a|^2 - 2ab + |b|^2, whose middle term is one product for all centres.
        nearness = found @ centres.T - 0.5 * (centres * centres).sum(dim=1)
        return (found * found).sum(dim=1) - 2 * nearness.amax(dim=1)


class RelativeMahalanobis(nn.Module):
    """That, less the distance to the mean of all pictures in units of their whole spread (Ren et
    al., "A Simple Fix to Mahalanobis Distance for Improving Near-OOD Detection", 2021)."""

    def __init__(self, features: np.ndarray, group: np.ndarray, kept: int | None = None) -> None:
        """As Mahalanobis; both distances are taken in the same directions, whose D x kept numbers
        are there once."""
        super().__init__()
        mean = features.mean(axis=0, dtype=np.float64)
        directions = main_directions(features - mean, kept)  # (D, kept)
        inside = (features - mean) @ directions
        self.register_buffer("mean", as_float32(mean))
        self.register_buffer("directions", as_float32(directions))
        self.near = Mahalanobis(inside, group)
        self.far = Mahalanobis(inside, np.zeros(len(inside), np.int64))

    def forward(self, seen: Seen) -> torch.Tensor:
        inside = (seen.features - self.get_buffer("mean")) @ self.get_buffer("directions")
        found = seen._replace(features=inside)
        distance: torch.Tensor = self.near(found) - self.far(found)
        return distance


class OnTaps(nn.Module):
    """A score of taps and features together, each number in its own standard deviations."""

    def __init__(self, known: Seen, score: Callable[[np.ndarray], nn.Module]) -> None:
        """`score` is made of the training pictures `known`, float64 (N, T + D)."""
        super().__init__()
        rows = known.everything().double().numpy()
        spread = floored(rows.std(axis=0))
        self.register_buffer("scale", as_float32(1 / spread))
        self.score = score(rows / spread)

    def forward(self, seen: Seen) -> torch.Tensor:
        rows = seen.everything() * self.get_buffer("scale")
        score: torch.Tensor = self.score(seen._replace(features=rows))
        return score


def floored(spread: np.ndarray) -> np.ndarray:
    """Standard deviations (X,), none below a twentieth of the median: a number that never moved
    among the training pictures would else outweigh all others, and eight bits make it move."""
    return np.asarray(np.maximum(spread, max(0.05 * float(np.median(spread)), 1e-6)))


def main_directions(centred: np.ndarray, kept: int | None) -> np.ndarray:
    """float64 (D, kept): those in which centred rows (N, D) vary most; all of them without it."""
    if kept is None or kept >= centred.shape[1]:
        return np.eye(centred.shape[1])
    _, vectors = np.linalg.eigh(centred.T @ centred)  # ascending
    return np.asarray(vectors[:, -kept:])


def group_means(rows: np.ndarray, group: np.ndarray, num_groups: int) -> np.ndarray:
    """float64 (K, D): the mean of the rows (N, D) of each group 0 to K - 1; each has one."""
    sums = np.zeros((num_groups, rows.shape[1]))
    np.add.at(sums, group, rows)
    return np.asarray(sums / np.bincount(group, minlength=num_groups)[:, None])


def whiten(centred: np.ndarray) -> np.ndarray:
    """float64 (D, D): the matrix after which centred rows (N, D) vary alike in all directions, but
    for SHRINKAGE."""
    values, vectors = np.linalg.eigh(centred.T @ centred / len(centred))
    values = np.maximum(values, 0)
    return np.asarray(vectors / np.sqrt(values + SHRINKAGE * max(values.mean(), 1e-12)))
