"""`leaflake report`: a lake -> one HTML file to look through."""

from __future__ import annotations

import argparse
from pathlib import Path

from catalog.moment import AT_HELP, snapshot_or_time
from catalog.storage import as_place

EXAMPLE = """example:
  leaflake report --lake lake/
  leaflake report --lake lake/ --at 2026-05-31 --out may.html

One file that needs no network: class balance, sizes, quality flags with pictures, a sheet of each
class, duplicates side by side, what is in several folders, conflicts, labels to decide, rejections.
Its lists have bounds, so that a lake of a million pictures still makes a page that opens."""


def add_report(parser: argparse.ArgumentParser) -> None:
    """Arguments of `leaflake report`."""
    parser.epilog = EXAMPLE
    parser.add_argument(
        "--lake", type=as_place, required=True, metavar="DIR", help="the lake, or its URL"
    )
    parser.add_argument("--at", type=snapshot_or_time, metavar="VERSION|TIME", help=AT_HELP)
    parser.add_argument(
        "--out", type=Path, default=Path("report.html"), metavar="FILE", help="default: report.html"
    )


def run_report(args: argparse.Namespace) -> int:
    """Write it, and say how large it is."""
    from catalog.lake import open_lake
    from shards.report import write_report

    with open_lake(args.lake, at=args.at) as lake:
        done = write_report(lake, args.out)
    print(f"{args.out}: {done.pictures:,} pictures embedded, {done.bytes / 1e6:.1f} MB")
    return 0
