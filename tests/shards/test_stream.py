"""Streaming: what is read, how often, and that nothing is kept that is not needed any more."""

from __future__ import annotations

import numpy as np
import pytest

from catalog.storage import Place
from shards.order import Order
from shards.reads import neighbours, read_range
from shards.select import Selection
from shards.stream import ReadAhead, stream_batches

PICTURES = [bytes([n]) * (40 + n) for n in range(12)]


@pytest.fixture
def selection(tmp_path, shards) -> Selection:
    return shards(tmp_path / "shards", PICTURES)


def order(selection: Selection, **settings) -> Order:
    settings = {"batch_size": 3, "window": 4, **settings}
    return Order(selection.class_index, selection.shard, **settings)


@pytest.fixture
def reads(monkeypatch) -> list[int]:
    """The shard of every read, as they come."""
    shards: list[int] = []

    def count(folder: Place, shard: int, offset: int, length: int) -> bytes:
        shards.append(shard)
        return read_range(folder, shard, offset, length)

    monkeypatch.setattr("shards.stream.read_range", count)
    return shards


def test_every_batch_has_its_pictures_and_every_shard_is_read_once(selection, reads) -> None:
    epoch = order(selection).epoch(0)
    batches = list(stream_batches(selection, epoch))
    assert [data for batch in batches for data in batch] == [PICTURES[n] for n in epoch.index]
    assert sorted(reads) == [0, 1, 2]


def test_what_only_earlier_batches_need_is_not_read(selection, reads) -> None:
    epoch = order(selection, window=1).epoch(0)
    batches = list(stream_batches(selection, epoch, first=3))
    assert [data for batch in batches for data in batch] == [PICTURES[n] for n in epoch.index[9:]]
    assert len(reads) == 1


def test_a_repeated_picture_is_read_once(selection, reads) -> None:
    rows = Order(np.array([0] * 9 + [1] * 3), selection.shard, 4, max_repeat=3, window=6)
    epoch = rows.epoch(0)
    batches = list(stream_batches(selection, epoch))
    assert sum(map(len, batches)) == 18
    assert len(reads) == 3


def test_neighbours_are_read_together_up_to_a_gap_a_size_or_another_shard(monkeypatch) -> None:
    monkeypatch.setattr("shards.reads.MAX_GAP", 10)
    monkeypatch.setattr("shards.reads.READ_BYTES", 100)
    shard = np.array([0, 0, 0, 0, 0, 1, 1])
    offset = np.array([0, 30, 71, 112, 200, 0, 500])
    length = np.array([20, 40, 41, 20, 150, 20, 20])
    # 0-20, 30-70 and 71-112 would be 112 bytes; 88 lie between 132 and 200; one is 150 by itself.
    assert list(neighbours(shard, offset, length)) == [(0, 2), (2, 4), (4, 5), (5, 6), (6, 7)]


def test_a_file_that_ends_before_is_noticed(tmp_path) -> None:
    (tmp_path / "000007.tar").write_bytes(b"12345")
    assert read_range(tmp_path, 7, 1, 3) == b"234"
    with pytest.raises(EOFError, match=r"000007.tar: 2 of 4 bytes at offset 3"):
        read_range(tmp_path, 7, 3, 4)


def test_reading_ahead_hands_on_items_and_errors_in_order() -> None:
    def items():
        yield 1
        yield 2
        raise EOFError("the end")

    ahead = ReadAhead(items(), depth=2)
    assert [ahead.get(), ahead.get()] == [1, 2]
    with pytest.raises(EOFError, match="the end"):
        ahead.get()
    ahead.close()


def test_reading_ahead_can_be_left() -> None:
    ahead = ReadAhead(iter(range(10**9)), depth=2)
    assert ahead.get() == 0
    ahead.close()
