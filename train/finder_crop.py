"""From found leaves to crops. In: a picture and what was found in it. Out: parts of the picture."""

from __future__ import annotations

from typing import Literal

import numpy as np

from shards.decode import MIN_SIDE
from train.finder_net import Found

Leaves = Literal["first", "all", "together"]
"""The most certain leaf; a crop for each; or one crop that holds them all."""

MARGIN = 0.1
"""Share of a box's sides that is kept around it, in all: boxes are not exact, and a leaf's rim
tells species apart."""

Part = tuple[int, int, int, int]
"""Left, top, right and bottom, pixels."""


def crop_boxes(found: Found, leaves: Leaves) -> Found:
    """The boxes to crop; none where nothing was found. That of all leaves together is as certain
    as the first."""
    if leaves == "all" or not len(found.boxes):
        return found
    box = found.boxes[0]
    if leaves == "together":
        box = np.concatenate([found.boxes[:, :2].min(axis=0), found.boxes[:, 2:].max(axis=0)])
    return Found(box[None], found.scores[:1])


def crop_part(box: np.ndarray, height: int, width: int, margin: float = MARGIN) -> Part:
    """Where a box, float32 (4,), with its margin lies in a picture of that size.

    At least MIN_SIDE pixels each way, which is the least that anything of ours decodes.
    """
    left, right = _span(float(box[0]), float(box[2]), width, margin)
    top, bottom = _span(float(box[1]), float(box[3]), height, margin)
    return left, top, right, bottom


def _span(low: float, high: float, side: int, margin: float) -> tuple[int, int]:
    rim = margin / 2 * (high - low)
    first, last = round((low - rim) * side), round((high + rim) * side)
    short = max(0, MIN_SIDE - (last - first))
    first = min(max(0, first - short // 2), max(0, side - MIN_SIDE))
    return first, min(side, max(last, first + MIN_SIDE))


def cut(image: np.ndarray, part: Part) -> np.ndarray:
    """That part of a picture (H, W, 3), as a copy."""
    left, top, right, bottom = part
    return image[top:bottom, left:right].copy()
