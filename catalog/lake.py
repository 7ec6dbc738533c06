"""The lake's catalog: a DuckLake of Parquet files and snapshots, opened with DuckDB.

In: a folder or a URL. Out: a `Lake`, whose `connection` answers SQL. Every change is one
transaction and one snapshot; `at=` reads the lake as an older snapshot left it.
Format: https://ducklake.select/docs/stable/specification/introduction
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import TypeVar

import duckdb

from catalog.attach import attach, data_path, quote
from catalog.database import FILE_NAME, SETTINGS_NAME, Database, find_database, settings_bytes
from catalog.moment import Moment, past_time
from catalog.schema import bring_up_to_date, define_all, is_up_to_date
from catalog.storage import PROTOCOL, Place, as_place, is_url, join, make_folder, publish
from catalog.turns import turn
from leaflake import UsageError

CATALOG_NAME = FILE_NAME
_METADATA = "__ducklake_metadata_lake.ducklake_metadata"

NO_SNAPSHOT = re.compile("No snapshot found|out of range for the destination type")
"""What DuckLake says of a version (below 0, too) or time that the lake does not have."""

TRIES = 5
"""How often a change is made before a conflict is a person's affair. Leaflake's own writers take
turns, so only somebody with plain DuckDB can come in between."""

RETRY_WAIT_S = 0.2
"""Grows with every try."""

T = TypeVar("T")


class Conflict(UsageError):
    """Somebody else changed the same rows in the meantime; this transaction is undone."""


@dataclass(frozen=True)
class Lake:
    """An open lake. Use it in a `with`, or call `close`."""

    path: Place
    """The folder, or the URL, that holds shards/ and the catalog."""

    connection: duckdb.DuckDBPyConnection
    """DuckDB with the lake attached and in use: `SELECT * FROM samples` just works."""

    database: Database
    """Where the snapshots are kept."""

    def __enter__(self) -> Lake:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    @property
    def snapshot(self) -> int:
        """Number of the snapshot that the next query reads."""
        row = self.connection.execute("SELECT id FROM ducklake_current_snapshot('lake')").fetchone()
        assert row is not None  # a lake has a snapshot from its first moment
        return int(row[0])

    @property
    def pictures_snapshot(self) -> int:
        """Number of the newest snapshot that changed more than the table `predictions`.

        Who trains on it gets what `snapshot` gives: what a model says of pictures changes neither
        them nor their labels and splits.
        """
        row = self.connection.execute(
            "SELECT max(snapshot_id) FROM lake.snapshots() WHERE snapshot_id <= ? AND NOT "
            "list_has_all((SELECT list(table_id::VARCHAR) FROM ducklake_table_info('lake') "
            "WHERE table_name = 'predictions'), flatten(map_values(changes)))",
            [self.snapshot],
        ).fetchone()
        assert row is not None  # an aggregate has one row
        return int(row[0])

    @property
    def has_tables(self) -> bool:
        """False where the making of the lake was interrupted; the next `create_lake` goes on."""
        query = "SELECT 1 FROM duckdb_tables() WHERE database_name = 'lake' LIMIT 1"
        return self.connection.execute(query).fetchone() is not None

    @property
    def shards_folder(self) -> Place:
        """Where the tars and their sidecars lie."""
        return join(self.path, "shards")

    def shard_path(self, shard: int) -> Place:
        """Where the tar of a shard lies."""
        return join(self.shards_folder, f"{shard:06d}.tar")

    def in_sql(self, place: Place) -> str:
        """What DuckDB calls a file of the lake."""
        if isinstance(place, Path):
            return str(place)
        return f"{PROTOCOL}://" + place.removeprefix(f"{self.path}/")

    @contextmanager
    def commit(self, message: str) -> Iterator[duckdb.DuckDBPyConnection]:
        """One transaction that becomes one snapshot with `message`; undone if the block raises.

        Where several processes can write, it waits for its turn. Raises Conflict if somebody with
        plain DuckDB changed the same rows in the meantime; `change` tries again by itself.
        """
        with turn(self.connection, self.database):
            self.connection.execute("BEGIN")
            try:
                yield self.connection
                self.connection.execute("CALL lake.set_commit_message('leaflake', ?)", [message])
                self._end()
            except BaseException:
                self._roll_back()
                raise

    def change(self, message: str, work: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        """Commit what `work` does with the connection; on a conflict it is done again, TRIES times.

        Returns what `work` returned. Raises Conflict after the last try.
        """
        for done in range(1, TRIES):
            try:
                with self.commit(message) as connection:
                    return work(connection)
            except Conflict:
                time.sleep(RETRY_WAIT_S * done)
        with self.commit(message) as connection:
            return work(connection)

    def _end(self) -> None:
        try:
            self.connection.execute("COMMIT")
        except duckdb.TransactionException as error:
            if "conflict" not in str(error).lower() and "retry count" not in str(error):
                raise
            raise Conflict(
                f"{self.path}: somebody else changed the same rows in the meantime "
                f"({str(error).splitlines()[-1]}). Nothing was written. Run this again."
            ) from None

    def _roll_back(self) -> None:
        try:
            self.connection.execute("ROLLBACK")
        except duckdb.TransactionException as error:
            if "no transaction is active" not in str(error):  # a COMMIT that failed has ended it
                raise


def open_lake(place: Place, *, read_only: bool = True, at: Moment | None = None) -> Lake:
    """Open an existing lake, as of snapshot `at` or of a time (ISO 8601, UTC without an offset).

    One that an older version made gets the newer tables and views when it is opened for writing.
    Raises UsageError if there is no lake, or there was none at that time, or no such snapshot.
    """
    place = as_place(place)
    database = find_database(place)
    if database is None:
        raise UsageError(
            f"{place}: not a lake, there is no {FILE_NAME} in it. "
            "Name a folder that `leaflake ingest` made. Nothing was written."
        )
    if not read_only and at is None:
        refuse_read_only(place)
    if at is None:
        lake = _attach(place, database, ["READ_ONLY"] if read_only else [])
        if not read_only:
            _bring_up_to_date(lake)
        return lake
    option = (
        f"SNAPSHOT_VERSION {at}"
        if isinstance(at, int)
        else f"SNAPSHOT_TIME {quote(past_time(at).isoformat())}"
    )
    try:
        return _attach(place, database, ["READ_ONLY", option])
    except duckdb.InvalidInputException:
        with _attach(place, database, ["READ_ONLY"]) as lake:
            raise UsageError(_no_such_snapshot(lake, at)) from None


def create_lake(place: Place, database: Database | None = None) -> Lake:
    """Open the lake at `place` for writing, with empty tables if there is none yet.

    A new lake keeps its snapshots in `database`; by default in a DuckDB file in its folder.
    Raises UsageError if there is a lake and it keeps them elsewhere, if `database` is another
    lake's, or if `place` is a URL and no database is named.
    """
    place = as_place(place)
    found = find_database(place)
    if found is not None and database not in (None, found):
        raise UsageError(
            f"{place}: keeps its snapshots in {found.text} already. Nothing was written."
        )
    if database is None:
        refuse_read_only(place)
    if found is None:
        make_folder(place)
        lake = _attach(place, database or Database(str(join(place, FILE_NAME))), [])
    else:
        lake = open_lake(place, read_only=False)
    try:
        if not lake.has_tables:
            _fill(lake)
        elif found is None:
            _refuse_another_lakes(lake)
        if found is None and database is not None:
            with publish(join(place, SETTINGS_NAME)) as file:
                file.write(settings_bytes(database))
    except BaseException:
        lake.connection.close()
        raise
    return lake


def refuse_read_only(place: Place) -> None:
    """Raise UsageError if a lake there, or one to be made, can't be written to."""
    database = find_database(place)
    if not is_url(place) or (database is not None and not database.is_in_store):
        return
    if database is None:
        raise UsageError(
            f"{place}: an object store can't hold a database that is written to. Name one for the "
            f"lake's snapshots first: leaflake catalog create --lake {place} --catalog "
            "postgres:dbname=... (or a file on this machine). Nothing was written."
        )
    raise UsageError(
        f"{place}: can only be read: its {FILE_NAME} lies in an object store, which can't hold "
        "a database that is written to. Write to the lake that it was copied from, or keep its "
        "snapshots in PostgreSQL (leaflake catalog create). Nothing was written."
    )


def _attach(place: Place, database: Database, options: list[str]) -> Lake:
    try:
        return Lake(place, attach(place, database, options), database)
    except duckdb.Error as error:
        text = " ".join(str(error).split())
        if NO_SNAPSHOT.search(text):
            raise
        raise UsageError(
            f"{database.text}: DuckDB cannot open it: {text}. Nothing was written."
        ) from None


def _fill(lake: Lake) -> None:
    """Make the tables and views."""
    if is_url(lake.path):  # for plain DuckDB, which knows nothing of lake://
        query = f"UPDATE {_METADATA} SET value = ? WHERE key = 'data_path'"
        lake.connection.execute(query, [_parquet_folder(lake)])
    with lake.commit("empty lake") as connection:
        if lake.has_tables:  # another process was faster
            return
        define_all(connection)


def _bring_up_to_date(lake: Lake) -> None:
    """Give a lake of an older version the tables and views that came later, in one snapshot."""
    try:
        # One whose making was interrupted has no table yet, and gets all of them in _fill.
        if not lake.has_tables or is_up_to_date(lake.connection):
            return
        with lake.commit("tables and views of a newer version") as connection:
            if not is_up_to_date(connection):  # another process may have been faster
                bring_up_to_date(connection)
    except BaseException:
        lake.connection.close()
        raise


def _refuse_another_lakes(lake: Lake) -> None:
    """A database that has tables already must be of this very place: of an interrupted creation."""
    query = f"SELECT value FROM {_METADATA} WHERE key = 'data_path'"
    row = lake.connection.execute(query).fetchone()
    assert row is not None  # DuckLake writes it first of all
    if row[0] != _parquet_folder(lake):
        raise UsageError(
            f"{lake.database.text}: holds the snapshots of another lake, whose Parquet is at "
            f"{row[0]}. Name another database, such as a new one (createdb NAME). "
            "Nothing was written."
        )


def _parquet_folder(lake: Lake) -> str:
    """What the catalog itself says of where its Parquet lies."""
    if isinstance(lake.path, Path):
        return data_path(lake.path) + "/"
    return str(join(lake.path, "catalog", ""))


def _no_such_snapshot(lake: Lake, at: Moment) -> str:
    row = lake.connection.execute(
        "SELECT min(snapshot_id), max(snapshot_id), min(snapshot_time) FROM lake.snapshots()"
    ).fetchone()
    assert row is not None  # an aggregate has one row
    first, last, since = row
    if isinstance(at, int):
        return f"{lake.path}: has no snapshot {at}; there are {first} to {last}."
    utc = since.astimezone(UTC)
    return f"{lake.path}: there was nothing at {at}; its first snapshot is of {utc.isoformat()}."
