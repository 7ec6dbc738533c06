"""Reading pieces of shards. In: where pictures lie. Out: runs that one read fetches; bytes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

READ_BYTES = 8 * 2**20
"""Of one read: large enough for the speed of a disk or a far store, small enough for a smooth
progress bar."""

MAX_GAP = 64 * 2**10
"""Bytes between two pictures that are read and thrown away, which is cheaper than another read."""

MAX_PICTURES = 500
"""Of one read. With the gaps between them Linux takes at most 1,024 buffers (IOV_MAX)."""


def neighbours(
    shard: np.ndarray, offset: np.ndarray, length: np.ndarray
) -> Iterator[tuple[int, int]]:
    """Cut pictures that lie at `offset` in `shard`, int64 (M,) each, into what one read fetches.

    Yields the bounds of each run of them. What lies between two is skipped if it is many bytes.
    """
    ends = offset + length
    gap = offset[1:] - ends[:-1]
    apart = np.flatnonzero((shard[1:] != shard[:-1]) | (gap < 0) | (gap > MAX_GAP)) + 1
    for start, stop in zip([0, *apart], [*apart, len(shard)], strict=True):
        while start < stop:
            full = np.searchsorted(ends[start:stop], offset[start] + READ_BYTES, side="right")
            end = min(start + max(int(full), 1), start + MAX_PICTURES, stop)
            yield start, end
            start = end


def shard_path(folder: Path, shard: int) -> Path:
    """Where the tar of a shard lies."""
    return folder / f"{shard:06d}.tar"


def read_range(path: Path, offset: int, length: int) -> bytes:
    """Bytes of a shard. Raises EOFError if it ends before them."""
    with path.open("rb") as tar:
        data = os.pread(tar.fileno(), length, offset)
    if len(data) != length:
        raise EOFError(f"{path}: {len(data)} of {length} bytes at offset {offset}")
    return data
