"""How well leaves are found. In: found and drawn boxes. Out: figures with 95 % intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass

import cv2
import numpy as np

from train.bootstrap import TAIL, replicates
from train.finder_boxes import overlaps
from train.finder_data import Example
from train.finder_net import Found
from train.predict import num_cores, one_thread_each

ENOUGH = 0.5
"""Overlap from which a found box is one of the drawn ones."""

MIDDLE_SIDE = 0.7
"""Of the centre crop, as a share of each side: half of the picture."""

LEAST_GREEN = 0.01
"""Share of the picture from which a green spot is taken for a leaf."""

Finder = Callable[[np.ndarray], Found]
"""Upright RGB uint8 (H, W, 3) -> what is found in it."""


@dataclass(frozen=True)
class Counts:
    """Of one picture."""

    drawn: int
    found: int
    overlap: float
    """Sum over the drawn boxes of the overlap with the found box that each goes with; 0 for those
    that go with none."""

    hits: int
    """Drawn boxes whose overlap is at least ENOUGH."""

    main: float
    """Overlap of the most certain found box with the drawn box that it fits best."""


def count(found: Found, drawn: np.ndarray) -> Counts:
    """Hold boxes against those that were drawn, float32 (M, 4), M from 1. The pair that overlaps
    most goes together, then the next; no box twice."""
    overlap = overlaps(found.boxes, drawn)
    main = float(overlap[0].max()) if len(overlap) else 0.0
    pairs = []
    while overlap.size and overlap.max() > 0:
        one, other = np.unravel_index(overlap.argmax(), overlap.shape)
        pairs.append(float(overlap[one, other]))
        overlap[one, :] = overlap[:, other] = 0
    hits = sum(pair >= ENOUGH for pair in pairs)
    return Counts(len(drawn), len(found.boxes), sum(pairs), hits, main)


def figures(counts: Sequence[Counts], groups: np.ndarray) -> dict[str, tuple[float, float, float]]:
    """Figure -> value and its 95 % interval; `groups` (N,) as in train/bootstrap.py.

    `mean_iou` and `recall` are over drawn boxes, `precision` over found ones, `main_iou` and
    `main_right` over pictures.
    """
    drawn, found, overlap, hits, main = np.array([astuple(one) for one in counts], float).T
    ratios = {
        "mean_iou": (overlap, drawn),
        "recall": (hits, drawn),
        "precision": (hits, found),
        "main_iou": (main, np.ones_like(main)),
        "main_right": ((main >= ENOUGH).astype(float), np.ones_like(main)),
    }
    weights = np.concatenate(list(replicates(groups)))
    result = {}
    for name, (top, bottom) in ratios.items():
        if bottom.any():
            below = weights @ bottom
            values = (weights @ top)[below > 0] / below[below > 0]
            low, high = np.quantile(values, [TAIL, 1 - TAIL])
            result[name] = (float(top.sum() / bottom.sum()), float(low), float(high))
    return result


def find_all(finder: Finder, examples: Sequence[Example]) -> list[Found]:
    """What is found in each; as in train/predict.py, a picture a core."""
    with one_thread_each(), ThreadPoolExecutor(num_cores()) as pool:
        return list(pool.map(lambda one: finder(one.image), examples))


def best_threshold(found: Sequence[Found], examples: Sequence[Example]) -> float:
    """The certainty from which boxes are best kept: the one of the largest F1 at ENOUGH."""

    def f1(threshold: float) -> float:
        counts = [
            count(one.over(threshold), example.boxes)
            for one, example in zip(found, examples, strict=True)
        ]
        return 2 * sum(one.hits for one in counts) / sum(one.drawn + one.found for one in counts)

    return max((float(one) for one in np.arange(0.1, 0.71, 0.05).round(2)), key=f1)


def centre_crop(image: np.ndarray) -> Found:
    """A baseline that looks at nothing: the middle half of the picture."""
    rim = (1 - MIDDLE_SIDE) / 2
    return Found(np.array([[rim, rim, 1 - rim, 1 - rim]], np.float32), np.ones(1, np.float32))


def whole_picture(image: np.ndarray) -> Found:
    """The other one."""
    return Found(np.array([[0, 0, 1, 1]], np.float32), np.ones(1, np.float32))


def green_excess(image: np.ndarray) -> Found:
    """A baseline without learning: green spots by size, the largest first, whose size is their
    certainty.

    2g - r - b of the shares of each colour (Woebbecke et al., "Color indices for weed
    identification under various soil, residue, and lighting conditions", 1995), parted by Otsu's
    threshold.
    """
    levels = image.astype(np.float32)
    shares = levels / np.maximum(levels.sum(axis=2, keepdims=True), 1)
    excess = (2 * shares[..., 1] - shares[..., 0] - shares[..., 2]).clip(0, 1)
    _, mask = cv2.threshold(
        (255 * excess).astype(np.uint8), 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU
    )
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask)
    size = stats[1:, cv2.CC_STAT_AREA] / mask.size
    order = np.argsort(-size, kind="stable")
    order = order[size[order] >= LEAST_GREEN]
    left, top, width, height = stats[1:][order][:, :4].T / np.float32(1)
    boxes = np.stack([left, top, left + width, top + height], axis=1)
    scale = np.array(mask.shape[::-1] * 2, np.float32)
    return Found((boxes / scale).astype(np.float32), size[order].astype(np.float32))
