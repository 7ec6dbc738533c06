"""`leaflake sql`: a question to the catalog, or the list of what can be asked."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

EXAMPLE = """example:
  leaflake sql --lake lake/ "select species, count(*) from samples group by all"
  leaflake sql --lake lake/ --format csv "from rejections_by_reason" > rejections.csv

Without a question it lists the tables and views, and what each is for."""


def add_sql(parser: argparse.ArgumentParser) -> None:
    """Arguments of `leaflake sql`."""
    parser.epilog = EXAMPLE
    parser.add_argument("query", nargs="?", help="SQL, as DuckDB speaks it")
    parser.add_argument("--lake", type=Path, required=True, metavar="DIR")
    parser.add_argument("--at", type=int, metavar="SNAPSHOT", help="as an older snapshot left it")
    parser.add_argument("--format", choices=("table", "csv", "json", "parquet"), default="table")


def run_sql(args: argparse.Namespace) -> int:
    """Answer on standard output. An UPDATE or DELETE becomes a snapshot of its own."""
    import duckdb

    from catalog.lake import open_lake
    from leaflake import UsageError

    try:
        writes = args.query is not None and _writes(args.query)
        with open_lake(args.lake, read_only=not writes, at=args.at) as lake:
            if args.query is None:
                print(describe(lake.connection))
            elif writes:
                with lake.commit(args.query) as connection:
                    connection.execute(args.query)
            elif (answer := lake.connection.sql(args.query)) is not None:
                _print(answer, args.format)  # None: only blanks and comments
    except duckdb.Error as error:
        raise UsageError(" ".join(str(error).split())) from None
    return 0


def _writes(query: str) -> bool:
    """Whether the query is more than a question; only then the lake is opened for writing."""
    import duckdb

    asks = {duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN}
    return any(statement.type not in asks for statement in duckdb.extract_statements(query))


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
