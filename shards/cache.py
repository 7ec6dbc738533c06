"""Encoded bytes of a selection in memory. In: a Selection. Out: shared bytes, filled by and by.

One copy a machine: all workers, all loaders of the same rows and all processes of torchrun share
it. A thread reads the shards in the order of the disk, while training has begun; what has not come
yet is read from its shard.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import sys
import threading

import numpy as np
from tqdm import tqdm

from catalog.storage import is_url, resolved
from leaflake import UsageError
from shards.memory import available_bytes
from shards.reads import MAX_GAP, neighbours, read_range, shard_path
from shards.select import Selection
from shards.shared import find_or_create

SMALL_SHARE = 0.1
"""A cache of this share of the free memory is granted, whatever is to be left of it."""


class Cache:
    """The bytes of row i are `data[starts[i] :][: length[i]]`, once `data[i]` is 1."""

    def __init__(self, selection: Selection, *, leave_bytes: int, limit: int | None = None) -> None:
        """Take the memory, unless another loader has these rows already, and begin to fill it.

        Raises UsageError if that would not leave `leave_bytes`. `limit` stands in for the bytes
        that are free now.
        """
        self.selection = selection
        self._on_disk = np.lexsort((selection.offset, selection.shard))
        length = selection.length[self._on_disk]
        self.starts = np.empty(len(selection), np.int64)
        self.starts[self._on_disk] = len(selection) + np.cumsum(length) - length
        num_bytes = int(len(selection) + length.sum())
        name = f"leaflake-cache-{_identity(selection)}"
        self._shared = find_or_create(
            name, num_bytes, lambda: _check_room(len(selection), num_bytes, leave_bytes, limit)
        )
        self.path = self._shared.path
        self.data = self._shared.data
        self.error: Exception | None = None
        """Why filling stopped early; the rows that are missing are read from their shards."""

        self._stop = threading.Event()
        # Also where another process fills it already: that one may end before it is done.
        self._filler = threading.Thread(target=self._fill, daemon=True)
        if not self.is_full:
            self._filler.start()

    @property
    def is_full(self) -> bool:
        """Whether every picture is in memory."""
        return bool(self.data[: len(self.selection)].all())

    def wait(self) -> None:
        """Until it is full. Raises what stopped the filling, if something did."""
        if self._filler.ident is not None:
            self._filler.join()
        if self.error:
            raise self.error

    def close(self) -> None:
        """Stop filling, and give the memory back if nobody else uses it."""
        self._stop.set()
        if self._filler.ident is not None:
            self._filler.join()
        self._shared.close()

    def _fill(self) -> None:
        fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            while not _locks(fd):  # another loader fills it; if that one ends, we go on
                if self._stop.wait(0.1):
                    return
            place = (self.selection.shard, self.selection.offset, self.selection.length)
            total = int(self.selection.length.sum())
            with tqdm(total=total, desc="cache", unit="B", unit_scale=True, delay=1) as bar:
                for start, stop in neighbours(*(array[self._on_disk] for array in place)):
                    rows = self._on_disk[start:stop]
                    if self._stop.is_set():
                        return
                    if not self.data[rows].all():
                        self._read(rows)
                    bar.update(int(self.selection.length[rows].sum()))
        except (OSError, EOFError) as error:
            self.error = error
            print(f"cache: {error}; the rest is read when it is asked for", file=sys.stderr)
        finally:
            os.close(fd)

    def _read(self, rows: np.ndarray) -> None:
        """Read neighbours of one shard into their places."""
        if is_url(self.selection.shards_folder):
            self._fetch(rows)
        else:
            self._read_in_place(rows)
        self.data[rows] = 1

    def _fetch(self, rows: np.ndarray) -> None:
        """In one request."""
        offset, length = self.selection.offset[rows], self.selection.length[rows]
        first, last = int(offset[0]), int(offset[-1] + length[-1])
        shard = int(self.selection.shard[rows[0]])
        data = read_range(self.selection.shards_folder, shard, first, last - first)
        found = np.frombuffer(data, np.uint8)
        for row, start, size in zip(rows, offset - first, length, strict=True):
            self.data[self.starts[row] :][:size] = found[start : start + size]

    def _read_in_place(self, rows: np.ndarray) -> None:
        """Without a copy."""
        offset, length = self.selection.offset[rows], self.selection.length[rows]
        gaps = np.diff(offset) - length[:-1]
        junk = np.empty(MAX_GAP, np.uint8)
        buffers = []
        for row, size, gap in zip(rows, length, [*gaps, 0], strict=True):
            buffers.append(self.data[self.starts[row] :][:size].data)
            if gap:
                buffers.append(junk[:gap].data)
        path = shard_path(self.selection.shards_folder, int(self.selection.shard[rows[0]]))
        with open(path, "rb") as tar:
            found = os.preadv(tar.fileno(), buffers, int(offset[0]))
        wanted = int(offset[-1] + length[-1] - offset[0])
        if found != wanted:
            raise EOFError(f"{path}: {found} of {wanted} bytes at offset {offset[0]}")


def _locks(fd: int) -> bool:
    """Take the file's lock if it is free."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _identity(selection: Selection) -> str:
    """The same for the same rows in the same order, as shards never change."""
    digest = hashlib.sha256(str(resolved(selection.shards_folder)).encode())
    for array in (selection.shard, selection.offset, selection.length):
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()[:24]


def _check_room(pictures: int, num_bytes: int, leave_bytes: int, limit: int | None) -> None:
    free = available_bytes() if limit is None else limit
    if free is None:
        return
    room = max(free - leave_bytes, int(free * SMALL_SHARE))
    if num_bytes > room:
        share = room / num_bytes
        raise UsageError(
            f"{pictures:,} pictures need {in_gb(num_bytes)} of memory; {in_gb(free)} are free, of "
            f"which {in_gb(leave_bytes)} are to be left. That fits {int(share * pictures):,} of "
            f"them, or all at {share**0.5:.0%} of their sides. Narrow the selection, ingest with a "
            "smaller --short-side, or stream from the shards instead (--stream, or cache=False). "
            "Nothing was written."
        )
    print(f"cache: {pictures:,} pictures in {in_gb(num_bytes)} of {in_gb(free)}", file=sys.stderr)


def in_gb(num_bytes: int) -> str:
    """1234567890 -> 1.2 GB."""
    return f"{num_bytes / 1e9:.1f} GB" if num_bytes >= 1e8 else f"{num_bytes / 1e6:.1f} MB"
