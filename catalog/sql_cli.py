"""`leaflake sql`: a question to the catalog, the list of what can be asked, or a shell."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from catalog.answer_formats import FORMATS
from catalog.moment import AT_HELP, snapshot_or_time
from catalog.storage import as_place
from leaflake import UsageError

if TYPE_CHECKING:
    from catalog.lake import Lake

EXAMPLE = """example:
  leaflake sql --lake lake/ "select species, count(*) from samples group by all"
  leaflake sql --lake lake/ --format csv "from rejections_by_reason" > rejections.csv
  leaflake sql --lake lake/ --at 2026-05-31 "from species"
  leaflake sql --lake lake/ --shell

  leaflake sql --lake lake/ "update samples set condition = 'rust' where key = '000000-00017'"

Without a question it lists the tables and views, what each is for, and their columns; docs/lake.md
has the same with questions to start from. --shell opens DuckDB's own shell on the lake, for
reading. INSERT, UPDATE and DELETE write; each is one snapshot, which `leaflake catalog history`
lists, and --at reads the lake as it was before. A table shows its first 1,000 rows; the other
formats have all."""


def add_sql(parser: argparse.ArgumentParser) -> None:
    """Arguments of `leaflake sql`."""
    parser.epilog = EXAMPLE
    parser.add_argument("query", nargs="?", help="SQL, as DuckDB speaks it")
    parser.add_argument(
        "--lake", type=as_place, required=True, metavar="DIR", help="the lake to ask, or its URL"
    )
    parser.add_argument("--at", type=snapshot_or_time, metavar="VERSION|TIME", help=AT_HELP)
    parser.add_argument("--format", choices=FORMATS, default="table", help="default: table")
    parser.add_argument("--shell", action="store_true", help="open an interactive shell")


def run_sql(args: argparse.Namespace) -> int:
    """Answer on standard output. An UPDATE or DELETE becomes a snapshot of its own."""
    import duckdb

    from catalog.answer_formats import print_answer
    from catalog.describe import relations, summary
    from catalog.lake import open_lake

    if args.shell:
        return _shell(args)
    try:
        writes = args.query is not None and _writes(args.query)
        if writes and args.at is not None:
            raise UsageError(f"--at {args.at}: an older snapshot can be read, not written.")
        with open_lake(args.lake, read_only=not writes, at=args.at) as lake:
            if args.query is None:
                print(summary(relations(lake.connection)))
            elif writes:
                print(_write(lake, args.query))
            elif (answer := lake.connection.sql(args.query)) is not None:
                print_answer(answer, args.format)  # None: only blanks and comments
    except duckdb.Error as error:
        raise UsageError(" ".join(str(error).split())) from None
    return 0


def _shell(args: argparse.Namespace) -> int:
    from catalog.shell import open_shell

    if args.query is not None:
        raise UsageError("--shell takes no question: type it at the prompt, or leave out --shell.")
    return open_shell(args.lake, args.at)


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
