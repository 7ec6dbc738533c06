"""How much disk an ingest asks for."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from ingest.needs import BYTES_PER_FILE, Needs, estimate_needs, refuse_full_disk, show_bytes
from ingest.plan import PLANNED, ShardPlan
from leaflake import UsageError


def plan(*sizes: int, short_side: int | None) -> ShardPlan:
    rows = [
        {"dataset": "d", "folder": "f", "path": f"/{n}", "size": size, "mtime_ns": 1}
        for n, size in enumerate(sizes)
    ]
    return ShardPlan(0, pa.Table.from_pylist(rows, schema=PLANNED), Path("shards"), short_side)


@pytest.fixture
def free(monkeypatch) -> None:
    usage = type(shutil.disk_usage("/"))(total=10, used=9, free=50_000)
    monkeypatch.setattr("ingest.needs.shutil.disk_usage", lambda path: usage)


@pytest.mark.parametrize(
    ("short_side", "pictures"),
    # 0.75 bytes for each of 256 * 256 pixels
    [(256, 1_000 + 49_152), (None, 1_000 + 5_000_000)],
)
def test_a_large_picture_is_scaled_down_unless_originals_are_kept(
    free, tmp_path, short_side, pictures
) -> None:
    plans = [plan(1_000, short_side=short_side), plan(5_000_000, short_side=short_side)]
    assert estimate_needs(plans, tmp_path / "no/lake/yet") == Needs(
        source_bytes=5_001_000, disk_bytes=pictures + 2 * BYTES_PER_FILE, free_bytes=50_000
    )


def test_a_shard_that_is_complete_needs_nothing_more(free, tmp_path) -> None:
    done = replace(plan(1_000, short_side=256), folder=tmp_path)
    done.sidecar.touch()
    assert estimate_needs([done], tmp_path) == Needs(0, 0, 50_000)


def test_a_disk_that_is_too_small_is_refused() -> None:
    refuse_full_disk(Needs(1, 1_000, 1_000), Path("lake"))
    with pytest.raises(UsageError) as refused:
        refuse_full_disk(Needs(1, 2_500_000_000, 1_200_000), Path("lake"))
    assert str(refused.value) == (
        "lake: needs about 2.5 GB, but 1.2 MB are free there. Make room, name another disk, or "
        "choose a smaller --short-side. Nothing was written."
    )


def test_it_is_said_in_one_line() -> None:
    assert str(Needs(12_345_678, 25_000, 999)) == (
        "reads 12.3 MB, needs about 25.0 kB, 999 bytes are free"
    )
    assert show_bytes(3.1e12) == "3.1 TB"
