"""Random crops. In: a JPEG of a shard and five random numbers. Out: a square of pixels.

What the decoder gives is what `decode_image` gives, unless the crop is at least twice the square;
then libjpeg-turbo scales while it decodes. Decoding only the rows and columns of the crop
(jpeg_crop_scanline) was tried in C: 167 instead of 202 microseconds a PlantVillage picture for
crops of 8 to 100 % of its area, 182 for 35 to 100 %, as the bits before the crop must be read all
the same. No wheel offers it, and that is too little for a compiler on every machine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import simplejpeg
from PIL import Image

from shards.decode import MAX_IMAGE_PIXELS, DecodeError, jpeg_error

WAYS = (0, 2, 1, 3, 4, 5, 6, 7)
"""Variants of `turn` in the order in which Crops.turns admits them."""


@dataclass(frozen=True)
class Crops:
    """What a random crop may be. After Szegedy et al., "Going Deeper with Convolutions" (2015)."""

    area: tuple[float, float] = (0.35, 1.0)
    """Share of the picture's area. Above ImageNet's usual 0.08: a lesion must not be cut away."""

    aspect: tuple[float, float] = (3 / 4, 4 / 3)
    """Width over height."""

    turns: int = 8
    """How many of the eight ways to lay a square on a table may come: leaves have no up. 2 is as it
    is or mirrored left to right, 1 only as it is."""


class Cropper:
    """Decodes, crops and resizes, into memory that it keeps.

    New memory for every picture makes decoding take half as long again (317 instead of 202
    microseconds for a PlantVillage picture), as the system clears each page of it.
    """

    def __init__(self) -> None:
        self._pixels = np.empty(0, np.uint8)
        self._square = np.empty(0, np.uint8)

    def crop(
        self,
        data: np.ndarray,
        draws: np.ndarray,
        crops: Crops,
        out: np.ndarray,
        region: np.ndarray | None = None,
    ) -> None:
        """Fill `out`, uint8 (size, size, 3), with a crop of a JPEG, which is uint8 (bytes,).

        `draws` are five numbers in [0, 1): area, aspect, left, top and turn; the crop lies in the
        `region`, as in `region_box`. Raises DecodeError.
        """
        size = out.shape[0]
        height, width = jpeg_shape(data)
        x, y, end_x, end_y = region_box(region, height, width)
        left, top, right, bottom = crop_box(draws, end_y - y, end_x - x, crops)
        left, top, right, bottom = left + x, top + y, right + x, bottom + y
        scale = decoder_scale(min(right - left, bottom - top), size)
        image = self._decode(data, -(-height // scale), -(-width // scale), scale)
        crop = image[top // scale : -(-bottom // scale), left // scale : -(-right // scale)]
        variant = WAYS[int(draws[4] * crops.turns)]
        if variant == 0:
            resize(crop, out)
            return
        if self._square.shape != out.shape:
            self._square = np.empty_like(out)
        resize(crop, self._square)
        turn(self._square, variant, out)

    def _decode(self, data: np.ndarray, height: int, width: int, scale: int) -> np.ndarray:
        """uint8 (height, width, 3), a `scale`-th of the picture; valid until the next call."""
        if self._pixels.size < height * width * 3:
            self._pixels = np.empty(height * width * 3, np.uint8)
        image = self._pixels[: height * width * 3].reshape(height, width, 3)
        try:
            simplejpeg.decode_jpeg(
                data, "RGB", min_height=height, min_width=width, min_factor=scale, buffer=image
            )
        except ValueError as error:
            raise jpeg_error(error) from error
        return image


def jpeg_shape(data: np.ndarray) -> tuple[int, int]:
    """Height and width in pixels, from the header. Raises DecodeError, also over the limit."""
    try:
        height, width, _, _ = simplejpeg.decode_jpeg_header(data)
    except ValueError as error:
        raise jpeg_error(error) from error
    if height * width > MAX_IMAGE_PIXELS:
        raise DecodeError("too_large", f"{width}x{height}")
    return height, width


def crop_box(draws: np.ndarray, height: int, width: int, crops: Crops) -> tuple[int, int, int, int]:
    """A random (left, top, right, bottom) in whole pixels, of at least one, in the picture."""
    low, high = crops.area
    area = (low + (high - low) * float(draws[0])) * height * width
    low, high = math.log(crops.aspect[0]), math.log(crops.aspect[1])
    aspect = math.exp(low + (high - low) * float(draws[1]))
    box_width = max(1, min(width, round(math.sqrt(area * aspect))))
    box_height = max(1, min(height, round(math.sqrt(area / aspect))))
    left = int(float(draws[2]) * (width - box_width + 1))
    top = int(float(draws[3]) * (height - box_height + 1))
    return left, top, left + box_width, top + box_height


def region_box(region: np.ndarray | None, height: int, width: int) -> tuple[int, int, int, int]:
    """A part of a picture, float32 (4,), as left, top, right and bottom in whole pixels, of at
    least one. The region has them as shares of the picture; None is all of it."""
    if region is None:
        return 0, 0, width, height
    left, top, right, bottom = np.rint(region * (width, height, width, height)).astype(int).tolist()
    left, top = min(left, width - 1), min(top, height - 1)
    return left, top, max(left + 1, right), max(top + 1, bottom)


def decoder_scale(side: int, size: int) -> int:
    """By how much the decoder may shrink a crop with that short side: 1, 2, 4 or 8, and never to
    less than `size`. These are the scales for which libjpeg-turbo has fast code."""
    return max(scale for scale in (1, 2, 4, 8) if scale == 1 or side >= scale * size)


def resize(image: np.ndarray, out: np.ndarray) -> None:
    """Resize uint8 (H, W, 3) to `out`, uint8 (size, size, 3).

    Bilinear, and the mean of the covered area where a side shrinks to half or less. Against the
    triangle weights of train/preprocess.py plain bilinear is off by 0.5 to 2.5 levels in the mean
    for sides that shrink by 1.07 to 2 (117 photographs), and takes 60 to 125 microseconds instead
    of Pillow's 440; OpenCV's area mean, off by 0.3 to 2.5, takes 170 to 365.
    """
    size = out.shape[0]
    shrinks = min(image.shape[:2]) >= 2 * size
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    cv2.resize(image, (size, size), dst=out, interpolation=method)


def squeeze(image: np.ndarray, size: int) -> np.ndarray:
    """Resize uint8 (H, W, 3) to (size, size, 3) with the very triangle weights of
    train/preprocess.py, rounded to whole levels. For pictures that a model is judged on."""
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR))


def turn(image: np.ndarray, variant: int, out: np.ndarray) -> None:
    """Lay a square picture in one of the eight ways, 0 to 7: bit 4 swaps rows and columns, then
    bit 2 mirrors left to right and bit 1 top to bottom."""
    if variant & 4:
        cv2.transpose(image, out)
        image = out
    if variant & 3:
        cv2.flip(image, {1: 0, 2: 1, 3: -1}[variant & 3], out)
    elif not variant & 4:
        np.copyto(out, image)
