"""How fast a loader could be here. In: JPEGs. Out: batches of bare processes that do nothing else.

A loader has to hand its batches to another process; these keep theirs.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from multiprocessing.queues import SimpleQueue

import cv2
import numpy as np
import simplejpeg

from shards.crop import Cropper, Crops, jpeg_shape


def bare_decoding(data: list[bytes], workers: int, size: int, crops: Crops) -> Iterator[int]:
    """Decode whole pictures into the same memory again and again."""
    return _in_processes(_decode_for_ever, data, workers, size, crops)


def bare_cropping(data: list[bytes], workers: int, size: int, crops: Crops) -> Iterator[int]:
    """Decode, crop, resize and flip into the same memory again and again."""
    return _in_processes(_crop_for_ever, data, workers, size, crops)


def _in_processes(work, data, workers, size, crops) -> Iterator[int]:  # type: ignore[no-untyped-def]
    context = multiprocessing.get_context("fork")
    done: SimpleQueue[int] = context.SimpleQueue()
    for worker in range(workers):
        context.Process(target=work, args=(data, worker, size, crops, done), daemon=True).start()
    while True:
        yield done.get()


def _decode_for_ever(
    data: list[bytes], seed: int, size: int, crops: Crops, done: SimpleQueue[int]
) -> None:
    random = np.random.default_rng(seed)
    pixels = np.empty(0, np.uint8)
    while True:
        for index in random.integers(len(data), size=64):
            height, width = jpeg_shape(np.frombuffer(data[index], np.uint8))
            if pixels.size < height * width * 3:
                pixels = np.empty(height * width * 3, np.uint8)
            image = pixels[: height * width * 3].reshape(height, width, 3)
            simplejpeg.decode_jpeg(data[index], buffer=image)
        done.put(64)


def _crop_for_ever(
    data: list[bytes], seed: int, size: int, crops: Crops, done: SimpleQueue[int]
) -> None:
    cv2.setNumThreads(0)
    random = np.random.default_rng(seed)
    cropper, out = Cropper(), np.empty((size, size, 3), np.uint8)
    while True:
        draws = random.random((64, 5), dtype=np.float32)
        for index, row in zip(random.integers(len(data), size=64), draws, strict=True):
            cropper.crop(np.frombuffer(data[index], np.uint8), row, crops, out)
        done.put(64)
