"""`leaflake catalog history`: what each snapshot changed, and why. In: a lake. Out: a line each."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from catalog.moment import AT_HELP, snapshot_or_time
from catalog.storage import as_place

if TYPE_CHECKING:
    from catalog.history import Change

HISTORY_EXAMPLE = """example:
  leaflake catalog history --lake lake/
  leaflake catalog history --lake lake/ --json | tail -1

+ are rows added, ~ changed, - removed. --at reads the lake as any of the snapshots left it:
  leaflake sql --lake lake/ --at 2 "from species" """

MESSAGE_LETTERS = 100
"""Of a message in the table; --json has all of it."""


def add_history(parser: argparse.ArgumentParser) -> None:
    """Arguments of `leaflake catalog history`."""
    parser.add_argument("--lake", type=as_place, required=True, metavar="DIR", help="or a URL")
    parser.add_argument("--at", type=snapshot_or_time, metavar="VERSION|TIME", help=AT_HELP)
    parser.add_argument("--json", action="store_true", help="one JSON object a line")


def run_history(args: argparse.Namespace) -> int:
    """Print every snapshot, the oldest first."""
    from catalog.history import history
    from catalog.lake import open_lake

    with open_lake(args.lake, at=args.at) as lake:
        changes = history(lake)
    for line in map(_json_line, changes) if args.json else _table(changes):
        print(line)
    return 0


def _json_line(change: Change) -> str:
    return json.dumps(
        {
            "snapshot": change.snapshot,
            "time": change.time.isoformat(timespec="seconds"),
            "author": change.author,
            "message": change.message,
            "rows": {table: asdict(rows) for table, rows in change.rows.items()},
        },
        ensure_ascii=False,
    )


def _table(changes: list[Change]) -> list[str]:
    rows = [("snapshot", "time (UTC)", "rows", "message")]
    rows += [
        (
            str(change.snapshot),
            f"{change.time:%Y-%m-%d %H:%M:%S}",
            ", ".join(f"{table} {rows}" for table, rows in change.rows.items()) or "-",
            _one_line(change.message or "-"),
        )
        for change in changes
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _one_line(text: str) -> str:
    """On one line, cut, with control characters shown, so that they cannot act."""
    text = " ".join(text.split())
    text = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    return text if len(text) <= MESSAGE_LETTERS else text[: MESSAGE_LETTERS - 3] + "..."
