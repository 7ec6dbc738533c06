"""Shards that are not what the catalog says: missing, cut off, damaged, exchanged."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from catalog.lake import open_lake
from ingest.run import ingest
from shards.check_shards import Fault, check_shards


@pytest.fixture(scope="module")
def template(tmp_path_factory, write, dozen) -> Path:
    """A lake of twelve pictures in three shards of four."""
    folder = tmp_path_factory.mktemp("check")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ingest.plan.FILES_PER_SHARD", 4)
        ingest([write(folder / "leaves", dozen)], folder / "lake")
    return folder / "lake"


@pytest.fixture
def lake(template, tmp_path) -> Path:
    """A copy of it for one test."""
    return shutil.copytree(template, tmp_path / "lake")


def check(path: Path, deep: bool) -> list[Fault]:
    with open_lake(path) as lake:
        return check_shards(lake, deep=deep)


def place_of(path: Path, key: str) -> tuple[int, int]:
    with open_lake(path) as lake:
        row = lake.connection.execute(
            'SELECT "offset", length FROM samples WHERE "key" = ?', [key]
        ).fetchone()
    assert row is not None
    return row


@pytest.mark.parametrize("deep", [False, True])
def test_a_sound_lake_has_no_fault(lake, deep) -> None:
    assert check(lake, deep) == []


@pytest.mark.parametrize("deep", [False, True])
def test_a_missing_tar_is_a_fault_of_all_its_pictures(lake, deep) -> None:
    tar = lake / "shards/000001.tar"
    tar.unlink()
    assert check(lake, deep) == [Fault(1, tar, 4, "is missing")]


@pytest.mark.parametrize("missing_bytes", [1, 20_000])
def test_a_tar_that_was_cut_off_is_a_fault(lake, missing_bytes) -> None:
    tar = lake / "shards/000002.tar"
    data = tar.read_bytes()[:-missing_bytes]
    tar.write_bytes(data)
    assert check(lake, False) == [Fault(2, tar, 4, f"was cut off: it has {len(data):,} bytes")]


def test_a_missing_sidecar_is_a_fault(lake) -> None:
    (lake / "shards/000000.parquet").unlink()
    assert check(lake, False) == [Fault(0, lake / "shards/000000.parquet", 4, "is missing")]


def test_damaged_bytes_show_only_when_every_picture_is_read(lake) -> None:
    tar = lake / "shards/000001.tar"
    offset, length = place_of(lake, "000001-00002")
    data = bytearray(tar.read_bytes())
    data[offset + length // 4 : offset + length] = bytes(length - length // 4)
    tar.write_bytes(data)
    assert check(lake, False) == []
    (fault,) = check(lake, True)
    assert (fault.shard, fault.place, fault.pictures) == (1, tar, 1)
    assert fault.problem.startswith("000001-00002.jpg is damaged (")


def test_another_shards_tar_is_a_fault_of_every_picture(lake) -> None:
    shutil.copy(lake / "shards/000000.tar", lake / "shards/000001.tar")
    assert check(lake, False) == []
    faults = check(lake, True)
    assert [fault.shard for fault in faults] == [1, 1, 1, 1]
    offset, length = place_of(lake, "000001-00000")
    assert faults[0].problem == f"has no 000001-00000.jpg of {length:,} bytes at byte {offset:,}"


def test_another_shards_sidecar_and_a_broken_one_are_faults(lake) -> None:
    shutil.copy(lake / "shards/000000.parquet", lake / "shards/000001.parquet")
    (lake / "shards/000002.parquet").write_text("broken")
    other, broken = check(lake, True)
    assert other == Fault(
        1, lake / "shards/000001.parquet", 4, "says something else than the catalog"
    )
    assert (broken.shard, broken.pictures) == (2, 0)
    assert broken.problem.startswith("is no sidecar of Leaflake (")


def test_a_file_that_changed_leaves_its_shards_sidecar_sound(lake) -> None:
    with open_lake(lake, read_only=False) as opened:
        opened.change("drop", lambda c: c.execute("DELETE FROM samples WHERE key LIKE '%-00000'"))
    assert check(lake, True) == []
