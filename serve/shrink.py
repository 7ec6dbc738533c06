"""A picture that is far larger than the network's square, averaged down before the graph sees it.

In and out: upright RGB uint8 (H, W, 3). The graph squeezes both sides to its square anyway, but in
float32, and ONNX Runtime keeps what it once took: one PNG of many megapixels, or one long and
narrow JPEG, and a server of 160 MB stayed at 730 MB (`just fuzz`, 2026-11-22).

Of 25 photographs and drawings of 8 to 18 megapixels, none of a leaf, the largest change of a
probability was 0.06 (EfficientNet-Lite0, INT8, 2026-11-22), and no likeliest class changed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

STRIP_PIXELS = 4_000_000
"""How much is averaged at a time, so that no second whole picture is made."""


def shrink(image: NDArray[np.uint8], least: int) -> NDArray[np.uint8]:
    """`image`, or if it is large, means of whole boxes of it.

    Large is over 4 x `least`^2 pixels, or a side over 4 x `least`: the graph makes each column as
    high as its square first, so that 64x65280 pixels cost as much as 256x65280. Then each side
    that was longer than 2 x `least` is from `least` to 2 x `least`.
    """
    height, width = image.shape[:2]
    if height * width <= 4 * least * least and max(height, width) <= 4 * least:
        return image
    by = max(1, height // least), max(1, width // least)
    rows = by[0] * max(1, STRIP_PIXELS // (width * by[0]))
    strips = [
        Image.fromarray(image[top : top + rows]).reduce((by[1], by[0]))
        for top in range(0, height, rows)
    ]
    return np.concatenate([np.asarray(strip) for strip in strips])
