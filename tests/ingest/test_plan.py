"""Which file goes into which shard."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from ingest.plan import PLANNED, ShardPlan, plan_shards, shuffled
from ingest.scan import FILES, ClassFolder, PassedOver, Scan


def scan_of(**counts: int) -> Scan:
    """A scan of one dataset: class folder -> number of files."""
    folders = [ClassFolder("set", name, f"/set/{name}", None, n) for name, n in counts.items()]
    rows = [
        {"folder": position, "path": f"{one.path}/{n}.jpg", "size": 100 + n, "mtime_ns": 5}
        for position, one in enumerate(folders)
        for n in range(one.num_files)
    ]
    return Scan((), tuple(folders), pa.Table.from_pylist(rows, schema=FILES), PassedOver())


FOLDERS = scan_of(apple=20, empty=0, pear=20)


@pytest.fixture
def plan(monkeypatch):
    """plan_shards in shards of 8 files."""
    monkeypatch.setattr("ingest.plan.FILES_PER_SHARD", 8)

    def run(scan=FOLDERS, new=None, first_shard=0, seed=0, short_side=256) -> list[ShardPlan]:
        return plan_shards(
            scan,
            np.arange(scan.files.num_rows) if new is None else np.array(new),
            shards_folder=Path("lake/shards"),
            first_shard=first_shard,
            short_side=short_side,
            seed=seed,
        )

    return run


def planned(plans: list[ShardPlan]) -> list[tuple]:
    """(dataset, folder, path, size, mtime_ns) of every file, in the order of the shards."""
    return [tuple(row.values()) for one in plans for row in one.files.to_pylist()]


def test_every_file_is_planned_once(plan) -> None:
    everything = [
        ("set", folder, f"/set/{folder}/{n}.jpg", 100 + n, 5)
        for folder in ("apple", "pear")
        for n in range(20)
    ]
    assert sorted(planned(plan())) == sorted(everything)
    assert all(one.files.schema == PLANNED for one in plan())


def test_shards_are_full_but_for_the_last(plan) -> None:
    plans = plan(scan_of(apple=19), first_shard=7)
    assert [(one.shard, len(one.files)) for one in plans] == [(7, 8), (8, 8), (9, 3)]


def test_where_a_shard_lies(plan) -> None:
    first = plan(first_shard=12)[0]
    assert first.tar == Path("lake/shards/000012.tar")
    assert first.sidecar == Path("lake/shards/000012.parquet")


def test_the_same_files_and_seed_give_the_same_plan(plan) -> None:
    assert plan() == plan()
    assert [one.plan_id for one in plan()] == [one.plan_id for one in plan()]


def test_another_seed_gives_another_order(plan) -> None:
    assert planned(plan(seed=1)) != planned(plan())
    assert sorted(planned(plan(seed=1))) == sorted(planned(plan()))


def test_the_order_is_that_of_the_seed_with_every_numpy() -> None:
    assert shuffled(8, seed=0).tolist() == [3, 2, 1, 6, 0, 7, 4, 5]
    assert shuffled(0, seed=0).tolist() == []


def test_every_shard_has_some_of_every_class(plan) -> None:
    assert [set(one.files["folder"].to_pylist()) for one in plan()] == [{"apple", "pear"}] * 5


def test_only_new_files_are_planned(plan) -> None:
    assert sorted(planned(plan(new=[3, 25]))) == [
        ("set", "apple", "/set/apple/3.jpg", 103, 5),
        ("set", "pear", "/set/pear/5.jpg", 105, 5),
    ]
    assert plan(new=[]) == []


def test_the_plans_id_changes_with_all_that_its_bytes_depend_on(plan, monkeypatch) -> None:
    one = plan()[0]

    def with_first(column: str, value: object) -> ShardPlan:
        rows = one.files.to_pylist()
        rows[0][column] = value
        return replace(one, files=pa.Table.from_pylist(rows, schema=PLANNED))

    others = [
        replace(one, short_side=128),
        replace(one, short_side=None),
        replace(one, files=one.files[:-1]),
        replace(one, files=one.files.take([1, 0, *range(2, 8)])),
        with_first("size", 1),
        with_first("mtime_ns", 1),
        with_first("folder", "other"),
        with_first("dataset", "other"),
        with_first("path", "/elsewhere"),
    ]
    assert len({one.plan_id, *(other.plan_id for other in others)}) == 10
    assert replace(one, folder=Path("moved/shards")).plan_id == one.plan_id
    before = one.plan_id
    monkeypatch.setattr("ingest.plan.version", lambda _: "another version")
    assert one.plan_id != before


def test_a_plan_that_goes_to_another_process_takes_its_own_files_along_only(plan) -> None:
    import pickle

    large = plan(scan_of(apple=4_000))[0]
    assert pickle.loads(pickle.dumps(large)) == large
    assert len(pickle.dumps(large)) < 3_000
