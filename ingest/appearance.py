"""What a picture looks like, in a few numbers. In: image uint8 (H, W, 3). Out: Appearance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

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


def describe(image: np.ndarray) -> Appearance:
    """Compute the Appearance of uint8 (H, W, 3)."""
    picture = Image.fromarray(image)
    grey_picture = picture.convert("L")
    grey = np.asarray(grey_picture, dtype=np.float32)
    small = np.asarray(grey_picture.resize((DCT_SIDE, DCT_SIDE), Image.Resampling.BILINEAR))
    layout = picture.resize((LAYOUT_SIDE, LAYOUT_SIDE), Image.Resampling.BOX).tobytes()
    return Appearance(
        phash=perceptual_hash(small),
        layout=layout,
        sharpness=float(_laplacian(grey).var()),
        brightness=float(grey.mean()),
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


def _dct_matrix() -> np.ndarray:
    frequency = np.arange(HASH_SIDE)[:, None]
    position = np.arange(DCT_SIDE)[None, :] + 0.5
    return np.cos(np.pi * frequency * position / DCT_SIDE)


def _laplacian(grey: np.ndarray) -> np.ndarray:
    centre = grey[1:-1, 1:-1]
    return grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * centre


_DCT = _dct_matrix()
