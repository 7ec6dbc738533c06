"""The tables and views of a lake, as schema.sql and views/*.sql say, and what a lake lacks of them.

In: a connection. Out: tables and views, made or brought up to date. A lake that an older version
made lacks what came later; it gets that when it is next opened for writing (catalog/lake.py).
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path

import duckdb

from catalog.attach import quote
from catalog.describe import view_comment

_SQL = Path(__file__).parent
_OF_TABLE = re.compile(r"(?:CREATE TABLE|COMMENT ON TABLE|COMMENT ON COLUMN) (\w+)[ .]")


@dataclass(frozen=True)
class Schema:
    """What there is in a lake."""

    tables: frozenset[str]

    views: frozenset[tuple[str, str, str]]
    """Name, SQL as DuckDB writes it, comment."""


def define_all(connection: duckdb.DuckDBPyConnection) -> None:
    """Create every table and view, where there is none."""
    connection.execute((_SQL / "schema.sql").read_text(encoding="utf-8"))
    define_views(connection)


def define_views(connection: duckdb.DuckDBPyConnection) -> None:
    """Create every view of views/*.sql, or replace it; the comment that heads the file becomes its
    comment.

    A view that reads another one is made after it.
    """
    files = sorted((_SQL / "views").glob("*.sql"))
    waiting = {file.stem: file.read_text(encoding="utf-8") for file in files}
    while waiting:
        reads = {name: set(re.findall(r"\b(?:FROM|JOIN) (\w+)", waiting[name])) for name in waiting}
        name = next(name for name in waiting if not (reads[name] - {name}) & waiting.keys())
        text = waiting.pop(name)
        connection.execute(text)
        connection.execute(f"COMMENT ON VIEW {name} IS {quote(view_comment(text))}")


def view_text(name: str) -> str:
    """The statement that creates a view."""
    return (_SQL / f"views/{name}.sql").read_text(encoding="utf-8")


def table_statements(table: str) -> list[str]:
    """The statements of schema.sql that create one table and comment it."""
    text = (_SQL / "schema.sql").read_text(encoding="utf-8")
    every = [statement.query.strip() for statement in duckdb.extract_statements(text)]
    named = [(_OF_TABLE.search(statement), statement) for statement in every]
    return [statement for match, statement in named if match and match[1] == table]


def schema_of(connection: duckdb.DuckDBPyConnection, database: str) -> Schema:
    """What an attached database has."""
    tables = connection.execute(
        "SELECT table_name FROM duckdb_tables() WHERE database_name = ?", [database]
    ).fetchall()
    views = connection.execute(
        "SELECT view_name, sql, coalesce(comment, '') FROM duckdb_views() "
        "WHERE database_name = ? AND NOT internal",
        [database],
    ).fetchall()
    return Schema(
        frozenset(name for (name,) in tables),
        frozenset((name, sql, comment) for name, sql, comment in views),
    )


@functools.cache
def newest_schema() -> Schema:
    """What a lake of this version has: asked of DuckDB, which writes SQL in its own way."""
    with duckdb.connect() as connection:
        define_all(connection)
        return schema_of(connection, "memory")


def missing_tables(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """The tables that the attached lake lacks, by name."""
    return sorted(newest_schema().tables - schema_of(connection, "lake").tables)


def is_up_to_date(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether the attached lake has every table, and every view as this version has it.

    Tables and views of somebody's own don't count.
    """
    newest, found = newest_schema(), schema_of(connection, "lake")
    return newest.tables <= found.tables and newest.views <= found.views


def bring_up_to_date(connection: duckdb.DuckDBPyConnection) -> None:
    """Add the tables that the attached lake lacks, empty, and make its views those of this version.

    What is in the lake stays as it is.
    """
    for table in missing_tables(connection):
        for statement in table_statements(table):
            connection.execute(statement)
    define_views(connection)
