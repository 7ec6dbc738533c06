"""`leaflake evaluate`: arguments, and the table of figures."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from catalog.moment import snapshot_or_time
from catalog.storage import as_place

EXAMPLE = """example:
  leaflake evaluate runs/cpu-20260131-120000

Prints a table of the test split and, as the last line, the same as JSON. Conditions are judged
given the true species; pictures of no plant are counted apart."""

COLUMNS = {
    "pictures": "pictures",
    "species_top1": "species",
    "condition_top1": "disease",
    "condition_top3": "disease top-3",
    "joint_top1": "both",
}


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
        help="if it was done, only print it again; not with --lake, --at or --laboratory",
    )
    parser.add_argument(
        "--laboratory",
        metavar="PATTERNS",
        help="datasets of single leaves on a board, such as 'pv_*,cherry_ci'",
    )


def run_evaluate(args: argparse.Namespace) -> int:
    """Evaluate, and print."""
    done = args.run / "evaluation.json"
    given = (args.lake, args.at, args.laboratory)
    as_before = args.reuse and given == (None, None, None)
    if as_before and done.is_file():
        result = json.loads(done.read_text(encoding="utf-8"))
    else:
        from train.evaluate import LABORATORY, evaluate

        laboratory = tuple(args.laboratory.split(",")) if args.laboratory else LABORATORY
        result = evaluate(args.run, lake_path=args.lake, at=args.at, laboratory=laboratory)
    print(table(result))
    print(json.dumps({"run": args.run.name, **result}))
    return 0


def table(result: dict[str, dict[str, float | int]]) -> str:
    """The figures as aligned text, shares as per cent."""
    width = max(len(name) for name in [*result, "test split"])
    lines = ["  ".join([f"{'test split':<{width}}", *(f"{c:>13}" for c in COLUMNS.values())])]
    for name, found in result.items():
        cells = [f"{_cell(found, key):>13}" for key in COLUMNS]
        lines.append("  ".join([f"{name:<{width}}", *cells]))
    others = result["all"]
    if "no_plant_pictures" in others:
        share = 100 * others["no_plant_recognised"]
        lines.append(
            f"pictures of no plant: {others['no_plant_pictures']}, {share:.1f} % recognised"
        )
    return "\n".join(lines)


def _cell(found: dict[str, float | int], key: str) -> str:
    if key not in found:
        return "-"
    return f"{found[key]:,}" if key == "pictures" else f"{100 * found[key]:.1f} %"
