"""Pictures of a leaf on a board and of backgrounds, for the tests of the leaf finder."""

from __future__ import annotations

import cv2
import numpy as np

BOARD, GREEN = (150, 145, 155), (60, 140, 40)


def leaf_on_board(
    centre: tuple[int, int] = (32, 32), axes: tuple[int, int] = (20, 12), size: int = 64
) -> np.ndarray:
    """A green ellipse on a grey board with a grain, RGB uint8 (size, size, 3)."""
    image = np.full((size, size, 3), BOARD, np.uint8)
    cv2.ellipse(image, centre, axes, 0, 0, 360, GREEN, cv2.FILLED)
    grain = np.random.default_rng(sum(centre)).integers(-4, 5, (size, size, 1))
    return (image.astype(int) + grain).clip(0, 255).astype(np.uint8)


def sky(seed: int = 0, size: int = 64) -> np.ndarray:
    """Bright patches without green."""
    patches = np.random.default_rng(seed).integers(120, 256, (4, 4, 3), dtype=np.uint8)
    patches[..., 1] = 120
    return cv2.resize(patches, (size, size), interpolation=cv2.INTER_NEAREST)
