"""Where a lake's snapshots are kept: a DuckDB file in it, or PostgreSQL for several writers.

LAKE/lake.json says so where it is not the file LAKE/catalog.ducklake: {"catalog": "postgres:..."},
what libpq calls a connection string; or {"catalog": "/a/path.ducklake"}, for a lake in an object
store, which can't hold a database that is written to. A password never stands there: libpq takes it
from PGPASSWORD or ~/.pgpass.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from catalog.storage import Place, exists, is_url, join, open_file
from leaflake import UsageError

FILE_NAME = "catalog.ducklake"
SETTINGS_NAME = "lake.json"


@dataclass(frozen=True)
class Database:
    """The snapshot database of a lake."""

    text: str
    """`postgres:` and a connection string, or the place of a DuckDB file."""

    @property
    def is_postgres(self) -> bool:
        """Whether several processes can write at once."""
        return self.text.startswith("postgres:")

    @property
    def is_in_store(self) -> bool:
        """Whether it is a file that was copied to an object store, so that it can only be read."""
        return is_url(self.text) and not self.is_postgres


def find_database(lake: Place) -> Database | None:
    """Where the snapshots of `lake` are, or None if there is no lake.

    Raises UsageError if its lake.json says nothing that can be used.
    """
    settings = join(lake, SETTINGS_NAME)
    if exists(settings):
        with open_file(settings) as file:
            return _read_settings(settings, file.read())
    file_place = join(lake, FILE_NAME)
    return Database(str(file_place)) if exists(file_place) else None


def settings_bytes(database: Database) -> bytes:
    """The content of the lake.json that names `database`."""
    return (json.dumps({"catalog": database.text}, indent=1) + "\n").encode()


def parse_database(text: str) -> Database:
    """What a person says of it: postgres:dbname=lake host=db.example, postgresql://..., a path.

    Raises UsageError if a password stands in it, which everybody who reads the lake would see.
    """
    if re.match(r"postgres(ql)?://", text):
        text = f"postgres:{text}"
    if not text.startswith("postgres:"):
        if is_url(text):
            raise UsageError(
                f"{text}: a database that is written to can't lie in an object store. Name "
                "postgres:... or a file on this machine. Nothing was written."
            )
        return Database(str(Path(text).resolve()))
    if re.search(r"\bpassword\s*=|://[^/@\s]*:[^/@\s]+@", text):
        raise UsageError(
            "the catalog's address has a password in it, which would stand in lake.json for all to "
            "read. Leave it out, and put it into PGPASSWORD or ~/.pgpass. Nothing was written."
        )
    return Database(text)


def _read_settings(place: Place, data: bytes) -> Database:
    try:
        text = json.loads(data)["catalog"]
    except (ValueError, KeyError, TypeError):
        text = None
    if not isinstance(text, str) or not text:
        raise UsageError(
            f'{place}: expected {{"catalog": "postgres:dbname=..."}}, where the lake\'s snapshots '
            f"are; found {data[:80].decode(errors='replace')!r}. Mend the file."
        )
    return parse_database(text)
