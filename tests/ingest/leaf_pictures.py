"""Drawn leaves that can be told apart, and second shots of them."""

from __future__ import annotations

import cv2
import numpy as np


def draw_mottled(seed: int, side: int = 256) -> np.ndarray:
    """uint8 (side, side, 3): a green disc on a grey board, with a pattern of its own."""
    rng = np.random.default_rng(seed)
    noise = cv2.GaussianBlur(rng.normal(size=(256, 256)).astype(np.float32), (0, 0), 2.5)
    pattern = cv2.resize(60 * noise / noise.std(), (side, side))
    image = np.full((side, side, 3), 150, dtype=np.float32)
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    inside = np.hypot(x, y) < side * 0.4
    image[inside] = np.array([80, 140, 60]) + pattern[inside, None]
    return image.clip(0, 255).astype(np.uint8)


def turn(image: np.ndarray, degrees: float, zoom: float = 1.0, light: float = 1.0) -> np.ndarray:
    """Another shot: the leaf turned on its board, nearer, in another light."""
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, zoom)
    turned = cv2.warpAffine(image, matrix, (width, height), borderValue=(150, 150, 150))
    return (turned * light).clip(0, 255).astype(np.uint8)
