"""Crops and whole pictures for ffcv. In: a .beton's JPEGs and boxes. Out: squares of pixels.

ffcv's own RandomResizedCropRGBImageDecoder draws its crops from the state of numba's threads, so
that no seed brings an epoch back (libffcv/ffcv issues 164 and 392), and does not look whether a
picture could be decoded. This one is told the boxes (shards/ffcv_places.py); it decodes by ffcv's
C function.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
from ffcv.fields.decoders import SimpleRGBImageDecoder
from ffcv.libffcv import imdecode, resize_crop
from ffcv.pipeline.allocation_query import AllocationQuery
from ffcv.pipeline.compiler import Compiler
from ffcv.pipeline.state import State
from numba import njit, prange


class CropDecoder(SimpleRGBImageDecoder):  # ffcv takes nothing else as an image's decoder
    """Gives (uint8 (N, size, size, 3), int32 (N,): 0 where the decoder had nothing to say)."""

    def __init__(self, size: int, whole: bool) -> None:
        """`whole`: squeeze whole pictures by triangle weights, as shards/crop.py's `squeeze`."""
        super().__init__()
        self.size = size
        self.whole = whole

    def declare_state_and_memory(
        self, previous_state: State
    ) -> tuple[State, tuple[AllocationQuery, AllocationQuery]]:
        """What comes out, and the memory for it."""
        shape, dtype = (self.size, self.size, 3), np.dtype("u1")
        state = replace(previous_state, jit_mode=True, shape=shape, dtype=dtype)
        return state, (AllocationQuery(shape, dtype), AllocationQuery((), np.dtype("<i4")))

    def generate_code(self) -> Callable[..., tuple[np.ndarray, np.ndarray]]:
        """What ffcv compiles: next to nothing, as every loader would compile it anew."""
        # In an array, as numba would compile anew for every other constant.
        settings = np.array([self.whole, Compiler.num_threads])
        fill_c = compiled_fill()

        def decode(places, memory, metadata, storage):  # type: ignore[no-untyped-def]
            images, errors = memory
            fill_c(places, images, errors, metadata, storage, settings)
            return images[: len(places)], errors[: len(places)]

        return decode


@cache
def compiled_fill() -> Callable[..., None]:
    """Decodes a batch. To compile it takes some seconds, once a process."""
    decode_c, crop_c = Compiler.compile(imdecode), Compiler.compile(resize_crop)
    resize_c, squeeze_c, turn_c = compiled_resize(), compiled_squeeze(), Compiler.compile(turn)

    def fill(places, images, errors, metadata, storage, settings):  # type: ignore[no-untyped-def]
        whole, threads = settings
        size = images.shape[1]
        for thread in prange(threads):
            # Its own memory for all pictures of a thread: ffcv's way is the largest picture of the
            # file, once for every picture of five batches.
            largest = 0
            for number in range(thread, len(places), threads):
                at = metadata[places[number]]
                largest = max(largest, at["width"] * at["height"])
            pixels = np.empty(largest * 3, np.uint8)
            square = np.empty((size, size, 3), np.uint8)
            for number in range(thread, len(places), threads):
                at = metadata[places[number]]
                scale = at["scale"]
                width, height = -(-at["width"] // scale), -(-at["height"] // scale)
                data = storage[0][at["data_ptr"] : at["data_ptr"] + at["length"]]
                errors[number] = decode_c(
                    data, pixels, at["height"], at["width"], at["height"], at["width"],
                    0, 0, 1, scale, False, False,
                )  # fmt: skip
                image = pixels[: width * height * 3].reshape(height, width, 3)
                if whole:
                    squeeze_c(image, images[number])
                    continue
                left, top = at["left"] // scale, at["top"] // scale
                right, bottom = -(-at["right"] // scale), -(-at["bottom"] // scale)
                if min(right - left, bottom - top) >= 2 * size:
                    crop_c(image, top, bottom, left, right, square)
                else:
                    resize_c(image[top:bottom, left:right], square)
                turn_c(square, at["variant"], images[number])

    return njit(nogil=True, parallel=True, error_model="numpy")(fill)


def turn(image: np.ndarray, variant: int, out: np.ndarray) -> None:
    """As shards/crop.py's `turn`, for numba."""
    size = len(image)
    for row in range(size):
        for column in range(size):
            down = size - 1 - row if variant & 1 else row
            right = size - 1 - column if variant & 2 else column
            if variant & 4:
                down, right = right, down
            out[row, column, 0] = image[down, right, 0]
            out[row, column, 1] = image[down, right, 1]
            out[row, column, 2] = image[down, right, 2]


def compiled_resize() -> Callable[[np.ndarray, np.ndarray], None]:
    """OpenCV's INTER_LINEAR for numba: (H, W, 3) -> (size, size, 3), both uint8. ffcv has only
    INTER_AREA, which takes twice as long here and makes blocks of what it enlarges.

    Whole numbers in 11 bits, as there; rows first, as they lie in memory one after another.
    """
    taps_c = Compiler.compile(linear_taps)

    def resize(image: np.ndarray, out: np.ndarray) -> None:
        height, width, size = image.shape[0], image.shape[1], len(out)
        upper, lower, down = taps_c(height, size)
        left, right, across = taps_c(width, size)
        line = np.empty((width, 3), np.int32)
        for row in range(size):
            above, below, share = image[upper[row]], image[lower[row]], down[row]
            for column in range(width):
                for colour in range(3):
                    line[column, colour] = (2048 - share) * above[column, colour] + share * below[
                        column, colour
                    ]
            for column in range(size):
                first, second, share = left[column], right[column], across[column]
                for colour in range(3):
                    level = (2048 - share) * line[first, colour] + share * line[second, colour]
                    out[row, column, colour] = (level + (1 << 21)) >> 22

    return Compiler.compile(resize)


def linear_taps(length: int, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Between which two of `length` pixels each of `size` lies, and the second's share of 2048;
    int32 (size,) each."""
    first, second = np.empty(size, np.int32), np.empty(size, np.int32)
    share = np.empty(size, np.int32)
    for place in range(size):
        at = min(max((place + 0.5) * length / size - 0.5, 0.0), length - 1.0)
        first[place] = int(at)
        second[place] = min(int(at) + 1, length - 1)
        share[place] = int((at - int(at)) * 2048 + 0.5)
    return first, second, share


def compiled_squeeze() -> Callable[[np.ndarray, np.ndarray], None]:
    """`squeeze` of shards/crop.py for numba: (H, W, 3) -> (size, size, 3), both uint8.

    Pillow's two passes, rows before columns, each rounded to whole levels.
    """
    weights_c = Compiler.compile(triangle_weights)

    def squeeze(image: np.ndarray, out: np.ndarray) -> None:
        height, width, size = image.shape[0], image.shape[1], len(out)
        narrow = np.empty((height, size, 3), np.uint8)
        first, count, weights = weights_c(width, size)
        for row in range(height):
            for column in range(size):
                for colour in range(3):
                    level = 0.5
                    for tap in range(count[column]):
                        level += weights[column, tap] * image[row, first[column] + tap, colour]
                    narrow[row, column, colour] = int(level)
        first, count, weights = weights_c(height, size)
        for row in range(size):
            for column in range(size):
                for colour in range(3):
                    level = 0.5
                    for tap in range(count[row]):
                        level += weights[row, tap] * narrow[first[row] + tap, column, colour]
                    out[row, column, colour] = int(level)

    return Compiler.compile(squeeze)


def triangle_weights(length: int, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How `length` pixels become `size`: where each begins, int64 (size,), how many it is made of,
    int64 (size,), and their shares, float64 (size, most)."""
    scale = length / size
    support = max(scale, 1.0)
    first, count = np.zeros(size, np.int64), np.zeros(size, np.int64)
    weights = np.zeros((size, int(2 * support) + 2))
    for place in range(size):
        centre = (place + 0.5) * scale
        start = max(0, int(centre - support + 0.5))
        stop = min(length, int(centre + support + 0.5))
        for pixel in range(start, stop):
            weights[place, pixel - start] = max(0.0, 1 - abs(pixel + 0.5 - centre) / support)
        weights[place] /= weights[place].sum()
        first[place], count[place] = start, stop - start
    return first, count, weights
