"""Encoded bytes without a cache. In: an epoch's order. Out: the bytes of one batch after another.

Whole shards are read in large pieces, in the order of the disk; pictures wait in a window of memory
until it is their turn. What the selection leaves out is skipped.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from shards.order import Epoch
from shards.reads import neighbours, read_range, shard_path
from shards.select import Selection

Fetch = Callable[[int, int, int], bytes]
"""(shard, offset, length) -> those bytes. Raises EOFError or OSError."""


def local_fetch(folder: Path) -> Fetch:
    """From a folder of shards."""
    return lambda shard, offset, length: read_range(shard_path(folder, shard), offset, length)


def remote_fetch(url: str) -> Fetch:
    """From a folder in an object store, such as s3://bucket/lake/shards, through fsspec.

    fsspec's package for that store must be installed.
    https://filesystem-spec.readthedocs.io/en/latest/api.html#built-in-implementations
    """
    from fsspec.core import url_to_fs

    files, folder = url_to_fs(url)

    def fetch(shard: int, offset: int, length: int) -> bytes:
        path = str(shard_path(Path(folder), shard))
        data = bytes(files.cat_file(path, start=offset, end=offset + length))
        if len(data) != length:
            raise EOFError(f"{url}, shard {shard}: {len(data)} of {length} bytes at {offset}")
        return data

    return fetch


def stream_batches(
    selection: Selection, epoch: Epoch, fetch: Fetch, first: int = 0
) -> Iterator[list[bytes]]:
    """The encoded bytes of every batch, from batch `first` on.

    A picture is read once, also if it comes more than once; what only the batches before `first`
    need is not read.
    """
    waits = np.bincount(epoch.index[epoch.bounds[first] :], minlength=len(selection))
    # A picture that comes several times stands there as often, one after another.
    rows = epoch.read[np.diff(epoch.read, prepend=-1) != 0]
    rows = rows[waits[rows] > 0]
    held: dict[int, bytes] = {}
    runs = _read_runs(selection, rows, fetch)
    for start, stop in zip(epoch.bounds[first:-1], epoch.bounds[first + 1 :], strict=True):
        batch = epoch.index[start:stop].tolist()
        while not all(row in held for row in batch):
            held.update(next(runs))
        yield [held[row] for row in batch]
        for row in batch:
            waits[row] -= 1
            if waits[row] == 0:
                del held[row]


def _read_runs(
    selection: Selection, rows: np.ndarray, fetch: Fetch
) -> Iterator[list[tuple[int, bytes]]]:
    shard, offset, length = (
        array[rows] for array in (selection.shard, selection.offset, selection.length)
    )
    for start, stop in neighbours(shard, offset, length):
        first = int(offset[start])
        last = int(offset[stop - 1] + length[stop - 1])
        data = fetch(int(shard[start]), first, last - first)
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
