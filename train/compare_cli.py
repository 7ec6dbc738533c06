"""`leaflake compare`: arguments."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

EXAMPLE = """example:
  leaflake compare runs/cpu-20260131-120000 runs/mobilenetv2-flat-20260131-140000

Prints a table: accuracy on test (on val, if a run was not evaluated), weights, size of the file,
and how many pictures a second each answers on this machine. compare.png shows accuracy against
these, compare.json holds them. The last line names the plot."""


def add_compare(parser: argparse.ArgumentParser) -> None:
    """Arguments of `leaflake compare`."""
    parser.epilog = EXAMPLE
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    parser.add_argument(
        "--out", type=Path, default=Path("compare"), metavar="DIR", help="default: compare/"
    )


def run_compare(args: argparse.Namespace) -> int:
    """Read, time, print and draw."""
    from dataclasses import asdict

    from train.compare import compare, notes, table
    from train.compare_plot import draw

    found = compare(args.runs)
    print(table(found))
    for note in notes(found):
        print(note, file=sys.stderr)
    args.out.mkdir(parents=True, exist_ok=True)
    temporary = args.out / "compare.json.tmp"
    rows = [asdict(one) for one in found]
    temporary.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    temporary.rename(args.out / "compare.json")
    draw(found, args.out / "compare.png")
    print(args.out / "compare.png")
    return 0
