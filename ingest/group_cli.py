"""`leaflake group`: arguments, and the lines that say what was found."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from ingest.ingest_cli import positive

EXAMPLE = """example:
  leaflake group --lake lake/ --new-splits
  leaflake group --lake lake/ --where "species = 'grape'"

Several shots of one leaf must not fall into two splits. Ingest joins the ones whose names or times
follow each other; this finds the others by their spots, veins and outline, and puts them into one
group. Splits that were given stay, so shots of one leaf that are in two of them already remain
there; before the first training, --new-splits gives every group one anew. Running it again looks at
new pictures only; relabelled ones are compared within their new class by --where. The features are
kept in LAKE/features, 14 kB a picture; they may be deleted when it is done, and are computed again
when they are needed."""


def add_group(parser: argparse.ArgumentParser) -> None:
    """Arguments of `leaflake group`."""
    parser.epilog = EXAMPLE
    parser.add_argument("--lake", required=True, metavar="DIR", help="the lake: a folder or a URL")
    parser.add_argument(
        "--where", metavar="SQL", help="compare only these samples, all of them anew"
    )
    parser.add_argument(
        "--new-splits",
        action="store_true",
        help="forget train, val and test, and assign them anew; for before the first training",
    )
    parser.add_argument(
        "--features", type=Path, metavar="DIR", help="keep the features there (LAKE/features)"
    )
    parser.add_argument(
        "--workers",
        type=positive,
        default=os.cpu_count() or 1,
        metavar="N",
        help="processes (default: one a core)",
    )


def run_group(args: argparse.Namespace) -> int:
    """Run it, and print what was found."""
    from ingest.group import group
    from ingest.ingest_cli import summary

    done = group(
        args.lake,
        where=args.where,
        workers=args.workers,
        features=args.features,
        new_splits=args.new_splits,
    )
    if done.compared:
        each_ms = done.seconds / done.compared * 1000
        print(
            f"{done.compared:,} pictures compared, {done.described:,} of them described now, in "
            f"{done.seconds:.1f} s ({each_ms:.1f} ms each)"
        )
        pairs = "pair" if done.links == 1 else "pairs"
        print(f"{done.links:,} new {pairs} of one leaf, snapshot {done.snapshot}")
    else:
        print(
            f"nothing new among {done.pictures:,} pictures; the lake is at snapshot {done.snapshot}"
        )
    print(summary(args.lake))
    return 0
