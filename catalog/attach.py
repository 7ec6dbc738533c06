"""Attach a lake to DuckDB. In: its place and its snapshot database. Out: a connection."""

from __future__ import annotations

import importlib
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from catalog.database import FILE_NAME, Database
from catalog.storage import PROTOCOL, Place, fetch, folder_filesystem, is_url
from leaflake import UsageError

BUSY_WAIT_S = 10.0
"""How long to wait for a DuckDB file that another process writes to. A commit takes about a second,
and an ingest of a million pictures holds it longer: then people should know."""


def attach(lake: Place, database: Database, options: list[str]) -> duckdb.DuckDBPyConnection:
    """A new connection with the lake attached as `lake` and in use.

    Waits BUSY_WAIT_S for a DuckDB file that another process writes to. Raises duckdb.Error.
    """
    connection = duckdb.connect()
    try:
        connection.execute(f"LOAD {quote(extension('ducklake'))}")
        if database.is_postgres:
            connection.execute(f"LOAD {quote(extension('postgres_scanner'))}")
        options = [f"DATA_PATH {quote(data_path(lake))}", "OVERRIDE_DATA_PATH true", *options]
        if is_url(lake):
            connection.register_filesystem(folder_filesystem(str(lake)))
        with _local(database) as text:
            _attach_when_free(connection, f"{quote('ducklake:' + text)} AS lake", options)
        connection.execute("USE lake")
    except BaseException:
        connection.close()
        raise
    return connection


def data_path(lake: Place) -> str:
    """The folder of the catalog's Parquet, as DuckDB is to call it.

    In full, so that DuckDB finds it from any folder; given anew each time, so that a lake can be
    moved as a folder.
    """
    return str(lake.resolve() / "catalog") if isinstance(lake, Path) else f"{PROTOCOL}://catalog"


def extension(name: str) -> str:
    """The DuckDB extension that its package carries for this DuckDB, or its name to install."""
    try:
        package = importlib.import_module(f"duckdb_extension_{name}")
    except ImportError:
        try:
            duckdb.execute(f"INSTALL {name}")
        except duckdb.Error as error:
            raise UsageError(
                f"DuckDB's extension {name} is not installed: {str(error).splitlines()[0]} Install "
                f"the package duckdb-extension-{name.replace('_', '-')}=={duckdb.__version__}. "
                "Nothing was written."
            ) from None
        return name
    assert package.__file__ is not None  # it is no namespace
    folder = Path(package.__file__).parent / "extensions"
    file = folder / f"v{duckdb.__version__}" / f"{name}.duckdb_extension"
    if not file.is_file():
        found = ", ".join(sorted(p.name for p in folder.iterdir()))
        raise UsageError(
            f"{folder}: has {name} for DuckDB {found}, but DuckDB {duckdb.__version__} is "
            "installed. Install the two in the same version."
        )
    return str(file)


def quote(text: str) -> str:
    """The text as a SQL string."""
    return "'" + text.replace("'", "''") + "'"


@contextmanager
def _local(database: Database) -> Iterator[str]:
    """The database's address for DuckDB. A file in an object store is fetched; once it is open, it
    needs no name any more."""
    if not database.is_in_store:
        yield database.text
        return
    with tempfile.TemporaryDirectory(prefix="leaflake-") as folder:
        path = Path(folder) / FILE_NAME
        fetch(database.text, path)
        yield str(path)


def _attach_when_free(
    connection: duckdb.DuckDBPyConnection, target: str, options: list[str]
) -> None:
    until = time.monotonic() + BUSY_WAIT_S
    while True:
        try:
            connection.execute(f"ATTACH {target} ({', '.join(options)})")
            return
        except duckdb.IOException as error:
            if "Could not set lock" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.1)
