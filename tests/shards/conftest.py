"""Fixtures of the tests of the loader and its parts: a small selection with real tars."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from shards.format import ShardWriter
from shards.select import Selection


def write_shards(folder: Path, pictures: Sequence[bytes], per_shard: int = 4) -> Selection:
    """Pictures `key 0`, `key 1`, ... in shards of `per_shard`; the class is the number modulo 3."""
    count = len(pictures)
    shard = np.arange(count) // per_shard
    places = np.zeros((count, 2), np.int64)
    folder.mkdir(exist_ok=True)
    for number in range(int(shard.max()) + 1):
        writer = ShardWriter(folder / f"{number:06d}.tar")
        for n in np.flatnonzero(shard == number):
            places[n] = writer.add(f"{number:06d}-{n:05d}", pictures[n], {"n": int(n)})
        writer.close()
    keys = tuple(f"key {n}" for n in range(count))
    offset, length = places.T
    return Selection(
        keys, ("set",) * count, np.arange(count) % 3, shard, offset.copy(), length.copy(), folder
    )


@pytest.fixture(scope="session")
def shards() -> Callable[..., Selection]:
    """shards(folder, pictures, per_shard) -> selection."""
    return write_shards


@pytest.fixture(autouse=True)
def own_notes(tmp_path, monkeypatch) -> None:
    """Keep the notes about shared memory, which are one folder a user, to this test."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
