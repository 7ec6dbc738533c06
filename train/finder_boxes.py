"""Boxes around leaves: arithmetic, and those that people drew. In: a TSV. Out: boxes of each file.

Boxes are float32 (M, 4): left, top, right, bottom, as shares of the picture's width and height.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from leaflake import UsageError

COLUMNS = ("file", "cx", "cy", "w", "h")

WHOLE = np.array([0, 0, 1, 1], np.float32)
"""The box of a whole picture."""

SLACK = 0.02
"""By how much a drawn box may leave its picture: rounded centres and sizes do."""


def read_boxes(path: Path) -> dict[str, np.ndarray]:
    """File -> its boxes, float32 (M, 4), of a table with COLUMNS, separated by tabs.

    `file` is the end of a picture's path, `cx` to `h` are centre, width and height as shares of the
    picture. Raises UsageError that names the row.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read ({error}). Nothing was written.") from None
    rows = csv.reader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    if tuple(next(rows, ())) != COLUMNS:
        raise UsageError(
            f"{path}:1: expected the columns {', '.join(COLUMNS)}, separated by tabs. "
            "Nothing was written."
        )
    found: dict[str, list[np.ndarray]] = {}
    for number, row in enumerate(rows, start=2):
        if row:
            found.setdefault(row[0], []).append(_read_box(path, number, row))
    return {file: np.stack(boxes) for file, boxes in found.items()}


def _read_box(path: Path, number: int, row: list[str]) -> np.ndarray:
    try:
        centre_x, centre_y, width, height = (float(value) for value in row[1:])
    except ValueError:
        raise _refusal(path, number, row) from None
    x, y = width / 2, height / 2
    box = np.array([centre_x - x, centre_y - y, centre_x + x, centre_y + y], np.float32)
    if not (width > 0 and height > 0 and np.all((box > -SLACK) & (box < 1 + SLACK))):
        raise _refusal(path, number, row)
    return box.clip(0, 1)


def _refusal(path: Path, number: int, row: list[str]) -> UsageError:
    return UsageError(
        f"{path}:{number}: {' '.join(row[1:])!r} is no box; expected centre x, centre y, width and "
        "height as shares of the picture, from 0 to 1. Nothing was written."
    )


def boxes_of(source_path: str, drawn: dict[str, np.ndarray]) -> np.ndarray | None:
    """The boxes of the picture that was ingested from there; None where nobody drew any."""
    parts = Path(source_path).parts
    ends = ("/".join(parts[start:]) for start in range(len(parts)))
    return next((drawn[end] for end in ends if end in drawn), None)


def overlaps(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersection over union of each with each: (M, 4) and (K, 4) -> float32 (M, K)."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=2)
    sizes = areas(boxes)[:, None] + areas(others)[None]
    return np.asarray(shared / np.maximum(sizes - shared, 1e-9), np.float32)


def areas(boxes: np.ndarray) -> np.ndarray:
    """Shares of the picture, (M, 4) -> (M,)."""
    return np.asarray(np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=1))


def clip_boxes(
    boxes: np.ndarray, window: tuple[float, float, float, float], visible: float
) -> np.ndarray:
    """What is left of the boxes in a window, as shares of it.

    Those of which less than a share `visible` is inside are left out.
    """
    left, top, right, bottom = window
    scale = np.array([right - left, bottom - top] * 2, np.float32)
    moved = (boxes - np.array([left, top, left, top], np.float32)) / scale
    inside = moved.clip(0, 1)
    return inside[areas(inside) >= visible * np.maximum(areas(moved), 1e-9)]


def turn_boxes(boxes: np.ndarray, variant: int) -> np.ndarray:
    """Boxes of a picture that was laid in one of the eight ways of shards/crop.py."""
    left, top, right, bottom = boxes.T
    if variant & 4:
        left, top, right, bottom = top, left, bottom, right
    if variant & 2:
        left, right = 1 - right, 1 - left
    if variant & 1:
        top, bottom = 1 - bottom, 1 - top
    return np.stack([left, top, right, bottom], axis=1)
