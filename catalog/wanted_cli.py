"""`leaflake catalog wanted`: which pictures would help most. In: a lake. Out: a ranked list."""

from __future__ import annotations

import argparse

from catalog.answer_formats import FORMATS
from catalog.moment import AT_HELP, snapshot_or_time
from catalog.storage import as_place

WANTED_EXAMPLE = """example:
  leaflake catalog wanted --lake lake/ --top 20
  leaflake catalog wanted --lake lake/ --format csv > wanted.csv

A row is a class, or a plant that people sent and the label tree lacks. Rare classes, classes that
only laboratories photographed, those that the newest run is unsure of or gets wrong, and those that
people send come first; a table says why in words, the other formats in figures. `leaflake evaluate`
and corrections in the lake's inbox tell it more."""


def add_wanted(parser: argparse.ArgumentParser) -> None:
    """Arguments of `leaflake catalog wanted`."""
    parser.add_argument("--lake", type=as_place, required=True, metavar="DIR", help="or a URL")
    parser.add_argument("--at", type=snapshot_or_time, metavar="VERSION|TIME", help=AT_HELP)
    parser.add_argument("--top", type=rows, metavar="N", help="the first N (default: all)")
    parser.add_argument("--format", choices=FORMATS, default="table", help="default: table")


def rows(text: str) -> int:
    """How many rows, for argparse."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 1 on")
    return int(text)


def run_wanted(args: argparse.Namespace) -> int:
    """Print the list."""
    from catalog.answer_formats import print_answer
    from catalog.lake import open_lake
    from catalog.wanted import wanted

    with open_lake(args.lake, at=args.at) as lake:
        found = wanted(lake, args.top)
        if args.format == "table":  # nineteen columns are more than a terminal has room for
            found = found.project('rank, species, "condition", other, score, why')
        print_answer(found, args.format)
    return 0
