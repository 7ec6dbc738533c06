"""What a lake's tables and views are for, from the comments of schema.sql and views/*.sql.

In: an open lake. Out: one Relation a table or view. A view's comment in the catalog is the header
of its file, columns and all: DuckDB takes no comment on the column of a view ("it is not a table"),
and so the words still travel with the lake.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

QUERIES = Path(__file__).parent / "documented_queries.sql"
_COLUMN = re.compile(r"([a-z][a-z0-9_]*): (.+)")


@dataclass(frozen=True)
class Column:
    """One column of a table or view."""

    name: str
    type: str
    """DuckDB's name of it."""

    comment: str
    """Empty where nobody wrote one."""


@dataclass(frozen=True)
class Relation:
    """One table or view."""

    kind: str
    """table or view."""

    name: str
    comment: str
    columns: tuple[Column, ...]


@dataclass(frozen=True)
class Query:
    """One question that the documentation shows, with its title."""

    title: str
    sql: str
    """Without the semicolon."""


def relations(connection: duckdb.DuckDBPyConnection) -> list[Relation]:
    """Every table, then every view of the attached lake, by name."""
    found = connection.execute(
        "SELECT 'table', table_name, comment FROM duckdb_tables() WHERE database_name = 'lake' "
        "UNION ALL SELECT 'view', view_name, comment FROM duckdb_views() "
        "WHERE database_name = 'lake' AND NOT internal ORDER BY ALL"
    ).fetchall()
    return [_relation(connection, kind, name, comment or "") for kind, name, comment in found]


def view_comment(sql: str) -> str:
    """The comment that heads the file of a view: the lines before its first statement.

    What the view is for; then a line `column: what it holds` for each column.
    """
    header = re.match(r"(--.*\n)*", sql)
    return "\n".join(re.findall(r"^-- (.+)$", header.group() if header else "", re.MULTILINE))


def documented_queries() -> list[Query]:
    """The questions of documented_queries.sql, in its order."""
    parts = re.split(r"\n\s*\n", QUERIES.read_text(encoding="utf-8").strip())
    return [_query(part) for part in parts[1:]]  # the first says what the file is


def summary(found: Sequence[Relation]) -> str:
    """Tables and views with what they are for, and their columns, for a terminal."""
    lines = [f"{one.kind:<6} {one.name:<22} {one.comment}" for one in found]
    width = max((len(f"{one.name}.{c.name}") for one in found for c in one.columns), default=0)
    for one in found:
        lines.append("")
        lines += [
            f"{f'{one.name}.{c.name}':<{width}}  {c.type:<10} {c.comment}" for c in one.columns
        ]
    return "\n".join(lines)


def _relation(
    connection: duckdb.DuckDBPyConnection, kind: str, name: str, comment: str
) -> Relation:
    rows = connection.execute(
        "SELECT column_name, data_type, comment FROM duckdb_columns() "
        "WHERE database_name = 'lake' AND table_name = ? ORDER BY column_index",
        [name],
    ).fetchall()
    if kind == "table":
        return Relation(kind, name, comment, tuple(Column(n, t, c or "") for n, t, c in rows))
    text, comments = _split(comment)
    columns = tuple(Column(n, t, comments.get(n, "")) for n, t, _ in rows)
    return Relation(kind, name, text, columns)


def _split(comment: str) -> tuple[str, dict[str, str]]:
    """A view's comment -> what it is for, and column name -> comment."""
    text: list[str] = []
    columns: dict[str, str] = {}
    for line in comment.splitlines():
        if match := _COLUMN.fullmatch(line):
            columns[match[1]] = match[2]
        else:
            text.append(line)
    return " ".join(text), columns


def _query(part: str) -> Query:
    lines = part.splitlines()
    title = " ".join(line[3:] for line in lines if line.startswith("-- "))
    sql = "\n".join(line for line in lines if not line.startswith("-- ")).strip()
    return Query(title, sql.removesuffix(";"))
