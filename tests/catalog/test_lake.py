"""The lake: opening, snapshots, time travel, views, and plain DuckDB as a reader."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

import catalog.lake
from catalog.lake import Lake, create_lake, open_lake
from leaflake import UsageError

SQL = Path(catalog.lake.__file__).parent
TABLES = sorted(re.findall(r"^CREATE TABLE (\w+)", (SQL / "schema.sql").read_text(), re.MULTILINE))
VIEWS = sorted(file.stem for file in (SQL / "views").glob("*.sql"))


def add_samples(lake: Lake, *keys: str, split: str | None = None) -> None:
    with lake.commit(f"add {len(keys)}") as connection:
        connection.execute(
            'INSERT INTO samples ("key", species, "condition", split, group_id, sha256, phash, '
            "status) SELECT k, 'tomato', 'healthy', $split, 'group ' || k, 'sha ' || k, 0, 'ok' "
            "FROM unnest($keys) AS given(k)",
            {"keys": list(keys), "split": split},
        )


def keys(lake: Lake) -> list[str]:
    return [
        row[0] for row in lake.connection.sql('SELECT "key" FROM samples ORDER BY 1').fetchall()
    ]


@pytest.fixture(scope="module")
def template(tmp_path_factory) -> Path:
    """A lake of three snapshots: empty, then a and b, then c."""
    path = tmp_path_factory.mktemp("lake") / "lake"
    with create_lake(path) as lake:
        add_samples(lake, "a", "b")
        add_samples(lake, "c")
    return path


@pytest.fixture
def path(template, tmp_path) -> Path:
    """A copy of it for one test, at a path that has to be quoted."""
    return shutil.copytree(template, tmp_path / "it's a lake")


def test_a_folder_without_a_catalog_is_not_a_lake(tmp_path) -> None:
    with pytest.raises(UsageError) as refused:
        open_lake(tmp_path)
    assert str(refused.value) == (
        f"{tmp_path}: not a lake, there is no catalog.ducklake in it. "
        "Name a folder that `leaflake ingest` made. Nothing was written."
    )
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_something_else_cannot_be_opened(tmp_path) -> None:
    (tmp_path / "catalog.ducklake").write_text("not a database, whatever its name says\n" * 200)
    with pytest.raises(UsageError, match="catalog.ducklake: DuckDB cannot open it: "):
        open_lake(tmp_path)


def test_a_new_lake_has_every_table_and_view_and_no_rows(tmp_path) -> None:
    with create_lake(tmp_path / "lake") as lake:
        ask = lake.connection.sql
        found = ask(
            "SELECT table_name FROM duckdb_tables() WHERE database_name = 'lake' ORDER BY 1"
        )
        assert [name for (name,) in found.fetchall()] == TABLES
        found = ask(
            "SELECT view_name FROM duckdb_views() "
            "WHERE database_name = 'lake' AND NOT internal ORDER BY 1"
        )
        assert [name for (name,) in found.fetchall()] == VIEWS
        assert [ask(f"FROM {name}").fetchall() for name in TABLES + VIEWS] == [[]] * (
            len(TABLES) + len(VIEWS)
        )
        assert {"samples", "rejections", "split_leaks"} <= {*TABLES, *VIEWS}
        assert lake.snapshot == 1


def test_creating_a_lake_again_keeps_what_is_in_it(path) -> None:
    with create_lake(path) as lake:
        assert (lake.snapshot, keys(lake)) == (3, ["a", "b", "c"])


def test_an_older_snapshot_is_read_as_it_was(path) -> None:
    seen = {}
    for snapshot in (1, 2, 3):
        with open_lake(path, at=snapshot) as lake:
            seen[lake.snapshot] = keys(lake)
    assert seen == {1: [], 2: ["a", "b"], 3: ["a", "b", "c"]}


def test_an_update_leaves_the_older_snapshot_as_it_was(path) -> None:
    with open_lake(path, read_only=False) as lake, lake.commit("to val") as connection:
        connection.execute("UPDATE samples SET split = 'val'")
    splits = {}
    for snapshot in (3, 4):
        with open_lake(path, at=snapshot) as lake:
            splits[snapshot] = lake.connection.sql("SELECT DISTINCT split FROM samples").fetchall()
    assert splits == {3: [(None,)], 4: [("val",)]}


def test_predictions_make_a_snapshot_and_leave_the_pictures_as_of_the_one_before(path) -> None:
    with open_lake(path, read_only=False) as lake:
        before = lake.snapshot
        assert lake.pictures_snapshot == before
        for query in ("INSERT INTO predictions (run) VALUES ('a')", "DELETE FROM predictions"):
            with lake.commit("predictions") as connection:
                connection.execute(query)
            assert lake.pictures_snapshot == before < lake.snapshot
        add_samples(lake, "d")
        assert lake.pictures_snapshot == lake.snapshot
    with open_lake(path, at=before + 1) as lake:
        assert lake.pictures_snapshot == before


@pytest.mark.parametrize("snapshot", [4, 99, -1])
def test_an_unknown_snapshot_is_refused_with_those_that_there_are(path, snapshot) -> None:
    with pytest.raises(UsageError) as refused:
        open_lake(path, at=snapshot)
    assert str(refused.value) == f"{path}: has no snapshot {snapshot}; there are 0 to 3."


def snapshot_times(path: Path) -> list[datetime]:
    """When each snapshot was made, UTC."""
    with open_lake(path) as lake:
        rows = lake.connection.sql("SELECT snapshot_time FROM lake.snapshots() ORDER BY 1")
        return [time.astimezone(UTC) for (time,) in rows.fetchall()]


def test_a_time_reads_the_snapshot_that_was_the_newest_then(path) -> None:
    times = snapshot_times(path)
    tokyo = timezone(timedelta(hours=9))
    moments = [
        (times[1].isoformat(), 1),
        (times[2].astimezone(tokyo).isoformat(), 2),
        (times[2].replace(tzinfo=None).isoformat(" "), 2),  # without an offset it is UTC
        ((times[3] - timedelta(microseconds=1)).isoformat(), 2),
        (times[3].isoformat().replace("+00:00", "Z"), 3),
        (datetime.now(UTC).isoformat(), 3),
    ]
    for moment, snapshot in moments:
        with open_lake(path, at=moment) as lake:
            assert (moment, lake.snapshot) == (moment, snapshot)


def test_a_time_means_the_same_whatever_the_time_zone_of_the_machine(path, monkeypatch) -> None:
    moment = snapshot_times(path)[2].replace(tzinfo=None).isoformat()
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        with open_lake(path, at=moment) as lake:
            assert lake.snapshot == 2
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_time_before_the_lake_is_refused(path) -> None:
    first = snapshot_times(path)[0]
    with pytest.raises(UsageError) as refused:
        open_lake(path, at="2020-02-29")
    assert str(refused.value) == (
        f"{path}: there was nothing at 2020-02-29; its first snapshot is of {first.isoformat()}."
    )


def test_a_time_to_come_is_refused(path) -> None:
    with pytest.raises(UsageError, match="^2999-01-01: is still to come; it is 20.* UTC"):
        open_lake(path, at="2999-01-01")


def test_what_is_no_time_is_refused(path) -> None:
    with pytest.raises(UsageError, match="^'yesterday' is no time. Expected ISO 8601 such as "):
        open_lake(path, at="yesterday")


def test_a_commit_carries_its_message(path) -> None:
    with open_lake(path) as lake:
        rows = lake.connection.sql(
            "SELECT snapshot_id, author, commit_message FROM lake.snapshots() ORDER BY 1"
        ).fetchall()
    assert rows[1:] == [
        (1, "leaflake", "empty lake"),
        (2, "leaflake", "add 2"),
        (3, "leaflake", "add 1"),
    ]


def test_a_commit_that_raises_leaves_nothing(path) -> None:
    with open_lake(path, read_only=False) as lake:
        with pytest.raises(KeyboardInterrupt), lake.commit("half") as connection:
            connection.execute("DELETE FROM samples")
            raise KeyboardInterrupt
        assert (lake.snapshot, keys(lake)) == (3, ["a", "b", "c"])
    with open_lake(path) as lake:
        assert (lake.snapshot, keys(lake)) == (3, ["a", "b", "c"])


@pytest.mark.parametrize("options", [{}, {"at": 3}, {"at": 3, "read_only": False}])
def test_a_reader_cannot_write(path, options) -> None:
    with open_lake(path, **options) as lake, pytest.raises(duckdb.Error, match="read-only"):
        lake.connection.execute("DELETE FROM samples")


def test_two_readers_at_once(path) -> None:
    with open_lake(path) as one, open_lake(path, at=2) as other:
        assert (keys(one), keys(other)) == (["a", "b", "c"], ["a", "b"])


def many_in_parquet(path: Path) -> None:
    """More rows than DuckLake keeps inside its own database."""
    with create_lake(path) as lake:
        add_samples(lake, *(f"{number:03d}" for number in range(50)))
        assert sorted(path.glob("catalog/**/samples/*.parquet")) != []


def test_a_moved_lake_still_opens(tmp_path) -> None:
    many_in_parquet(tmp_path / "old")
    (tmp_path / "elsewhere").mkdir()
    moved = (tmp_path / "old").rename(tmp_path / "elsewhere/new")
    with open_lake(moved, read_only=False) as lake:
        assert len(keys(lake)) == 50
        add_samples(lake, *(f"later {number:03d}" for number in range(50)))
        assert len(keys(lake)) == 100
    assert not (tmp_path / "old").exists()


def test_plain_duckdb_reads_a_lake_that_was_made_under_a_relative_path(
    tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    many_in_parquet(Path("lake"))
    monkeypatch.chdir("/")
    extensions = Path(pytest.importorskip("duckdb_extension_ducklake").__file__).parent
    extension = next(extensions.glob(f"extensions/v{duckdb.__version__}/*.duckdb_extension"))
    with duckdb.connect() as connection:
        connection.execute(f"LOAD '{extension}'")
        connection.execute(f"ATTACH 'ducklake:{tmp_path}/lake/catalog.ducklake' AS lake")
        connection.execute("USE lake")
        assert connection.sql("SELECT count(*) FROM samples").fetchall() == [(50,)]
        assert connection.sql("SELECT species, pictures FROM species").fetchall() == [
            ("tomato", 50)
        ]


def test_pyarrow_reads_the_parquet_of_a_table(tmp_path) -> None:
    many_in_parquet(tmp_path)
    (file,) = sorted(tmp_path.glob("catalog/main/samples/*.parquet"))
    table = pq.read_table(file, columns=["key", "species", "status", "split"])
    assert table.to_pylist() == [
        {"key": f"{number:03d}", "species": "tomato", "status": "ok", "split": None}
        for number in range(50)
    ]


def test_a_lake_that_another_process_writes_to_is_waited_for(path, monkeypatch) -> None:
    hold = (
        "import sys, time; from pathlib import Path; from catalog.lake import open_lake\n"
        "with open_lake(Path(sys.argv[1]), read_only=False):\n"
        "    print('open', flush=True); time.sleep(float(sys.argv[2]))"
    )

    def start(seconds: float) -> subprocess.Popen:
        command = [sys.executable, "-c", hold, str(path), str(seconds)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        return process

    with start(0.5), open_lake(path) as lake:
        assert keys(lake) == ["a", "b", "c"]
    monkeypatch.setattr("catalog.attach.BUSY_WAIT_S", 0.2)
    with start(60) as process:
        with pytest.raises(UsageError, match="DuckDB cannot open it: .*Could not set lock on file"):
            open_lake(path)
        process.kill()


def test_where_the_tar_of_a_shard_lies(path) -> None:
    with open_lake(path) as lake:
        assert lake.shard_path(17) == path / "shards/000017.tar"


def test_a_planted_leak_shows_in_split_leaks(tmp_path) -> None:
    with create_lake(tmp_path / "lake") as lake:
        add_samples(lake, "a", "b", "c", split="train")
        assert lake.connection.sql("FROM split_leaks").fetchall() == []
        with lake.commit("one group in two splits") as connection:
            connection.execute("UPDATE samples SET group_id = 'group a' WHERE \"key\" = 'b'")
            connection.execute("UPDATE samples SET split = 'test' WHERE \"key\" = 'b'")
        assert lake.connection.sql("FROM split_leaks").fetchall() == [
            ("group", "group a", ["test", "train"], ["a", "b"])
        ]
        with lake.commit("and the same bytes in two") as connection:
            connection.execute(
                "UPDATE samples SET sha256 = 'sha a', split = 'val' WHERE \"key\" = 'c'"
            )
        assert sorted(lake.connection.sql("FROM split_leaks").fetchall()) == [
            ("group", "group a", ["test", "train"], ["a", "b"]),
            ("sha256", "sha a", ["train", "val"], ["a", "c"]),
        ]
