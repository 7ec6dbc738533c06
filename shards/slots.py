"""Shared memory for the batches that are being made. In: sizes. Out: arrays on a slot."""

from __future__ import annotations

import math
import weakref
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from shards.shared import create

HELD = 2
"""Batches that who asked may keep without a copy: the one in use and the one before."""


@dataclass(frozen=True)
class Slots:
    """Where what lies in the memory; the same for the loader and its workers."""

    num: int
    """Batches that can be in it at once."""

    capacity: int
    """Pictures of the largest batch."""

    size: int
    """Side of the largest picture in pixels."""

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

    def images(self, data: np.ndarray, slot: int, size: int) -> np.ndarray:
        """uint8 (capacity, size, size, 3), of a `size` up to the slots' own."""
        start = slot * self.capacity * self.size**2 * 3
        shape = (self.capacity, size, size, 3)
        return data[start : start + math.prod(shape)].reshape(shape)

    def progress(self, data: np.ndarray, slot: int) -> np.ndarray:
        """int64 (1,): which picture of the batch its worker is at."""
        start = self.pixel_bytes + 8 * slot
        return data[start : start + 8].view(np.int64)

    def encoded(self, data: np.ndarray, slot: int) -> np.ndarray:
        """uint8 (encoded_bytes,)."""
        start = self.pixel_bytes + 8 * self.num + slot * self.encoded_bytes
        return data[start : start + self.encoded_bytes]


class SlotMemory:
    """The memory itself, and which of its slots are free."""

    def __init__(self, slots: Slots) -> None:
        self.slots = slots
        self._shared = create("leaflake-batches", slots.num_bytes)
        self.path = self._shared.path
        self.data = self._shared.data
        self._free = deque(range(slots.num))
        self._lent = 0

    @property
    def pixels(self) -> np.ndarray:
        """uint8 (bytes,), where all batches lie."""
        return self.data[: self.slots.pixel_bytes]

    def take(self) -> int:
        """A slot that nobody uses. Raises IndexError if there is none."""
        return self._free.popleft()

    def give_back(self, slot: int) -> None:
        """Let others use the slot."""
        self._free.append(slot)

    def lend(self, slot: int, num: int, size: int) -> np.ndarray:
        """The first `num` pictures of a slot, which comes back when no array refers to them.

        Who keeps more than HELD batches gets copies.
        """
        images = self.slots.images(self.data, slot, size)[:num]
        if self._lent == HELD:
            self.give_back(slot)
            return images.copy()
        self._lent += 1
        return np.asarray(_Loan(images, lambda: self._end_loan(slot)))

    def _end_loan(self, slot: int) -> None:
        self._lent -= 1
        self.give_back(slot)

    def close(self) -> None:
        """Free it, once no array refers to it."""
        self._shared.close()


class _Loan:
    """What an array is made of; NumPy keeps it as long as any view of the array lives."""

    def __init__(self, images: np.ndarray, end: Callable[[], None]) -> None:
        self.__array_interface__ = images.__array_interface__
        self._images = images  # keeps the memory mapped
        weakref.finalize(self, end)
