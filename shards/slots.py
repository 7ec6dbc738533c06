"""Shared memory for the batches that are being made. In: sizes. Out: arrays on a slot."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Slots:
    """Where what lies in the memory; the same for the loader and its workers."""

    num: int
    """Batches that can be in it at once."""

    capacity: int
    """Pictures of the largest batch."""

    size: int
    """Side of a picture in pixels."""

    encoded_bytes: int
    """Room for the encoded pictures of a batch. It costs only what is used of it."""

    @property
    def num_bytes(self) -> int:
        """Of the whole."""
        return self.pixel_bytes + 8 * self.num + self.encoded_bytes * self.num

    @property
    def pixel_bytes(self) -> int:
        """Of the pixels, which come first."""
        return self.num * self.capacity * self.size**2 * 3

    def images(self, data: np.ndarray, slot: int) -> np.ndarray:
        """uint8 (capacity, size, size, 3)."""
        shape = (self.num, self.capacity, self.size, self.size, 3)
        return data[: self.pixel_bytes].reshape(shape)[slot]

    def progress(self, data: np.ndarray, slot: int) -> np.ndarray:
        """int64 (1,): which picture of the batch its worker is at."""
        start = self.pixel_bytes + 8 * slot
        return data[start : start + 8].view(np.int64)

    def encoded(self, data: np.ndarray, slot: int) -> np.ndarray:
        """uint8 (encoded_bytes,)."""
        start = self.pixel_bytes + 8 * self.num + slot * self.encoded_bytes
        return data[start : start + self.encoded_bytes]
