"""Do two pictures show one leaf? In: two RECORDs. Out: a score.

A leaf that is turned, moved or tilted on its board takes its spots and veins along: between two
shots of it, many features move by one affine map. On two leaves they seldom do.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ingest.leaf_features import unpack_keypoints

RATIO = 0.95
"""A match counts if its distance is under this share of the second best's (Lowe's ratio test). The
geometry sorts out more than usual here, so that it may be lax."""

TURN_RAD = 0.5
"""Within one motion all features turn by nearly the same angle,"""

ZOOM_OCTAVES = 0.7
"""and grow by nearly the same factor: matches are sorted by this before a map is fitted."""

REPROJECTION_PIXELS = 8.0
"""Of 256. A leaf is not flat, so it never follows an affine map exactly."""

STRETCH = (0.35, 2.5)
"""Least and largest stretch along any direction that a second shot of a leaf may show."""

STILL = (3.0, 0.15, 0.15)
"""Pixels, octaves and radians. Features that stay where they were are a stamp over the picture,
such as the name of a photo agency, and no evidence. Pictures in which all stays have near hashes,
and are found by these."""

SAME_SPOT_PIXELS = 3.0
"""Features so near each other are one piece of evidence."""


COLOUR_LIKENESS = 0.95
"""Cosine of the colours of two shots in one light. Half of the shots of one leaf are under it,"""

COLOUR_WEIGHT = 30.0
"""so that each 0.033 less costs one agreeing feature, each more gives one,"""

COLOUR_LIMIT = 0.2
"""and no less likeness than this below it counts: a cloud may have come. With the colours, as many
shots of one leaf are recognised with half of the mistakes (2026-11-22)."""


@dataclass(frozen=True)
class Leaf:
    """What is compared of one picture."""

    points: np.ndarray
    """float32 (K, 4), as unpack_keypoints gives them."""

    descriptors: np.ndarray
    """uint8 (K, 128), 0-15. Bytes, since a large class has to fit into memory."""

    colours: np.ndarray
    """float32 (C,), of length 1."""


def as_leaf(record: np.ndarray) -> Leaf:
    """Unpack one RECORD."""
    colours = record["colours"].astype(np.float32)
    return Leaf(*unpack_keypoints(record), colours / np.linalg.norm(colours).clip(1e-6))


def unit_descriptors(leaf: Leaf) -> np.ndarray:
    """float32 (K, 128), of length 1."""
    descriptors = leaf.descriptors.astype(np.float32)
    descriptors /= np.sqrt(np.einsum("kd,kd->k", descriptors, descriptors).clip(1))[:, None]
    return descriptors


def score(one: Leaf, other: Leaf, least: float = 0.0) -> float:
    """Agreeing features, more or less some for the colours; 0 if none agree, or if the score is
    under `least`. Two leaves of a class seldom reach 5 and hardly ever 10; shots of one leaf reach
    up to 100."""
    likeness = float(one.colours @ other.colours) - COLOUR_LIKENESS
    bonus = COLOUR_WEIGHT * max(likeness, -COLOUR_LIMIT)
    agreeing = count_agreeing(one, other, least - bonus)
    return agreeing + bonus if agreeing and agreeing + bonus >= least else 0.0


def count_agreeing(one: Leaf, other: Leaf, least: float = 0.0) -> int:
    """Features of `one` that find their like in `other` where one affine map puts them; 0 if there
    is no such map, or if fewer than `least` could follow one. The same for the same pair in the
    same order."""
    first, second = _tentative(one, other)
    first, second = _same_motion(first, second)
    if len(first) < max(4.0, least):
        return 0
    affine, kept = cv2.estimateAffine2D(
        np.ascontiguousarray(first[:, :2]),
        np.ascontiguousarray(second[:, :2]),
        method=cv2.RANSAC,
        ransacReprojThreshold=REPROJECTION_PIXELS,
        maxIters=300,
        confidence=0.99,
        refineIters=0,
    )
    if affine is None or np.linalg.det(affine[:, :2]) <= 0:  # a leaf is not seen in a mirror
        return 0
    stretch = np.linalg.svd(affine[:, :2], compute_uv=False)
    if stretch[0] > STRETCH[1] or stretch[1] < STRETCH[0]:
        return 0
    inside = kept.ravel() > 0
    return min(_num_spots(first[inside]), _num_spots(second[inside]))


def _tentative(one: Leaf, other: Leaf) -> tuple[np.ndarray, np.ndarray]:
    """The points (M, 4) in both pictures of the matches that pass the ratio test."""
    if len(one.points) < 2 or len(other.points) < 2:
        return one.points[:0], other.points[:0]
    likeness = unit_descriptors(one) @ unit_descriptors(other).T  # (K, L)
    rows = np.arange(len(likeness))
    best = likeness.argmax(axis=1)
    nearest = likeness[rows, best]
    likeness[rows, best] = -1
    second = likeness.max(axis=1)
    passed = (1 - nearest) < RATIO**2 * (1 - second)  # squared distances, halved
    from_points, to_points = one.points[passed], other.points[best[passed]]
    moved = ~_is_still(from_points, to_points)
    return from_points[moved], to_points[moved]


def _is_still(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    pixels, octaves, radians = STILL
    return (
        (np.abs(second[:, :2] - first[:, :2]).max(axis=1, initial=0) <= pixels)
        & (np.abs(second[:, 2] - first[:, 2]) <= octaves)
        & (_angle(second[:, 3] - first[:, 3]) <= radians)
    )


def _same_motion(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The largest set of matches that turn and grow as one of them does."""
    if len(first) == 0:
        return first, second
    turn = (second[:, 3] - first[:, 3]) % (2 * np.pi)
    zoom = second[:, 2] - first[:, 2]
    agree = (_angle(turn[:, None] - turn[None]) < TURN_RAD) & (
        np.abs(zoom[:, None] - zoom[None]) < ZOOM_OCTAVES
    )
    chosen = agree[agree.sum(axis=1).argmax()]
    return first[chosen], second[chosen]


def _angle(difference: np.ndarray) -> np.ndarray:
    """Radians, 0 to pi, between directions from 0 to 2 pi that differ by so much."""
    absolute = np.abs(difference)  # no remainder: it took a third of the time of a pair
    return np.minimum(absolute, 2 * np.pi - absolute)


def _num_spots(points: np.ndarray) -> int:
    return len(np.unique(np.rint(points[:, :2] / SAME_SPOT_PIXELS), axis=0))
