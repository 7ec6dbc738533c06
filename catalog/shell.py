"""`leaflake sql --shell`: DuckDB's own interactive shell with a lake attached, for reading.

In: the place of a lake. Out: an exit status. Changes go through `leaflake sql`, which
brings groups and splits up to date with them; the shell would not.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import duckdb

from catalog.attach import data_path, extension, quote
from catalog.lake import Lake, open_lake
from catalog.moment import Moment
from catalog.storage import Place, is_url
from leaflake import UsageError

PACKAGE = "duckdb-cli"


def open_shell(place: Place, at: Moment | None = None) -> int:
    """Open the shell on a lake as it is now, or as of `at`; returns when the person leaves it.

    Raises UsageError if there is no such lake or snapshot, if the lake is behind a URL (what reads
    object stores for Leaflake is no part of DuckDB's shell), or if the shell is not installed.
    """
    if is_url(place):
        raise UsageError(
            f"{place}: the shell reads lakes on a disk only. Ask single questions with "
            f"leaflake sql --lake {place} QUERY."
        )
    program = shell_program()
    with open_lake(place, at=at) as lake, _lasting_catalog(lake) as catalog:
        statements = attach_statements(lake, catalog, None if at is None else lake.snapshot)
        lake.connection.close()  # or else nobody could write to the lake while the shell is open
        command = [str(program)]
        for statement in statements:
            command += ["-cmd", statement]
        return _run(command)


def shell_program() -> Path:
    """DuckDB's command line program, of the version that the lake's extension is made for.

    Raises UsageError if it is not installed.
    """
    wanted = duckdb.__version__
    try:
        import duckdb_cli

        found = version(PACKAGE)
    except (ImportError, PackageNotFoundError):
        raise UsageError(
            f"the shell is not installed. Install it: pip install 'leaflake[shell]' (or "
            f"{PACKAGE}=={wanted}). Without it: leaflake sql --lake LAKE QUERY."
        ) from None
    if found != wanted:
        raise UsageError(
            f"{PACKAGE} {found} is installed beside DuckDB {wanted}, whose extensions it cannot "
            f"load. Install the same version: pip install {PACKAGE}=={wanted}."
        )
    assert duckdb_cli.__file__ is not None  # it is no namespace
    return Path(duckdb_cli.__file__).parent / "duckdb"


def attach_statements(lake: Lake, catalog: str, snapshot: int | None) -> list[str]:
    """What the shell runs before its first prompt; `catalog` is what to attach as ducklake:."""
    options = [f"DATA_PATH {quote(data_path(lake.path))}", "OVERRIDE_DATA_PATH true", "READ_ONLY"]
    if snapshot is not None:
        options.append(f"SNAPSHOT_VERSION {snapshot}")
    names = ["ducklake", *(["postgres_scanner"] if lake.database.is_postgres else [])]
    return [
        *(f"LOAD {quote(extension(name))};" for name in names),
        f"ATTACH {quote('ducklake:' + catalog)} AS lake ({', '.join(options)});",
        "USE lake;",
        f".print {quote(_greeting(lake))}",
        ".prompt 'lake> ' '  ... '",
    ]


def _greeting(lake: Lake) -> str:
    place = str(lake.path).replace("'", "")  # the shell knows no way to write one in quotes
    return (
        f"{place} at snapshot {lake.snapshot}, for reading. "
        "SHOW TABLES; lists tables and views, DESCRIBE samples; columns, .quit leaves."
    )


@contextmanager
def _lasting_catalog(lake: Lake) -> Iterator[str]:
    """What to attach for as long as somebody likes.

    A DuckDB file that is open for reading keeps writers away, and a shell may be open over night.
    So the shell gets a copy of the file: a few megabytes, as the rows are in Parquet.
    """
    if lake.database.is_postgres:
        yield lake.database.text
        return
    original = Path(lake.database.text)
    with tempfile.TemporaryDirectory(prefix="leaflake-shell-") as folder:
        copy = Path(folder) / original.name
        shutil.copyfile(original, copy)
        log = original.with_name(original.name + ".wal")
        if log.exists():  # what an interrupted writer left; it belongs to the database
            shutil.copyfile(log, copy.with_name(log.name))
        yield str(copy)


def _run(command: list[str]) -> int:
    for closed in (signal.SIGHUP, signal.SIGTERM):  # closing the window must not leave the copy
        signal.signal(closed, lambda number, _: sys.exit(128 + number))
    with subprocess.Popen(command) as process:
        while True:
            try:
                status = process.wait()
            except KeyboardInterrupt:
                continue  # Ctrl-C is for the shell: it stops the question, not the shell
            # It ends with 1 if any question had an error, which is no failure of the whole.
            return 0 if status == 1 else status
