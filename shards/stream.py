"""Encoded bytes without a cache. In: an epoch's order. Out: the bytes of one batch after another.

Whole shards are read in large pieces, in the order of the disk; pictures wait in a window of memory
until it is their turn. What the selection leaves out is skipped.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from shards.order import Epoch
from shards.reads import neighbours, read_range
from shards.select import Selection


def stream_batches(selection: Selection, epoch: Epoch, first: int = 0) -> Iterator[list[bytes]]:
    """The encoded bytes of every batch, from batch `first` on.

    A picture is read once, also if it comes more than once; what only the batches before `first`
    need is not read. Raises OSError or EOFError if a shard is missing or too short.
    """
    waits = np.bincount(epoch.index[epoch.bounds[first] :], minlength=len(selection))
    # A picture that comes several times stands there as often, one after another.
    rows = epoch.read[np.diff(epoch.read, prepend=-1) != 0]
    rows = rows[waits[rows] > 0]
    held: dict[int, bytes] = {}
    runs = _read_runs(selection, rows)
    for start, stop in zip(epoch.bounds[first:-1], epoch.bounds[first + 1 :], strict=True):
        batch = epoch.index[start:stop].tolist()
        while not all(row in held for row in batch):
            held.update(next(runs))
        yield [held[row] for row in batch]
        for row in batch:
            waits[row] -= 1
            if waits[row] == 0:
                del held[row]


def _read_runs(selection: Selection, rows: np.ndarray) -> Iterator[list[tuple[int, bytes]]]:
    shard, offset, length = (
        array[rows] for array in (selection.shard, selection.offset, selection.length)
    )
    for start, stop in neighbours(shard, offset, length):
        first = int(offset[start])
        last = int(offset[stop - 1] + length[stop - 1])
        data = read_range(selection.shards_folder, int(shard[start]), first, last - first)
        yield [
            (int(rows[i]), data[offset[i] - first : offset[i] - first + length[i]])
            for i in range(start, stop)
        ]


class ReadAhead:
    """Takes from an iterator in a thread, up to `depth` items ahead. Close it."""

    def __init__(self, items: Iterable[Any], depth: int) -> None:
        self._queue: queue.Queue[tuple[Any, BaseException | None]] = queue.Queue(depth)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._take, args=(items,), daemon=True)
        self._thread.start()

    def get(self) -> Any:
        """The next item. Raises what the iterator raised."""
        item, error = self._queue.get()
        if error:
            raise error
        return item

    def close(self) -> None:
        """End the thread."""
        self._stop.set()
        while self._thread.is_alive():
            try:  # it may be waiting for room
                self._queue.get(timeout=0.01)
            except queue.Empty:
                continue

    def _take(self, items: Iterable[Any]) -> None:
        try:
            for item in items:
                self._queue.put((item, None))
                if self._stop.is_set():
                    return
        except (OSError, EOFError) as error:
            self._queue.put((None, error))
