"""What a picture looks like, in a few numbers. In: image uint8 (H, W, 3). Out: Appearance."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

HASH_SIDE = 8
DCT_SIDE = 32
LAYOUT_SIDE = 4


@dataclass(frozen=True)
class Appearance:
    """Numbers by which pictures are compared and judged."""

    phash: int
    """64 bits, bit 8*v + u is the sign of the DCT coefficient of frequency (v, u); bit 0 is 0.
    Turning or mirroring the picture only permutes and flips these bits."""

    layout: bytes
    """48 bytes: mean RGB of each cell of a 4 by 4 grid, row by row."""

    sharpness: float
    """Variance of the 4-neighbour Laplacian of the grey values (Pech-Pacheco et al., 2000)."""

    brightness: float
    """Mean grey value, 0-255."""

    saturation: float
    """Mean over the pixels of the largest minus the smallest of R, G and B, 0-255; near 0 is a
    grey picture, also one that is stored as RGB."""

    entropy: float
    """Bits of the histogram of grey values, 0 (one flat grey) to 8 (all 256 equally often)."""


def describe(image: np.ndarray) -> Appearance:
    """Compute the Appearance of uint8 (H, W, 3)."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    small = _shrink(image, DCT_SIDE)
    share = _histogram(grey) / grey.size
    return Appearance(
        phash=perceptual_hash(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)),
        layout=_shrink(small, LAYOUT_SIDE).tobytes(),
        sharpness=_sharpness(grey),
        brightness=float(share @ _LEVELS),
        saturation=_saturation(image),
        entropy=float(-(share[share > 0] @ np.log2(share[share > 0]))) + 0.0,  # never -0.0
    )


def perceptual_hash(grey: np.ndarray) -> int:
    """Signs of the 8 by 8 lowest DCT-II coefficients of (32, 32), without the constant one.

    After Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions" (2010),
    with the sign in place of the median as threshold.
    """
    coefficients = _DCT @ grey.astype(np.float64) @ _DCT.T
    bits = (coefficients > 0).ravel()
    bits[0] = False
    return int.from_bytes(np.packbits(bits, bitorder="little").tobytes(), "little")


def _shrink(image: np.ndarray, side: int) -> np.ndarray:
    """Mean colour of every cell of a grid of side x side; a picture under it is enlarged."""
    height, width = image.shape[:2]
    while height % 2 == width % 2 == 0 and min(height, width) >= 2 * side:
        height, width = height // 2, width // 2  # OpenCV halves in a quarter of the time
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    return cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)


def _histogram(grey: np.ndarray) -> np.ndarray:
    return cv2.calcHist([grey], [0], None, [256], [0, 256]).ravel().astype(np.float64)


def _sharpness(grey: np.ndarray) -> float:
    inside = cv2.Laplacian(grey, cv2.CV_16S)[1:-1, 1:-1]  # holds all that may come, +-1,020
    mean = cv2.sumElems(inside)[0] / inside.size
    # The sums are exact; cv2.meanStdDev takes twice as long.
    return float(cv2.norm(inside, cv2.NORM_L2SQR) / inside.size - mean**2)


def _saturation(image: np.ndarray) -> float:
    red, green, blue = cv2.split(image)
    largest = cv2.max(cv2.max(red, green), blue)
    smallest = cv2.min(cv2.min(red, green), blue)
    return float(cv2.mean(cv2.subtract(largest, smallest))[0])


def _dct_matrix() -> np.ndarray:
    frequency = np.arange(HASH_SIDE)[:, None]
    position = np.arange(DCT_SIDE)[None, :] + 0.5
    return np.cos(np.pi * frequency * position / DCT_SIDE)


_DCT = _dct_matrix()
_LEVELS = np.arange(256.0)
