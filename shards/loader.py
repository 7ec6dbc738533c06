"""Seeded training batches from memory. In: a Selection. Out: uint8 batches and class indices.

Encoded bytes are held in memory and decoded in threads (libjpeg-turbo and Pillow leave the GIL), a
few batches ahead of the one that is asked for. The order and every crop depend on seed and epoch
alone, not on the number of threads.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from PIL import Image

from shards.decode import decode_image
from shards.select import Selection, read_encoded


@dataclass(frozen=True)
class Batch:
    """One step's pictures."""

    images: np.ndarray
    """uint8 (N, size, size, 3), RGB."""

    class_index: np.ndarray
    """int64 (N,)."""

    keys: tuple[str, ...]


@dataclass(frozen=True)
class CropRange:
    """What a random crop may be. After Szegedy et al., "Going Deeper with Convolutions" (2015)."""

    area: tuple[float, float] = (0.35, 1.0)
    """Share of the picture's area. Above ImageNet's usual 0.08: a lesion must not be cut away."""

    aspect: tuple[float, float] = (3 / 4, 4 / 3)
    """Width over height."""


class Loader:
    """Batches of a selection. Each epoch sees every picture once; the last batch may be small."""

    def __init__(
        self,
        selection: Selection,
        *,
        size: int,
        batch_size: int,
        seed: int = 0,
        crops: CropRange | None = None,
        threads: int = 2,
        data: Sequence[bytes] | None = None,
    ) -> None:
        """`size` is the side of the square crops in pixels; without `crops` the whole picture is
        squeezed to the square, and the order is the selection's. `data` is what `read_encoded`
        gave of the selection, for loaders that share it; without it, it is read."""
        self.selection = selection
        self.size = size
        self.batch_size = batch_size
        self.seed = seed
        self.crops = crops
        self.threads = threads
        self.data = read_encoded(selection) if data is None else data

    @property
    def num_batches(self) -> int:
        """Batches an epoch."""
        return math.ceil(len(self.selection) / self.batch_size)

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """The batches of one epoch."""
        order = np.arange(len(self.selection))
        if self.crops:
            np.random.default_rng((self.seed, epoch)).shuffle(order)
        chunks = [order[i : i + self.batch_size] for i in range(0, len(order), self.batch_size)]
        pending: deque[Future[Batch]] = deque()
        with ThreadPoolExecutor(self.threads) as pool:
            for chunk in chunks:
                pending.append(pool.submit(self._make_batch, epoch, chunk))
                if len(pending) > self.threads:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()

    def _make_batch(self, epoch: int, indices: np.ndarray) -> Batch:
        images = np.stack([self._make_image(epoch, int(index)) for index in indices])
        keys = tuple(self.selection.keys[index] for index in indices)
        return Batch(images, self.selection.class_index[indices], keys)

    def _make_image(self, epoch: int, index: int) -> np.ndarray:
        image = decode_image(self.data[index])
        if self.crops is None:
            return squeeze(image, self.size)
        random = np.random.default_rng((self.seed, epoch, index))
        cropped = squeeze(image, self.size, crop_box(random, image.shape[:2], self.crops))
        return turn(cropped, int(random.integers(8)))


def crop_box(
    random: np.random.Generator, shape: tuple[int, ...], crops: CropRange
) -> tuple[float, float, float, float]:
    """A random (left, top, right, bottom) inside a picture of `shape` (H, W)."""
    height, width = shape
    area = random.uniform(*crops.area) * height * width
    aspect = math.exp(random.uniform(math.log(crops.aspect[0]), math.log(crops.aspect[1])))
    box_width = min(width, math.sqrt(area * aspect))
    box_height = min(height, math.sqrt(area / aspect))
    left = random.uniform(0, width - box_width)
    top = random.uniform(0, height - box_height)
    return left, top, left + box_width, top + box_height


def squeeze(
    image: np.ndarray, size: int, box: tuple[float, float, float, float] | None = None
) -> np.ndarray:
    """Resize uint8 (H, W, 3), or a box of it, to (size, size, 3): antialiased bilinear, the same
    triangle weights as train/preprocess.py."""
    picture = Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR, box=box)
    return np.asarray(picture)


def turn(image: np.ndarray, variant: int) -> np.ndarray:
    """One of the eight ways, 0 to 7, to lay a square picture on a table: leaves have no up."""
    if variant & 4:
        image = image.transpose(1, 0, 2)
    if variant & 2:
        image = image[:, ::-1]
    if variant & 1:
        image = image[::-1]
    return image
