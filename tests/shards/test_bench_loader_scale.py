"""The loader with many pictures: the shards that are copied, what is refused, one real run."""

from __future__ import annotations

import numpy as np
import pytest

from leaflake import UsageError
from shards.bench_loader_scale import (
    check_disk,
    check_memory,
    copy_shards,
    fill_and_read,
    main,
    repeated,
    table,
)
from shards.select import read_encoded

KEYS = (
    "encoded_bytes", "first_batch_s", "full_s", "pictures_per_s", "cpu_s_per_1000", "pss_mb",
)  # fmt: skip
"""What is measured of one size."""


@pytest.fixture(scope="module")
def pictures(draw, encode) -> list[bytes]:
    return [encode(draw(seed, height=40, width=40)) for seed in range(6)]


@pytest.fixture(scope="module")
def selection(pictures, shards, tmp_path_factory):
    """Six pictures in two shards, of which the first is not chosen."""
    return shards(tmp_path_factory.mktemp("scale"), pictures).take(np.arange(1, 6))


def test_every_picture_has_a_place_of_its_own(selection, pictures, tmp_path) -> None:
    rows = repeated(selection, 12, tmp_path)
    assert rows.shard.tolist() == [0, 0, 0, 1, 1, 2, 2, 2, 3, 3, 4, 4]
    copy_shards(selection, 12, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{n:06d}.tar" for n in range(5)]
    assert len({path.stat().st_ino for path in tmp_path.iterdir()}) == 5
    assert list(read_encoded(rows)) == [pictures[n] for n in (1, 2, 3, 4, 5) * 2 + (1, 2)]


def test_shards_that_are_there_are_kept_and_half_ones_are_not(
    selection, identity, tmp_path
) -> None:
    copy_shards(selection, 5, tmp_path)
    whole = identity(tmp_path / "000001.tar")
    (tmp_path / "000000.tar").write_bytes(b"half")
    copy_shards(selection, 5, tmp_path)
    assert identity(tmp_path / "000001.tar") == whole
    assert (tmp_path / "000000.tar").stat().st_size > 4


def test_a_full_disk_is_refused_beforehand(tmp_path) -> None:
    check_disk(tmp_path, 10**9, free=2 * 10**9)
    with pytest.raises(UsageError) as refused:
        check_disk(tmp_path, 20 * 10**9, free=20 * 10**9)
    assert str(refused.value) == (
        f"{tmp_path}: 20.0 GB are free, and the copies of the shards take 20.0 GB, with 1.0 GB to "
        "spare. Name another folder with --out, or smaller sizes with --pictures. No shard was "
        "written."
    )


def test_too_little_memory_is_refused_beforehand() -> None:
    check_memory(10**9, 3 * 10**9)
    check_memory(10**12, None)
    with pytest.raises(UsageError) as refused:
        check_memory(20 * 10**9, 21 * 10**9)
    assert str(refused.value) == (
        "the largest cache takes 20.0 GB of memory, and 2.0 GB are to be left; 21.0 GB are free. "
        "Name smaller sizes with --pictures. Nothing was written."
    )


def test_less_than_a_batch_is_refused(selection, monkeypatch, capsys, tmp_path) -> None:
    found = (selection, None)
    monkeypatch.setattr("shards.bench_loader_scale.select_from", lambda lake, where: found)
    out = tmp_path / "out"
    assert main([str(tmp_path), "--pictures", "63", "--out", str(out)]) == 2
    assert capsys.readouterr().err == (
        "bench-loader-scale: --pictures 63: fewer than one batch of 64. Nothing was written.\n"
    )
    assert not out.exists()


def test_start_up_and_rate_are_measured(selection, tmp_path) -> None:
    copy_shards(selection, 70, tmp_path)
    found = fill_and_read(repeated(selection, 70, tmp_path), workers=1, seconds=0.02, warm_up=0)
    assert tuple(found) == KEYS
    assert found["encoded_bytes"] == 14 * selection.length.sum()
    assert 0 < found["first_batch_s"] <= found["full_s"]
    assert found["pictures_per_s"] > 0


def test_table_by_hand() -> None:
    def row(num_bytes: float, first: float, full: float, rate: float) -> dict[str, float]:
        return dict(zip(KEYS, (num_bytes, first, full, rate, 0.33, 500), strict=True))

    said = table({10_000: row(2e8, 0.4, 0.5, 6000), 100_000: row(2e9, 0.5, 4, 5880)}).splitlines()
    assert [line.split() for line in said[1:3]] == [
        ["10,000", "0.20", "0.40", "0.50", "400", "6,000", "0.330", "500"],
        ["100,000", "2.00", "0.50", "4.00", "500", "5,880", "0.330", "500"],
    ]
    assert said[3:] == [
        "the slowest rate is 98.0% of the smallest size's (goal 95%: reached)",
        "10.0 times the bytes are in memory after 8.0 times as long (goal: no longer: reached)",
    ]
    slow = table({10_000: row(2e8, 0.4, 0.5, 6000), 100_000: row(2e9, 0.5, 6, 5000)})
    assert slow.count("MISSED") == 2
