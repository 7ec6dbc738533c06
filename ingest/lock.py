"""One ingest at a time. In: a lake. Out: nobody else packs shards into it meanwhile."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from catalog.database import find_database
from catalog.storage import Place
from catalog.turns import claim
from leaflake import UsageError

LOCK_NAME = "ingest.lock"
"""Held by the one ingest that may pack shards; two would take the same shard numbers."""

INGEST_KEY = 0x696E6765
"""PostgreSQL's advisory lock for the same, for ingests on several machines; the letters `inge`."""


@contextmanager
def only_ingest(lake_path: Place) -> Iterator[None]:
    """Hold the lake's lock. The system drops it when the process ends, however that happens.

    Raises UsageError if another ingest holds it.
    """
    with _lock(lake_path) as ours:
        if not ours:
            raise UsageError(
                f"{lake_path}: another ingest is at work on it. Wait until it is done, and run "
                "this one again. Nothing was written."
            )
        yield


def _lock(lake_path: Place) -> AbstractContextManager[bool]:
    database = find_database(lake_path)
    if database is not None and database.is_postgres:
        return claim(database, INGEST_KEY)
    if isinstance(lake_path, Path):
        return _lock_file(lake_path / LOCK_NAME)
    assert database is not None  # a lake in an object store has one elsewhere
    # Beside the snapshots, which only this machine writes to.
    return _lock_file(Path(f"{database.text}.{LOCK_NAME}"))


@contextmanager
def _lock_file(path: Path) -> Iterator[bool]:
    """Whether the lock on this file is ours, which it is until the block ends."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
