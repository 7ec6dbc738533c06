"""Snapshots in PostgreSQL: several writers at once, on a server of the test's own."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

from catalog.attach import attach
from catalog.database import Database, parse_database
from catalog.lake import Conflict, Lake, create_lake, open_lake
from catalog.turns import TURN_KEY, claim
from ingest.lock import INGEST_KEY
from ingest.run import ingest
from leaflake import UsageError

PASSWORD = "not in lake.json"
NUMBERS = itertools.count()


@dataclass(frozen=True)
class Server:
    """A PostgreSQL server on loopback; PGPASSWORD is set."""

    port: int

    def database(self, name: str) -> Database:
        return parse_database(f"postgres:dbname={name} host=127.0.0.1 port={self.port} user=lake")

    def ask(self, name: str, query: str) -> str:
        """What psql answers."""
        address = f"dbname={name} host=127.0.0.1 port={self.port} user=lake"
        return subprocess.run(
            ["psql", "-XAt", address, "-c", query], check=True, capture_output=True, text=True
        ).stdout.strip()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    programs = shutil.which("initdb") or next(
        map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)), None
    )
    if programs is None or shutil.which("psql") is None:
        pytest.skip("no PostgreSQL server here: initdb or psql is missing (Debian: postgresql)")
    pytest.importorskip("duckdb_extension_postgres_scanner", reason="needs the extra `team`")
    bin_folder = Path(programs).resolve().parent
    # PostgreSQL refuses to run as root, and root's temporary folder is closed to others.
    user = next((u.pw_name for u in pwd.getpwall() if u.pw_name in ("postgres", "nobody")), None)
    run_as = {"user": user} if os.getuid() == 0 else {}
    with tempfile.TemporaryDirectory(prefix="leaflake-") as folder, socket.socket() as probe:
        if run_as:
            shutil.chown(folder, user)
        data, password = Path(folder, "data"), Path(folder, "password")
        password.write_text(PASSWORD)
        password.chmod(0o644)
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        setup = ["-U", "lake", "-A", "scram-sha-256", f"--pwfile={password}", "--no-sync"]
        subprocess.run(
            [bin_folder / "initdb", "-D", data, *setup, "-E", "UTF8", "--no-locale"],
            check=True,
            capture_output=True,
            **run_as,
        )
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c fsync=off -k ''"
        control = [bin_folder / "pg_ctl", "-D", data, "-w", "-s"]
        subprocess.run(
            [*control, "-o", options, "-l", data / "log", "start"], check=True, cwd="/", **run_as
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PGPASSWORD", PASSWORD)
            try:
                yield Server(port)
            finally:
                subprocess.run([*control, "-m", "immediate", "stop"], check=True, **run_as)


@pytest.fixture
def database(server) -> Database:
    """An empty database."""
    name = f"lake_{next(NUMBERS)}"
    server.ask("postgres", f"CREATE DATABASE {name}")
    return server.database(name)


@pytest.fixture
def path(database, tmp_path) -> Path:
    """A lake of two samples, a and b."""
    path = tmp_path / "lake"
    with create_lake(path, database) as lake:
        lake.change("add a, b", lambda connection: insert(connection, "a", "b"))
    return path


def insert(connection: duckdb.DuckDBPyConnection, *keys: str) -> None:
    connection.execute(
        'INSERT INTO samples ("key", species, "condition", sha256, source_path, dataset, folder, '
        "phash) SELECT k, 'apple', 'scab', 'sha ' || k, '/pictures/' || k, 'd', 'f', hash(k) "
        "FROM unnest(?) AS given(k)",
        [list(keys)],
    )


def samples(lake: Lake) -> list[tuple]:
    return lake.connection.sql('SELECT "key", species FROM samples ORDER BY 1').fetchall()


def messages(lake: Lake) -> list[str]:
    rows = lake.connection.sql(
        "SELECT commit_message FROM lake.snapshots() WHERE snapshot_id > 1 ORDER BY snapshot_id"
    )
    return [message for (message,) in rows.fetchall()]


def test_the_folder_says_where_the_snapshots_are_and_holds_no_password(path, database) -> None:
    text = (path / "lake.json").read_text()
    assert text == f'{{\n "catalog": "{database.text}"\n}}\n'
    assert PASSWORD not in text
    assert not (path / "catalog.ducklake").exists()
    with open_lake(path) as lake:
        assert samples(lake) == [("a", "apple"), ("b", "apple")]


def test_an_older_snapshot_is_read_as_it_was(path) -> None:
    with open_lake(path, read_only=False) as lake:
        lake.change("add c", lambda connection: insert(connection, "c"))
        before = lake.connection.sql("SELECT max(snapshot_time) FROM lake.snapshots()").fetchall()
        lake.change("drop a", lambda c: c.execute("DELETE FROM samples WHERE \"key\" = 'a'"))
    seen = []
    for moment in (1, 2, before[0][0].isoformat(), None):
        with open_lake(path, at=moment) as lake:
            seen.append((lake.snapshot, [key for key, _ in samples(lake)]))
    assert seen == [(1, []), (2, ["a", "b"]), (3, ["a", "b", "c"]), (4, ["b", "c"])]
    with pytest.raises(UsageError, match="has no snapshot 9; there are 0 to 4"):
        open_lake(path, at=9)


def test_a_reader_cannot_write(path) -> None:
    with open_lake(path) as lake, pytest.raises(duckdb.Error, match="read-only"):
        lake.connection.execute("DELETE FROM samples")


def test_many_rows_lie_as_parquet_in_the_moved_folder(path, tmp_path) -> None:
    with open_lake(path, read_only=False) as lake:
        lake.change("add 50", lambda connection: insert(connection, *map(str, range(50))))
    moved = path.rename(tmp_path / "moved")
    assert sorted(moved.glob("catalog/**/samples/*.parquet")) != []
    with open_lake(moved) as lake:
        assert len(samples(lake)) == 52


def test_three_writers_at_once_all_end_committed(
    path, server, database, tmp_path, write, dozen
) -> None:
    name = database.text.split("dbname=")[1].split()[0]
    photos = write(tmp_path / "photos", dozen)
    leaflake, lake_option = [sys.executable, "-m", "leaflake"], ["--lake", str(path)]
    pear = "update samples set species = 'pear' where key = 'a'"
    tomato = "update samples set species = 'tomato' where key = 'b'"
    commands = [
        [*leaflake, "sql", *lake_option, pear],
        [*leaflake, "sql", *lake_option, tomato],
        [*leaflake, "ingest", str(photos), *lake_option, "--workers", "1"],
    ]
    with open_lake(path, read_only=False) as lake, lake.commit("the test's turn"):
        # All three are under way before the first of them may write.
        started = [
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            for command in commands
        ]
        waiting = f"SELECT count(*) FROM pg_locks WHERE objid = {TURN_KEY} AND NOT granted"
        until = time.monotonic() + 60
        while server.ask(name, waiting) != "3":
            assert time.monotonic() < until, [process.poll() for process in started]
            time.sleep(0.05)
    ended = [(process.communicate(timeout=60)[0], process.returncode) for process in started]
    assert [status for _, status in ended] == [0, 0, 0], ended
    with open_lake(path) as lake:
        found = samples(lake)
        assert [row for row in found if row[0] in "ab"] == [("a", "pear"), ("b", "tomato")]
        assert len(found) == 14
        assert lake.connection.sql("FROM split_leaks").fetchall() == []
        assert messages(lake)[0] == "add a, b"
        assert sorted(messages(lake)[-3:]) == ["ingest of 12 files", pear, tomato]
        times = lake.connection.sql("SELECT snapshot_time FROM lake.snapshots() ORDER BY ALL")
        numbers = lake.connection.sql(
            "SELECT snapshot_time FROM lake.snapshots() ORDER BY snapshot_id"
        )
        assert times.fetchall() == numbers.fetchall()


def test_a_second_ingest_on_another_machine_is_refused(path, database, write, dozen) -> None:
    photos = write(path.parent / "photos", dozen)
    with claim(database, INGEST_KEY) as ours:
        assert ours
        with pytest.raises(UsageError) as refused:
            ingest([photos], path)
    assert str(refused.value) == (
        f"{path}: another ingest is at work on it. Wait until it is done, and run this one again. "
        "Nothing was written."
    )
    assert ingest([photos], path).files == 12


def plain_update(path: Path, database: Database, species: str) -> None:
    """What somebody does with plain DuckDB, who takes no turn."""
    with attach(path, database, []) as connection:
        connection.execute("UPDATE samples SET species = ? WHERE \"key\" = 'a'", [species])


def test_a_change_is_made_again_when_plain_duckdb_came_in_between(path, database) -> None:
    seen = []

    def work(connection: duckdb.DuckDBPyConnection) -> str:
        seen.extend(connection.execute("SELECT species FROM samples ORDER BY key").fetchall())
        if len(seen) == 2:
            plain_update(path, database, "pear")
        connection.execute("UPDATE samples SET species = species || ', mended'")
        return "done"

    with open_lake(path, read_only=False) as lake:
        assert lake.change("mend", work) == "done"
        assert samples(lake) == [("a", "pear, mended"), ("b", "apple, mended")]
    assert seen == [("apple",), ("apple",), ("pear",), ("apple",)]


def test_the_loser_of_a_conflict_writes_nothing_and_says_so(path, database) -> None:
    with open_lake(path, read_only=False) as lake:
        with pytest.raises(Conflict) as refused, lake.commit("mend") as connection:
            connection.execute("UPDATE samples SET species = 'grape'")
            plain_update(path, database, "pear")
        assert samples(lake) == [("a", "pear"), ("b", "apple")]
        lake.change("afterwards", lambda c: insert(c, "c"))
    text = str(refused.value)
    assert text.startswith(f"{path}: somebody else changed the same rows in the meantime (")
    assert text.endswith("). Nothing was written. Run this again.")


def test_a_writer_whose_turn_does_not_come_is_told(path, monkeypatch) -> None:
    monkeypatch.setattr("catalog.turns.TURN_WAIT_S", 1)
    with (
        open_lake(path, read_only=False) as one,
        open_lake(path, read_only=False) as other,
        one.commit("long"),
        pytest.raises(UsageError) as refused,
        other.commit("too late"),
    ):
        raise AssertionError("it is not its turn")
    assert str(refused.value) == (
        "the catalog is in use: another writer has been at work for 1 s. Nothing was written. "
        "Run this again when it is done."
    )


def test_a_writer_that_raises_gives_its_turn_back(path) -> None:
    with open_lake(path, read_only=False) as one, open_lake(path, read_only=False) as other:
        with pytest.raises(ZeroDivisionError), one.commit("half") as connection:
            insert(connection, "c")
            raise ZeroDivisionError
        other.change("add d", lambda connection: insert(connection, "d"))
        assert [key for key, _ in samples(one)] == ["a", "b", "d"]


def test_creating_the_lake_again_keeps_what_is_in_it(path, database, server) -> None:
    for named in (database, None):
        with create_lake(path, named) as lake:
            assert len(samples(lake)) == 2
    with pytest.raises(UsageError, match="keeps its snapshots in postgres:.* already"):
        create_lake(path, server.database("another"))


def test_an_interrupted_creation_is_finished(path, database) -> None:
    (path / "lake.json").unlink()
    with create_lake(path, database) as lake:
        assert len(samples(lake)) == 2
    assert (path / "lake.json").exists()


def test_another_lakes_database_is_refused(path, database, tmp_path) -> None:
    with pytest.raises(UsageError) as refused:
        create_lake(tmp_path / "other", database)
    assert str(refused.value) == (
        f"{database.text}: holds the snapshots of another lake, whose Parquet is at "
        f"{path}/catalog/. Name another database, such as a new one (createdb NAME). "
        "Nothing was written."
    )
    assert not (tmp_path / "other/lake.json").exists()


def test_a_server_that_does_not_answer_is_named(tmp_path) -> None:
    pytest.importorskip("duckdb_extension_postgres_scanner", reason="needs the extra `team`")
    (tmp_path / "lake.json").write_text('{"catalog": "postgres:host=127.0.0.1 port=1"}')
    with pytest.raises(UsageError) as refused:
        open_lake(tmp_path)
    assert str(refused.value).startswith("postgres:host=127.0.0.1 port=1: DuckDB cannot open it: ")
    assert "refused" in str(refused.value)
