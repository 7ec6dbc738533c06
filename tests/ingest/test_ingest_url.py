"""An ingest into an object store: the same shards and rows as into a folder, read back from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from catalog.database import parse_database
from catalog.lake import create_lake, open_lake
from catalog.organise import label_tree
from catalog.storage import delete, exists, join, list_sizes, open_file
from ingest.ingest_cli import summary
from ingest.lock import only_ingest
from ingest.pack import pack_shard
from ingest.run import ingest, prepare
from leaflake import UsageError
from shards.check_shards import Fault, check_shards
from shards.select import read_encoded, select


@pytest.fixture
def url(request, tmp_path) -> str:
    """An empty lake in a store: in memory, or in a real S3 server where a test asks for it."""
    if getattr(request, "param", None) == "s3":
        url = f"{request.getfixturevalue('bucket')}/lake"
    else:
        url = f"memory://[{request.node.name}]/lake"
    create_lake(url, parse_database(str(tmp_path / "snapshots.ducklake"))).connection.close()
    return url


both_stores = pytest.mark.parametrize("url", ["memory", "s3"], indirect=True)


@pytest.fixture
def source(tmp_path, write, dozen, monkeypatch) -> Path:
    """Twelve pictures and a broken one, to be packed four to a shard."""
    monkeypatch.setattr("ingest.plan.FILES_PER_SHARD", 4)
    return write(tmp_path / "leaves", {**dozen, "Tomato___healthy/zero.jpg": b""})


def contents(shards: str | Path) -> dict[str, bytes]:
    found = {}
    for name in list_sizes(shards):
        with open_file(join(shards, name)) as file:
            found[name] = file.read()
    return found


def rows(lake_path: str | Path) -> list[list[tuple]]:
    with open_lake(lake_path) as lake:
        names = ("samples", "rejections", "folders")
        return [lake.connection.sql(f"FROM {name} ORDER BY ALL").fetchall() for name in names]


@both_stores
def test_a_store_gets_the_same_shards_and_rows_as_a_folder(url, source, tmp_path) -> None:
    assert ingest([source], url) == ingest([source], tmp_path / "lake")
    shards = contents(tmp_path / "lake/shards")
    assert len(shards) == 8
    assert contents(join(url, "shards")) == shards
    assert rows(url) == rows(tmp_path / "lake")
    assert summary(url) == summary(tmp_path / "lake")
    taxonomy = (tmp_path / "lake/taxonomy.json").read_bytes()
    with open_file(join(url, "taxonomy.json")) as file:
        assert file.read() == taxonomy


def test_a_second_run_changes_nothing_and_new_files_become_new_shards(
    url, source, write, draw, encode
) -> None:
    first = ingest([source], url)
    before = contents(join(url, "shards"))
    assert ingest([source], url).files == 0
    write(source, {"Tomato___healthy/new.jpg": encode(draw(99))})
    again = ingest([source], url)
    assert (again.files, again.shards, again.snapshot) == (1, 1, first.snapshot + 1)
    after = contents(join(url, "shards"))
    assert sorted(after.keys() - before.keys()) == ["000004.parquet", "000004.tar"]
    assert before.items() <= after.items()


def test_an_interrupted_run_goes_on(url, source, tmp_path, monkeypatch) -> None:
    packed = iter(range(2))

    def pack(plan):
        if next(packed, None) is None:
            raise KeyboardInterrupt
        return pack_shard(plan)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("ingest.run.pack_shard", pack)
        ingest([source], url)
    assert len(list_sizes(join(url, "shards"))) == 4
    delete(join(url, "shards", "000001.parquet"))  # as if it had been killed before the sidecar
    assert ingest([source], url).totals.found_complete == 4
    ingest([source], tmp_path / "lake")
    assert contents(join(url, "shards")) == contents(tmp_path / "lake/shards")


@both_stores
def test_pictures_are_selected_and_read_from_a_store(url, source, dozen) -> None:
    ingest([source], url)
    with open_lake(url) as lake:
        selection = select(lake, "true", label_tree(lake.connection))
        read = dict(zip(selection.keys, read_encoded(selection), strict=True))
        sources = dict(lake.connection.sql("SELECT key, source_path FROM samples").fetchall())
    assert {key: Path(sources[key]).read_bytes() for key in read} == read
    assert len(read) == 12


def test_a_shard_that_is_gone_is_found(url, source) -> None:
    ingest([source], url)
    tar = join(url, "shards", "000001.tar")
    with open_lake(url) as lake:
        assert check_shards(lake, deep=True) == []
        selection = select(lake, "true", label_tree(lake.connection))
        delete(tar)
        (fault,) = check_shards(lake)
    assert (fault.shard, fault.place, fault.problem) == (1, tar, "is missing")
    assert isinstance(fault, Fault)
    with pytest.raises(UsageError, match="000001.tar: is missing; "):
        read_encoded(selection)


def test_a_dry_run_says_nothing_of_a_disk(url, source) -> None:
    assert " are free" not in str(prepare([source], url).needs)
    assert list_sizes(join(url, "shards")) == {}


def test_two_ingests_at_once_are_refused(url, source) -> None:
    with only_ingest(url), pytest.raises(UsageError, match="another ingest is at work on it"):
        ingest([source], url)


def test_a_url_without_a_lake_is_refused_before_anything_is_packed(source) -> None:
    with pytest.raises(UsageError, match="leaflake catalog create --lake memory://none/lake"):
        ingest([source], "memory://none/lake")
    assert not exists("memory://none/lake/shards/000000.tar")
