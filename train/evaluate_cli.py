"""`leaflake evaluate`: arguments."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from catalog.moment import snapshot_or_time
from catalog.storage import as_place

EXAMPLE = """example:
  leaflake evaluate runs/cpu-20260131-120000
  leaflake evaluate runs/cpu-20260131-120000 --all
  leaflake sql --lake lake/ "from suspect_labels limit 20"

Prints the figures of the test split with 95 % intervals and, as the last line, the same as JSON.
Diseases are judged over species that have more than one; pictures of no plant are counted apart.
evaluation.json, mistakes.html and the drawings go to the run's folder, and what the model says of
each picture of test and val into the lake, whose views suspect_labels and label_disagreements name
labels that are probably wrong. With --all they cover the pictures of train, too."""


def add_evaluate(parser: argparse.ArgumentParser) -> None:
    """Arguments of `leaflake evaluate`."""
    parser.epilog = EXAMPLE
    parser.add_argument("run", type=Path, metavar="RUN")
    parser.add_argument("--lake", type=as_place, metavar="DIR", help="if it was moved since")
    parser.add_argument(
        "--at",
        type=snapshot_or_time,
        metavar="VERSION|TIME",
        help="with the labels of another moment than the run's; only prints (see leaflake sql)",
    )
    parser.add_argument(
        "--reuse",
        action="store_true",
        help="if it was done, only print it again; not with --lake, --at, --laboratory or --all",
    )
    parser.add_argument(
        "--laboratory",
        metavar="PATTERNS",
        help="datasets of single leaves on a board, such as 'pv_*,cherry_ci'",
    )
    parser.add_argument(
        "--all",
        action="store_true",
        help="find wrong labels among the pictures of train, too: each is judged by heads that "
        "have not seen it",
    )
    parser.add_argument(
        "--no-write", action="store_true", help="write no predictions into the lake"
    )


def run_evaluate(args: argparse.Namespace) -> int:
    """Evaluate, and print."""
    from train.evaluation_table import last_line, tables

    done = args.run / "evaluation.json"
    given = (args.lake, args.at, args.laboratory, args.all)
    as_before = args.reuse and given == (None, None, None, False)
    notes: tuple[str, ...] = ()
    if as_before and done.is_file():
        figures = json.loads(done.read_text(encoding="utf-8"))
    else:
        from train.breakdown import LABORATORY
        from train.evaluate import evaluate

        laboratory = tuple(args.laboratory.split(",")) if args.laboratory else LABORATORY
        found = evaluate(
            args.run,
            lake_path=args.lake,
            at=args.at,
            laboratory=laboratory,
            train_too=args.all,
            write=not args.no_write,
        )
        figures, notes = found.figures, found.notes
    print(tables(figures))
    if args.at is None:
        print(f"{args.run}: mistakes.html, confusion-*.svg, calibration.svg, coverage.svg")
    for note in notes:
        print(note)
    print(json.dumps(last_line(figures)))
    return 0
