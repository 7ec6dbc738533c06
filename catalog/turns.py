"""Writers take turns. In: a connection and its snapshot database. Out: nobody else writes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from catalog.attach import extension, quote
from catalog.database import Database
from leaflake import UsageError

TURN_WAIT_S = 600
"""How long a writer waits for its turn in PostgreSQL: longer than any commit takes."""

TURN_KEY = 0x6C656166
"""PostgreSQL's advisory lock that a Leaflake writer holds; the letters `leaf`."""


@contextmanager
def turn(connection: duckdb.DuckDBPyConnection, database: Database) -> Iterator[None]:
    """Wait until no other Leaflake writer is at work, and keep the others waiting.

    Only where several processes can write: groups and splits are computed over all samples, so two
    transactions that each only insert, which DuckLake would let through, could put one leaf into
    two splits. A writer that dies loses its turn with its connection.
    Raises UsageError if the turn doesn't come within TURN_WAIT_S.
    """
    if not database.is_postgres:
        yield  # DuckDB lets one process at a time write to a file
        return
    waiting = connection.cursor()
    attach_queue(waiting, database)
    waiting.execute("BEGIN")
    try:
        ask_queue(
            waiting,
            f"SELECT set_config('lock_timeout', '{TURN_WAIT_S}s', true), "
            f"pg_advisory_xact_lock({TURN_KEY})::text",
        )
        yield
    except duckdb.IOException as error:
        if "lock timeout" not in str(error):
            raise
        raise UsageError(
            f"the catalog is in use: another writer has been at work for {TURN_WAIT_S} s. "
            "Nothing was written. Run this again when it is done."
        ) from None
    finally:
        waiting.execute("ROLLBACK")  # it held a lock and wrote nothing
        waiting.close()


def attach_queue(connection: duckdb.DuckDBPyConnection, database: Database) -> None:
    """Attach the PostgreSQL database itself as `queue`, for its locks."""
    address = quote(database.text.removeprefix("postgres:"))
    connection.execute(f"ATTACH IF NOT EXISTS {address} AS queue (TYPE postgres, READ_ONLY)")


def ask_queue(connection: duckdb.DuckDBPyConnection, query: str) -> list[tuple]:
    """The answer of PostgreSQL itself."""
    return connection.execute("FROM postgres_query('queue', ?)", [query]).fetchall()


@contextmanager
def claim(database: Database, key: int) -> Iterator[bool]:
    """Whether PostgreSQL's advisory lock `key` is ours, which it is until the block ends.

    The server drops it when this process ends, however that happens.
    """
    with duckdb.connect() as connection:
        connection.execute(f"LOAD {quote(extension('postgres_scanner'))}")
        attach_queue(connection, database)
        connection.execute("BEGIN")  # the lock is the transaction's
        ((ours,),) = ask_queue(connection, f"SELECT pg_try_advisory_xact_lock({key})")
        yield bool(ours)
        connection.execute("ROLLBACK")
