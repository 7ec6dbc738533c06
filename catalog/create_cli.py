"""`leaflake catalog create`: where a new lake keeps its snapshots. In: a place and a database."""

from __future__ import annotations

import argparse

from catalog.storage import as_place

CREATE_EXAMPLE = """example:
  createdb leaves
  leaflake catalog create --lake /data/lake --catalog "postgres:dbname=leaves host=db.example"
  leaflake catalog create --lake s3://bucket/lake --catalog postgresql://me@db.example/leaves

With its snapshots in PostgreSQL several people write to a lake at once, and it may lie in an object
store (s3:// needs `pip install leaflake[s3]`, PostgreSQL `leaflake[team]`). LAKE/lake.json says
where they are, so that every other command takes LAKE alone. A password stands in PGPASSWORD or
~/.pgpass, never there. Without --catalog a DuckDB file in the folder is used, which
`leaflake ingest` makes by itself; one process at a time writes to it."""


def add_create(parser: argparse.ArgumentParser) -> None:
    """Arguments of `leaflake catalog create`."""
    parser.add_argument("--lake", type=as_place, required=True, metavar="DIR", help="or a URL")
    parser.add_argument(
        "--catalog",
        metavar="ADDRESS",
        help="postgres:CONNECTION or postgresql://..., an empty database; or a DuckDB file",
    )


def run_create(args: argparse.Namespace) -> int:
    """Make the lake's tables; one that is there with this database stays as it is."""
    from catalog.database import parse_database
    from catalog.lake import create_lake

    database = parse_database(args.catalog) if args.catalog else None
    with create_lake(args.lake, database) as lake:
        print(f"{args.lake}: a lake at snapshot {lake.snapshot}, kept in {lake.database.text}")
    return 0
