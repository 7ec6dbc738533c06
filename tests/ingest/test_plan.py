"""Which file goes into which shard."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ingest.plan import PlannedFile, ShardPlan, plan_shards
from ingest.scan import ClassFolder, SourceFile


def class_folder(name: str, count: int) -> ClassFolder:
    files = tuple(SourceFile(f"/set/{name}/{n}.jpg", 100 + n, 5) for n in range(count))
    return ClassFolder("set", name, f"/set/{name}", None, files)


FOLDERS = [class_folder("apple", 20), class_folder("pear", 20), class_folder("empty", 0)]


@pytest.fixture
def plan(monkeypatch):
    """plan_shards in shards of 8 files."""
    monkeypatch.setattr("ingest.plan.FILES_PER_SHARD", 8)

    def run(folders=FOLDERS, known=frozenset(), first_shard=0, seed=0) -> list[ShardPlan]:
        return plan_shards(
            folders,
            set(known),
            shards_folder=Path("lake/shards"),
            first_shard=first_shard,
            short_side=256,
            seed=seed,
        )

    return run


def planned(plans: list[ShardPlan]) -> list[PlannedFile]:
    return [file for one in plans for file in one.files]


def test_every_file_is_planned_once(plan) -> None:
    everything = [PlannedFile("set", f.folder, file) for f in FOLDERS for file in f.files]
    assert sorted(planned(plan()), key=repr) == sorted(everything, key=repr)


def test_shards_are_full_but_for_the_last(plan) -> None:
    plans = plan([class_folder("apple", 19)], first_shard=7)
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
    assert sorted(planned(plan(seed=1)), key=repr) == sorted(planned(plan()), key=repr)


def test_every_shard_has_some_of_every_class(plan) -> None:
    assert [{file.folder for file in one.files} for one in plan()] == [{"apple", "pear"}] * 5


def test_known_files_are_left_out(plan) -> None:
    known = {(file.path, file.size, file.mtime_ns) for file in FOLDERS[0].files}
    assert {file.folder for file in planned(plan(known=known))} == {"pear"}
    known |= {(file.path, file.size, file.mtime_ns) for file in FOLDERS[1].files}
    assert plan(known=known) == []


@pytest.mark.parametrize("change", [{"size": 999}, {"mtime_ns": 6}])
def test_a_changed_file_is_planned_again(plan, change) -> None:
    file = FOLDERS[0].files[3]
    known = {(f.path, f.size, f.mtime_ns) for f in (*FOLDERS[0].files, *FOLDERS[1].files)}
    changed = replace(file, **change)
    assert planned(plan([replace(FOLDERS[0], files=(changed,))], known)) == [
        PlannedFile("set", "apple", changed)
    ]


def test_the_plans_id_changes_with_all_that_its_bytes_depend_on(plan) -> None:
    one = plan()[0]
    first, *rest = one.files
    others = [
        replace(one, short_side=128),
        replace(one, files=one.files[:-1]),
        replace(one, files=one.files[::-1]),
        replace(one, files=(replace(first, file=replace(first.file, size=1)), *rest)),
        replace(one, files=(replace(first, file=replace(first.file, mtime_ns=1)), *rest)),
        replace(one, files=(replace(first, folder="other"), *rest)),
        replace(one, files=(replace(first, dataset="other"), *rest)),
    ]
    assert len({one.plan_id, *(other.plan_id for other in others)}) == 8
    assert replace(one, folder=Path("moved/shards")).plan_id == one.plan_id
