"""`just train leaf-finder`: arguments. Prints the test split's table and, last, the folder."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from catalog.moment import AT_HELP, snapshot_or_time
from catalog.storage import as_place
from leaflake import UsageError
from train.train_cli import minutes

if TYPE_CHECKING:
    from train.finder_train import Table

EXAMPLE = """example:
  python -m train.finder_cli --lake lake/ --out runs/ --boxes plantdoc_boxes.tsv \\
      --backgrounds not_plants/ --minutes 6

It learns from leaves on a grey board (--laboratory), cut out and pasted on the pictures in
--backgrounds and those of the class no_plant, and from the boxes in --boxes: a table with the
columns file (the end of the path that was ingested), cx, cy, w, h, as shares of the picture. Either
will do."""

SPOKEN = {
    "mean_iou": "mean IoU",
    "recall": "recall@0.5",
    "precision": "precision@0.5",
    "main_iou": "main leaf IoU",
    "main_right": "main leaf right",
}

TITLES = {
    "drawn": "test pictures with drawn boxes",
    "pasted": "leaves of test, pasted on backgrounds that were not seen",
}


def main() -> int:
    """Arguments, and the exit status."""
    parser = argparse.ArgumentParser(
        prog="just train leaf-finder",
        description="Train the network that finds leaves, for `leaflake crop`.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--lake", type=as_place, required=True, metavar="DIR", help="or a URL")
    parser.add_argument("--at", type=snapshot_or_time, metavar="VERSION|TIME", help=AT_HELP)
    parser.add_argument("--out", type=Path, required=True, metavar="RUNS", help="folder of runs")
    parser.add_argument("--boxes", type=Path, metavar="TSV", help="boxes that people drew")
    parser.add_argument("--backgrounds", type=Path, metavar="DIR", help="pictures of no plant")
    parser.add_argument(
        "--laboratory",
        metavar="PATTERNS",
        help="datasets of single leaves on a grey board, such as 'pv_*,cherry_ci'",
    )
    parser.add_argument("--minutes", type=minutes, help="time for training (default: 6)")
    parser.add_argument("--size", type=int, help="of the pictures, pixels (default: 224)")
    parser.add_argument("--seed", type=int, help="default: 0")
    parser.add_argument("--backbone", help="any of timm's with maps of an eighth of the picture")
    parser.add_argument("--init", type=Path, metavar="FILE", help="weights to begin with, or a run")
    args = parser.parse_args()
    try:
        return run_finder(args)
    except UsageError as error:
        print(f"leaf-finder: {error}", file=sys.stderr)
        return 2


def run_finder(args: argparse.Namespace) -> int:
    """Train, and print."""
    from train.breakdown import LABORATORY
    from train.finder_file import FinderSettings
    from train.finder_train import train_finder

    if args.size is not None and (args.size < 64 or args.size % 32):
        raise UsageError(
            f"--size {args.size}: expected a multiple of 32 from 64, as the network halves a side "
            "five times. Nothing was written."
        )
    given = {name: getattr(args, name) for name in ("minutes", "size", "seed", "backbone")}
    path = train_finder(
        args.lake,
        args.out,
        FinderSettings(**{name: value for name, value in given.items() if value is not None}),
        boxes=args.boxes,
        backgrounds=args.backgrounds,
        laboratory=tuple(args.laboratory.split(",")) if args.laboratory else LABORATORY,
        init=args.init,
        at=args.at,
    )
    print(describe_table(json.loads((path / "finder.json").read_text(encoding="utf-8"))["test"]))
    print(path)
    return 0


def describe_table(table: Table) -> str:
    """For people: per cent, with 95 % intervals."""
    lines = []
    for kind, ways in table.items():
        lines += [TITLES[kind], " " * 16 + "".join(f"{name:>22}" for name in SPOKEN.values())]
        for way, found in ways.items():
            cells = "".join(f"{_cell(found.get(name)):>22}" for name in SPOKEN)
            lines.append(f"{way:<16}{cells}")
        lines.append("")
    return "\n".join(lines)


def _cell(figure: tuple[float, float, float] | None) -> str:
    if figure is None:
        return "-"
    value, low, high = (100 * one for one in figure)
    return f"{value:.1f} ({low:.1f}-{high:.1f})"


if __name__ == "__main__":
    sys.exit(main())
