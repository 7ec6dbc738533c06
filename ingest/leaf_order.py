"""What the order of a folder says of its pictures. In: names in natural order. Out: pairs.

Cameras count, so shots of one leaf stand next to each other. In a folder that somebody renamed they
do not; whether they do is for the pictures to show.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from catalog.name_order import NameKey

WINDOW = 3
"""Neighbours are at most so many files and, where names differ in one number, so many numbers
apart: a leaf is seldom taken more than four times."""


def number_gap(one: NameKey, other: NameKey) -> int | None:
    """By how much two names differ that are the same but for one number; else None."""
    if len(one) != len(other):
        return None
    differing = [(a, b) for a, b in zip(one, other, strict=True) if a != b]
    if len(differing) != 1 or differing[0][0][0] or differing[0][1][0]:
        return None
    return abs(differing[0][0][1] - differing[0][1][1])


def count_neighbours(names: Sequence[NameKey]) -> list[int]:
    """For each name how many of those just before it, in one folder in natural order, are its
    neighbours."""
    counts = []
    for position, name in enumerate(names):
        count = 0
        for before in reversed(names[max(0, position - WINDOW) : position]):
            gap = number_gap(before, name)
            if gap is not None and gap > WINDOW:
                break
            count += 1
        counts.append(count)
    return counts


def neighbour_pairs(counts: np.ndarray) -> np.ndarray:
    """int64 (P, 2): positions of neighbours, the smaller first, from what count_neighbours gave."""
    other = np.repeat(np.arange(len(counts)), counts)
    steps = [np.arange(1, count + 1) for count in counts]
    step = np.concatenate(steps) if steps else np.empty(0, dtype=np.int64)
    return np.stack([other - step, other], axis=1)


def far_pairs(count: int, most: int) -> np.ndarray:
    """int64 (P, 2): up to `most` pairs of positions more than WINDOW apart, spread over all."""
    rng = np.random.default_rng(0)
    drawn = np.sort(rng.integers(0, max(count, 1), (4 * most, 2)), axis=1)
    return np.unique(drawn[drawn[:, 1] - drawn[:, 0] > WINDOW][:most], axis=0)
