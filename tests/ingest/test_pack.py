"""Packing one shard: a row for every planned file, resuming, and bytes that repeat."""

from __future__ import annotations

import io
import os
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from ingest.pack import ROW, Packed, pack_shard
from ingest.plan import ShardPlan, plan_shards
from ingest.scan import scan
from shards.format import sidecar_plan_id


@pytest.fixture
def plan(tmp_path, write, draw, encode) -> ShardPlan:
    """A shard of two pictures and two other files."""
    source = write(
        tmp_path / "leaves",
        {
            "rust/a.jpg": encode(draw(1)),
            "rust/b.png": encode(draw(2), "PNG"),
            "scab/empty.jpg": b"",
            "scab/notes.txt": b"not a picture",
        },
    )
    (tmp_path / "shards").mkdir()
    scanned = scan([source])
    (plan,) = plan_shards(
        scanned,
        np.arange(4),
        shards_folder=tmp_path / "shards",
        first_shard=4,
        short_side=256,
        seed=0,
    )
    return replace(plan, files=plan.files.sort_by("path"))


def packed(plan: ShardPlan, was_complete: bool = False) -> Packed:
    """What packing the four files gives."""
    return Packed(
        shard=4,
        files=4,
        samples=2,
        rejections={"empty": 1, "not_an_image": 1},
        source_bytes=sum(plan.files["size"].to_pylist()),
        stored_bytes=plan.tar.stat().st_size,
        was_complete=was_complete,
    )


def rows(plan: ShardPlan) -> list[dict]:
    return pq.read_table(plan.sidecar).to_pylist()


def never(*_: object) -> None:
    raise AssertionError("a file was read again")


def test_every_planned_file_has_a_row(plan, tmp_path) -> None:
    assert pack_shard(plan) == packed(plan)
    assert pq.read_schema(plan.sidecar).names == ROW.names
    columns = ["key", "dataset", "folder", "source_path", "shard", "format", "reason", "detail"]
    source = str(tmp_path / "leaves")
    assert [[row[c] for c in columns] for row in rows(plan)][:3] == [
        ["000004-00000", "leaves", "rust", f"{source}/rust/a.jpg", 4, "JPEG", None, None],
        ["000004-00001", "leaves", "rust", f"{source}/rust/b.png", 4, "PNG", None, None],
        [None, "leaves", "scab", f"{source}/scab/empty.jpg", None, None, "empty", ""],
    ]
    rejected = rows(plan)[3]
    assert {name: value for name, value in rejected.items() if value is not None} == {
        "dataset": "leaves",
        "folder": "scab",
        "source_path": f"{source}/scab/notes.txt",
        "source_bytes": 13,
        "source_mtime_ns": Path(source, "scab/notes.txt").stat().st_mtime_ns,
        "reason": "not_an_image",
        "detail": "",
    }


def test_the_tar_holds_the_samples_only(plan, draw, encode) -> None:
    pack_shard(plan)
    with tarfile.open(plan.tar) as tar:
        assert tar.getnames() == [
            "000004-00000.jpg",
            "000004-00000.json",
            "000004-00001.jpg",
            "000004-00001.json",
        ]
    first = rows(plan)[0]
    data = plan.tar.read_bytes()[first["offset"] : first["offset"] + first["length"]]
    assert data == encode(draw(1))


def test_a_shard_that_is_done_is_not_packed_again(plan, identity, monkeypatch) -> None:
    pack_shard(plan)
    before = (identity(plan.tar), identity(plan.sidecar))
    monkeypatch.setattr("ingest.pack.check_file", never)
    assert pack_shard(plan) == packed(plan, was_complete=True)
    assert (identity(plan.tar), identity(plan.sidecar)) == before


@pytest.mark.parametrize("change", ["short_side", "files"])
def test_a_changed_plan_is_packed_anew(plan, change) -> None:
    pack_shard(plan)
    changed = (
        replace(plan, short_side=24)
        if change == "short_side"
        else replace(plan, files=plan.files.take([3, 2, 1, 0]))
    )
    assert pack_shard(changed) == packed(changed)
    assert sidecar_plan_id(plan.sidecar) == changed.plan_id
    if change == "short_side":
        assert [row["height"] for row in rows(plan)] == [24, 24, None, None]
    else:
        assert [row["key"] for row in rows(plan)] == [None, None, "000004-00002", "000004-00003"]


def test_a_tar_without_a_sidecar_is_packed_anew(plan) -> None:
    pack_shard(plan)
    expected = (plan.tar.read_bytes(), plan.sidecar.read_bytes())
    plan.sidecar.unlink()
    plan.tar.write_bytes(b"half a tar")
    pack_shard(plan)
    assert (plan.tar.read_bytes(), plan.sidecar.read_bytes()) == expected


def test_packing_that_is_cut_off_leaves_no_sidecar_and_no_tar(plan, monkeypatch) -> None:
    def cut_off(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ingest.pack.write_sidecar", cut_off)
    with pytest.raises(KeyboardInterrupt):
        pack_shard(plan)
    assert not plan.sidecar.exists()
    monkeypatch.undo()
    pack_shard(plan)
    monkeypatch.setattr("ingest.pack.check_file", cut_off)
    with pytest.raises(KeyboardInterrupt):
        pack_shard(replace(plan, short_side=24))
    assert not plan.sidecar.exists()  # the old one must not vouch for what comes


def test_the_same_plan_gives_the_same_bytes_elsewhere(plan, tmp_path) -> None:
    (tmp_path / "other").mkdir()
    other = replace(plan, folder=tmp_path / "other")
    pack_shard(plan)
    pack_shard(other)
    assert other.tar.read_bytes() == plan.tar.read_bytes()
    assert other.sidecar.read_bytes() == plan.sidecar.read_bytes()


def test_a_shard_of_rejections_alone_is_an_empty_tar(plan) -> None:
    pack_shard(replace(plan, files=plan.files[2:]))
    assert [row["reason"] for row in rows(plan)] == ["empty", "not_an_image"]
    with tarfile.open(fileobj=io.BytesIO(plan.tar.read_bytes())) as tar:
        assert tar.getnames() == []


def test_a_file_that_is_gone_by_now_is_a_rejection(plan) -> None:
    Path(plan.files["path"][0].as_py()).unlink()
    pack_shard(plan)
    assert (rows(plan)[0]["reason"], rows(plan)[0]["detail"]) == (
        "unreadable",
        "No such file or directory",
    )
    assert [row["key"] for row in rows(plan)] == [None, "000004-00001", None, None]


@pytest.mark.parametrize("ahead", [0, 1, 100])
def test_a_pipe_is_a_rejection_and_nobody_waits_for_it(plan, monkeypatch, ahead) -> None:
    monkeypatch.setattr("ingest.pack.READ_AHEAD", ahead)
    path = Path(plan.files["path"][1].as_py())
    path.unlink()
    os.mkfifo(path)
    pack_shard(plan)
    assert [row["detail"] for row in rows(plan)][:2] == [None, "not a regular file"]
