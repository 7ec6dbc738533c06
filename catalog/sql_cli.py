"""`leaflake sql`: a question to the catalog, or the list of what can be asked."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from leaflake import UsageError

if TYPE_CHECKING:
    import duckdb

    from catalog.lake import Lake

FORMATS = ("table", "csv", "json", "parquet")

EXAMPLE = """example:
  leaflake sql --lake lake/ "select species, count(*) from samples group by all"
  leaflake sql --lake lake/ --format csv "from rejections_by_reason" > rejections.csv

  leaflake sql --lake lake/ "update samples set condition = 'rust' where key = '000000-00017'"
  leaflake sql --lake lake/ "select snapshot_id, commit_message from lake.snapshots()"

Without a question it lists the tables and views, and what each is for. INSERT, UPDATE and DELETE
write; each is one snapshot, and --at reads the lake as it was before. A table shows its first 1,000
rows; the other formats have all."""


def add_sql(parser: argparse.ArgumentParser) -> None:
    """Arguments of `leaflake sql`."""
    parser.epilog = EXAMPLE
    parser.add_argument("query", nargs="?", help="SQL, as DuckDB speaks it")
    parser.add_argument("--lake", type=Path, required=True, metavar="DIR", help="the lake to ask")
    parser.add_argument("--at", type=int, metavar="SNAPSHOT", help="as an older snapshot left it")
    parser.add_argument("--format", choices=FORMATS, default="table", help="default: table")


def run_sql(args: argparse.Namespace) -> int:
    """Answer on standard output. An UPDATE or DELETE becomes a snapshot of its own."""
    import duckdb

    from catalog.lake import open_lake

    try:
        writes = args.query is not None and _writes(args.query)
        if writes and args.at is not None:
            raise UsageError(f"--at {args.at}: an older snapshot can be read, not written.")
        with open_lake(args.lake, read_only=not writes, at=args.at) as lake:
            if args.query is None:
                print(describe(lake.connection))
            elif writes:
                print(_write(lake, args.query))
            elif (answer := lake.connection.sql(args.query)) is not None:
                _print(answer, args.format)  # None: only blanks and comments
    except duckdb.Error as error:
        raise UsageError(" ".join(str(error).split())) from None
    return 0


def _writes(query: str) -> bool:
    """Whether the query is more than a question; only then the lake is opened for writing.

    Raises UsageError for a statement that would take a table away or change its shape.
    """
    import duckdb

    kinds = duckdb.StatementType
    asks = {kinds.SELECT, kinds.EXPLAIN, kinds.CALL}
    changes = {kinds.INSERT, kinds.UPDATE, kinds.DELETE}
    found = {statement.type for statement in duckdb.extract_statements(query)}
    if odd := sorted(kind.name for kind in found - asks - changes):
        raise UsageError(
            f"{odd[0]}: would change more than rows. Expected a question, or INSERT, UPDATE or "
            "DELETE. Nothing was written."
        )
    return bool(found & changes)


def _write(lake: Lake, query: str) -> str:
    """Run a statement that writes, bring groups and splits up to date, all in one snapshot.

    Returns what was done, for printing. Raises UsageError, with nothing written, if a label is no
    species or condition id.
    """
    from catalog.organise import organise
    from catalog.taxonomy import LabelTree

    before = lake.snapshot
    with lake.commit(query) as connection:
        changed = connection.execute(query).fetchall()
        organise(connection)
        try:
            LabelTree.from_pairs(
                connection.execute(
                    'SELECT DISTINCT species, "condition" FROM samples '
                    'WHERE species IS NOT NULL AND "condition" IS NOT NULL'
                ).fetchall()
            )
        except ValueError as error:
            raise UsageError(f"{error}. Nothing was written.") from None
    return (
        f"{changed[0][0] if changed else 0:,} rows, snapshot {lake.snapshot}; "
        f"--at {before} reads the lake as it was"
    )


def describe(connection: duckdb.DuckDBPyConnection) -> str:
    """Tables and views with their comments, and the columns of `samples`."""
    entries = connection.sql(
        "SELECT 'table', table_name, comment FROM duckdb_tables() WHERE database_name = 'lake' "
        "UNION ALL SELECT 'view', view_name, comment FROM duckdb_views() "
        "WHERE database_name = 'lake' AND NOT internal ORDER BY ALL"
    ).fetchall()
    columns = connection.sql(
        "SELECT table_name || '.' || column_name, comment FROM duckdb_columns() "
        "WHERE database_name = 'lake' AND comment IS NOT NULL ORDER BY table_name, column_index"
    ).fetchall()
    lines = [f"{kind:<6} {name:<22} {comment or ''}" for kind, name, comment in entries]
    lines += ["", *(f"{name:<28} {comment}" for name, comment in columns)]
    return "\n".join(lines)


def _print(answer: duckdb.DuckDBPyRelation, output: str) -> None:
    if output == "table":
        answer.show(max_rows=1_000, max_width=10_000)
    elif output == "parquet":
        import pyarrow.parquet as pq

        pq.write_table(answer.to_arrow_table(), sys.stdout.buffer)
    elif output == "csv":
        import csv

        writer = csv.writer(sys.stdout, lineterminator="\n")
        rows = answer.fetchall()
        writer.writerow(answer.columns)
        writer.writerows(rows)
    else:
        import json

        for row in answer.fetchall():
            values = dict(zip(answer.columns, row, strict=True))
            print(json.dumps(values, ensure_ascii=False, default=str))
