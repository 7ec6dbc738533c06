"""The lake's catalog: a DuckLake of Parquet files and snapshots, opened with DuckDB.

In: a folder. Out: a `Lake`, whose `connection` answers SQL. Every change is one transaction and
one snapshot; `at=` reads the lake as an older snapshot left it.
Format: https://ducklake.select/docs/stable/specification/introduction
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from leaflake import UsageError

CATALOG_NAME = "catalog.ducklake"
_SQL = Path(__file__).parent


@dataclass(frozen=True)
class Lake:
    """An open lake. Use it in a `with`, or call `close`."""

    path: Path
    """The folder that holds shards/ and the catalog."""

    connection: duckdb.DuckDBPyConnection
    """DuckDB with the lake attached and in use: `SELECT * FROM samples` just works."""

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

    def shard_path(self, shard: int) -> Path:
        """Where the tar of a shard lies."""
        return self.path / "shards" / f"{shard:06d}.tar"

    @contextmanager
    def commit(self, message: str) -> Iterator[duckdb.DuckDBPyConnection]:
        """One transaction that becomes one snapshot with `message`; undone if the block raises."""
        self.connection.execute("BEGIN")
        try:
            yield self.connection
            self.connection.execute("CALL lake.set_commit_message('leaflake', ?)", [message])
            self.connection.execute("COMMIT")
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise


def open_lake(path: Path, *, read_only: bool = True, at: int | None = None) -> Lake:
    """Open an existing lake, as of snapshot `at` if that is given.

    Raises UsageError if the folder holds no lake, or no such snapshot.
    """
    if not (path / CATALOG_NAME).is_file():
        raise UsageError(
            f"{path}: not a lake, there is no {CATALOG_NAME} in it. "
            "Name a folder that `leaflake ingest` made. Nothing was written."
        )
    options = ["READ_ONLY"] if read_only or at is not None else []
    if at is not None:
        options.append(f"SNAPSHOT_VERSION {int(at)}")
    return Lake(path, _attach(path, options))


def create_lake(path: Path) -> Lake:
    """Open the lake at `path` for writing, with empty tables if there is none yet."""
    fresh = not (path / CATALOG_NAME).is_file()
    path.mkdir(parents=True, exist_ok=True)
    lake = Lake(path, _attach(path, []))
    if fresh:
        with lake.commit("empty lake") as connection:
            connection.execute((_SQL / "schema.sql").read_text(encoding="utf-8"))
            define_views(connection)
    return lake


def define_views(connection: duckdb.DuckDBPyConnection) -> None:
    """Create every view of views/*.sql; the first comment of the file becomes its comment."""
    for file in sorted((_SQL / "views").glob("*.sql")):
        text = file.read_text(encoding="utf-8")
        comment = " ".join(re.findall(r"^-- (.*)$", text, re.MULTILINE))
        connection.execute(text)
        connection.execute(
            f"COMMENT ON VIEW {file.stem} IS '{comment.replace(chr(39), chr(39) * 2)}'"
        )


def _attach(path: Path, options: list[str]) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(f"LOAD {_quote(_extension_path())}")
    # The catalog remembers where its Parquet was, in full, so that DuckDB finds it from any folder;
    # the override lets a lake be moved as a folder.
    data_path = _quote(str(path.resolve() / "catalog"))
    options = [f"DATA_PATH {data_path}", "OVERRIDE_DATA_PATH true", *options]
    target = _quote(f"ducklake:{path / CATALOG_NAME}")
    try:
        connection.execute(f"ATTACH {target} AS lake ({', '.join(options)})")
        connection.execute("USE lake")
    except duckdb.Error as error:
        connection.close()
        first_line = str(error).splitlines()[0]
        raise UsageError(f"{path / CATALOG_NAME}: DuckDB cannot open it: {first_line}") from None
    return connection


def _extension_path() -> str:
    """The DuckLake extension that its package carries for this DuckDB, or its name to install."""
    try:
        import duckdb_extension_ducklake
    except ImportError:
        duckdb.execute("INSTALL ducklake")
        return "ducklake"
    folder = Path(duckdb_extension_ducklake.__file__).parent / "extensions"
    file = folder / f"v{duckdb.__version__}" / "ducklake.duckdb_extension"
    if not file.is_file():
        found = ", ".join(sorted(p.name for p in folder.iterdir()))
        raise UsageError(
            f"{folder}: has DuckLake for DuckDB {found}, but DuckDB {duckdb.__version__} is "
            "installed. Install the two in the same version."
        )
    return str(file)


def _quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
