"""Which pairs of a class are worth a close look. In: RECORDs of a class. Out: pairs of positions.

A class of N pictures has N * (N - 1) / 2 pairs, of which nearly all show two leaves. Each picture
is compared with its neighbours in file order and with the nearest by a short description: colours,
which shots of one leaf share since they are taken in one light, and the local features added up
(VLAD: Jegou et al. 2010, doi:10.1109/CVPR.2010.5540039).
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from ingest.leaf_match import Leaf, unit_descriptors

NEAREST = 24
"""Pictures that each is compared with, beside its neighbours: 97 % of the shots of one leaf are
among them, in classes of 90."""

WORDS = 32
"""Cells of the space of descriptors; they are found anew for every class."""

WORDS_FROM = 4_000
"""Descriptors that the cells are found from."""

VLAD_WEIGHT = 2.0
"""Against 1.0 of the colours."""

BLOCK = 1_024
"""Rows of likenesses that are held at once."""


def nearest_pairs(leaves: Sequence[Leaf], nearest: int = NEAREST) -> np.ndarray:
    """int64 (P, 2): every pair of which one is among the `nearest` of the other, smaller first.

    Sorted; the same for the same input.
    """
    count = len(leaves)
    if count - 1 <= nearest:
        return np.argwhere(np.triu(np.ones((count, count), dtype=bool), 1))
    colours = np.stack([leaf.colours for leaf in leaves])
    looks = np.hstack([colours, VLAD_WEIGHT**0.5 * _unit(_vlad(leaves))])
    pairs = []
    for start in range(0, count, BLOCK):
        likeness = looks[start : start + BLOCK] @ looks.T
        rows = np.arange(len(likeness))
        likeness[rows, start + rows] = -np.inf
        near = np.argpartition(-likeness, nearest, axis=1)[:, :nearest]
        pairs.append(np.stack([np.repeat(start + rows, nearest), near.ravel()], axis=1))
    return np.unique(np.sort(np.concatenate(pairs), axis=1), axis=0)


def _vlad(leaves: Sequence[Leaf]) -> np.ndarray:
    """float32 (N, WORDS * 128): for every cell, where from it a picture's descriptors lie."""
    total = sum(len(leaf.descriptors) for leaf in leaves)
    step = max(1, total // WORDS_FROM)
    sample = np.concatenate([unit_descriptors(leaf)[::step] for leaf in leaves])
    if len(sample) < WORDS:
        return np.zeros((len(leaves), WORDS * 128), dtype=np.float32)
    cv2.setRNGSeed(0)
    stop = (cv2.TERM_CRITERIA_COUNT, 10, 0.0)
    # OpenCV's stubs lack None for the first labels, which its documentation allows.
    words = cv2.kmeans(sample, WORDS, None, stop, 1, cv2.KMEANS_PP_CENTERS)[2]  # type: ignore[call-overload]
    return np.stack([_aggregate(unit_descriptors(leaf), words) for leaf in leaves])


def _aggregate(descriptors: np.ndarray, words: np.ndarray) -> np.ndarray:
    cell = (descriptors @ words.T - (words**2).sum(axis=1) / 2).argmax(axis=1)
    total = np.zeros_like(words)
    np.add.at(total, cell, descriptors - words[cell])
    return _unit(total).ravel()


def _unit(rows: np.ndarray) -> np.ndarray:
    """Rows of length 1; of length 0 where there is nothing."""
    unit: np.ndarray = rows / np.linalg.norm(rows, axis=1, keepdims=True).clip(1e-6)
    return unit
