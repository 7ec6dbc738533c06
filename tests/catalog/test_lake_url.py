"""A lake in an object store: its Parquet and shards there, its snapshots in a database here."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from catalog.attach import extension
from catalog.database import parse_database
from catalog.lake import Lake, create_lake, open_lake
from catalog.storage import exists, is_url, join, list_sizes, open_file, publish
from leaflake import UsageError


@pytest.fixture(params=["memory", "s3"])
def url(request) -> Iterator[str]:
    """Where a lake of that kind of store goes."""
    if request.param == "memory":
        yield f"memory://{request.node.name}/lake"
    else:
        yield f"{request.getfixturevalue('bucket')}/lake"


def add_samples(lake: Lake, numbers: range) -> None:
    lake.change(
        f"add {numbers}",
        lambda connection: connection.execute(
            "INSERT INTO samples (\"key\", species) SELECT format('{:03d}', n), 'apple' "
            "FROM unnest(?) AS given(n)",
            [list(numbers)],
        ),
    )


def num_samples(place: str | Path, at: int | None = None) -> int:
    with open_lake(place, at=at) as lake:
        row = lake.connection.sql("SELECT count(DISTINCT key) FROM samples").fetchone()
        assert row is not None
        return row[0]


def test_a_lake_is_written_changed_and_read_as_it_was(url, tmp_path) -> None:
    database = parse_database(str(tmp_path / "snapshots.ducklake"))
    with create_lake(url, database) as lake:
        add_samples(lake, range(50))
        add_samples(lake, range(50, 80))
        lake.change("drop", lambda c: c.execute("DELETE FROM samples WHERE key >= '070'"))
        lake.change("pear", lambda c: c.execute("UPDATE samples SET species = 'pear'"))
        assert lake.shard_path(17) == f"{url}/shards/000017.tar"
    with open_file(join(url, "lake.json")) as file:
        assert file.read().decode() == f'{{\n "catalog": "{database.text}"\n}}\n'
    assert [num_samples(url, at) for at in (1, 2, 3, 4, None)] == [0, 50, 80, 70, 70]
    with open_lake(url + "/", at=4) as lake:
        assert lake.connection.sql("SELECT DISTINCT species FROM samples").fetchall() == [
            ("apple",)
        ]
    parquet = list_sizes(join(url, "catalog/main/samples"))
    assert len([name for name in parquet if name.endswith(".parquet")]) >= 3


def test_plain_duckdb_is_told_where_the_parquet_lies(url, tmp_path) -> None:
    path = tmp_path / "snapshots.ducklake"
    with create_lake(url, parse_database(str(path))) as lake:
        add_samples(lake, range(50))
    with duckdb.connect(str(path), read_only=True) as connection:
        stored = connection.sql("SELECT value FROM ducklake_metadata WHERE key = 'data_path'")
        assert stored.fetchall() == [(f"{url}/catalog/",)]


def test_plain_duckdb_reads_it_through_fsspec(tmp_path) -> None:
    fsspec = pytest.importorskip("fsspec")
    path = tmp_path / "snapshots.ducklake"
    with create_lake("memory://plain/lake", parse_database(str(path))) as lake:
        add_samples(lake, range(50))
    with duckdb.connect() as connection:
        connection.register_filesystem(fsspec.filesystem("memory"))
        connection.execute(f"LOAD '{extension('ducklake')}'")
        connection.execute(f"ATTACH 'ducklake:{path}' AS lake (READ_ONLY)")
        connection.execute("USE lake")
        assert connection.sql("SELECT count(*) FROM samples").fetchall() == [(50,)]


def test_a_lake_that_was_copied_to_a_store_can_be_read_and_not_written(url, tmp_path) -> None:
    with create_lake(tmp_path / "lake") as lake:
        add_samples(lake, range(50))
    for file in sorted((tmp_path / "lake").rglob("*")):
        if file.is_file():
            with publish(join(url, str(file.relative_to(tmp_path / "lake")))) as copy:
                copy.write(file.read_bytes())
    shutil.rmtree(tmp_path / "lake")
    assert [num_samples(url, at) for at in (1, 2, None)] == [0, 50, 50]
    with pytest.raises(UsageError) as refused:
        open_lake(url, read_only=False)
    assert str(refused.value) == (
        f"{url}: can only be read: its catalog.ducklake lies in an object store, which can't hold "
        "a database that is written to. Write to the lake that it was copied from, or keep its "
        "snapshots in PostgreSQL (leaflake catalog create). Nothing was written."
    )


def test_a_store_without_a_lake_is_none(url) -> None:
    with pytest.raises(UsageError, match="/lake: not a lake, there is no catalog.ducklake in"):
        open_lake(url)


def test_a_lake_in_a_store_needs_a_database_elsewhere(url) -> None:
    with pytest.raises(UsageError) as refused:
        create_lake(url)
    assert str(refused.value) == (
        f"{url}: an object store can't hold a database that is written to. Name one for the lake's "
        f"snapshots first: leaflake catalog create --lake {url} --catalog postgres:dbname=... (or "
        "a file on this machine). Nothing was written."
    )
    assert not exists(join(url, "lake.json"))


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("postgres:dbname=lake host=db.example", "postgres:dbname=lake host=db.example"),
        ("postgresql://me@db.example/lake", "postgres:postgresql://me@db.example/lake"),
        ("postgres://db.example:5433/lake", "postgres:postgres://db.example:5433/lake"),
        ("/data/lake.ducklake", "/data/lake.ducklake"),
    ],
)
def test_how_a_database_is_named(text, meant) -> None:
    assert parse_database(text).text == meant
    assert parse_database(meant).text == meant


@pytest.mark.parametrize(
    "text",
    [
        "postgres:dbname=lake password=geheim",
        "postgres:dbname=lake password = 'geheim'",
        "postgresql://me:geheim@db.example/lake",
        "postgres:postgresql://me:geheim@db.example/lake",
    ],
)
def test_a_password_is_refused_without_being_shown(text) -> None:
    with pytest.raises(UsageError, match="has a password in it.*PGPASSWORD") as refused:
        parse_database(text)
    assert "geheim" not in str(refused.value)


def test_a_database_in_a_store_is_refused() -> None:
    with pytest.raises(UsageError, match="^s3://b/x.ducklake: a database that is written to can't"):
        parse_database("s3://b/x.ducklake")


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"catalog": 7}', '{"catalog": ""}', "\xff"])
def test_a_lake_json_that_says_nothing_is_refused(tmp_path, text) -> None:
    (tmp_path / "lake.json").write_text(text, encoding="latin-1")
    with pytest.raises(UsageError, match=r"lake.json: expected {\"catalog\": \"postgres:dbname="):
        open_lake(tmp_path)


def test_a_lake_whose_database_is_gone_says_which(tmp_path) -> None:
    database = parse_database(str(tmp_path / "elsewhere.ducklake"))
    with create_lake(tmp_path / "lake", database):
        pass
    assert not is_url(tmp_path / "lake")
    (tmp_path / "elsewhere.ducklake").unlink()
    with pytest.raises(UsageError) as refused:
        open_lake(tmp_path / "lake")
    assert str(refused.value).startswith(f"{database.text}: DuckDB cannot open it: ")
