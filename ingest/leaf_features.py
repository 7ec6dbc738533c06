"""What tells one leaf from another. In: an image. Out: one RECORD of local features and colours.

Local features are SIFT keypoints (Lowe 2004, doi:10.1023/B:VISI.0000029664.99615.94): spots, veins
and teeth, each described whichever way the leaf lies and however bright the light is.
"""

from __future__ import annotations

import cv2
import numpy as np

MAX_SIDE = 256
"""Pixels. Larger pictures are scaled down to it, so that a coordinate fits a byte."""

MAX_KEYPOINTS = 200
"""The strongest. With 300, 0 to 2 points more of the neighbouring shots were recognised, with 150 4
points fewer; bytes grow in step."""

MIN_CONTRAST = 0.03
"""SIFT's threshold. With a third of it a picture took longer and no more leaves were recognised."""

COLOUR_BINS = (4, 8, 8)
"""Of L, a and b (OpenCV's, 0-255)."""

COLOUR_RANGES = ((0, 256), (96, 160), (96, 176))
"""Leaves and boards lie within; what lies outside counts as the nearest bin."""

RECORD = np.dtype(
    [
        ("is_there", "u1"),
        ("num_keypoints", "u1"),
        ("keypoints", "u1", (MAX_KEYPOINTS, 4)),
        ("descriptors", "u1", (MAX_KEYPOINTS, 64)),
        ("colours", "u1", (int(np.prod(COLOUR_BINS)),)),
    ]
)
"""One picture. `keypoints`: x and y in pixels of the scaled picture, 32 times the binary logarithm
of the diameter, and the direction in 256ths of a turn. `descriptors`: square roots of SIFT's 128
numbers (0-255), two in a byte. `colours`: square roots of the shares of COLOUR_BINS, times 255.
`is_there` is 0 in the row of a file that is no sample."""


def describe(image: np.ndarray) -> np.ndarray:
    """The RECORD, shape (), of an upright RGB uint8 (H, W, 3). The same pixels, the same bytes."""
    record = np.zeros((), RECORD)
    image = _scaled(image)
    record["is_there"] = 1
    record["colours"] = _colours(image)
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    # SIFT keeps ties beyond the number that it was asked for, so the strongest are cut here.
    finder = cv2.SIFT.create(nfeatures=MAX_KEYPOINTS, contrastThreshold=MIN_CONTRAST)
    found, descriptors = finder.detectAndCompute(grey, None)
    if descriptors is None:
        return record
    response = np.array([keypoint.response for keypoint in found])
    strongest = np.argsort(-response, kind="stable")[:MAX_KEYPOINTS]
    rows = [
        (*found[i].pt, 32 * np.log2(found[i].size), found[i].angle / 360 * 256) for i in strongest
    ]
    points = np.rint(rows).astype(np.int64)
    points[:, :3] = points[:, :3].clip(0, 255)
    levels = np.sqrt(descriptors[strongest]).astype(np.uint8).clip(0, 15)
    record["num_keypoints"] = len(strongest)
    record["keypoints"][: len(strongest)] = points & 255  # a full turn is no turn
    record["descriptors"][: len(strongest)] = levels[:, ::2] << 4 | levels[:, 1::2]
    return record


def unpack_keypoints(record: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """float32 keypoints (K, 4): x, y, log2 of the diameter, radians; uint8 descriptors (K, 128),
    0-15."""
    count = int(record["num_keypoints"])
    points = record["keypoints"][:count].astype(np.float32)
    points *= np.array([1, 1, 1 / 32, 2 * np.pi / 256], dtype=np.float32)
    packed = record["descriptors"][:count]
    levels = np.empty((count, 128), dtype=np.uint8)
    levels[:, ::2], levels[:, 1::2] = packed >> 4, packed & 15
    return points, levels


def _scaled(image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    if max(height, width) <= MAX_SIDE:
        return image
    scale = MAX_SIDE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def _colours(image: np.ndarray) -> np.ndarray:
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).reshape(-1, 3)
    index = np.zeros(len(lab), dtype=np.int32)
    for channel, (bins, (low, high)) in enumerate(zip(COLOUR_BINS, COLOUR_RANGES, strict=True)):
        levels = (np.arange(256) - low) * bins // (high - low)
        index = index * bins + levels.clip(0, bins - 1).astype(np.int32)[lab[:, channel]]
    counts = np.bincount(index, minlength=int(np.prod(COLOUR_BINS)))
    return np.rint(np.sqrt(counts / len(lab)) * 255).astype(np.uint8)
