"""`leaflake export`: arguments, and what came out."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from catalog.storage import as_place

if TYPE_CHECKING:
    from export.manifest import Manifest

EXAMPLE = """example:
  leaflake export runs/cpu-20260131-120000 --out bundle/ --not-plants photos/no_plant/
  leaflake export runs/cpu-20260131-120000 --out bundle/ --finder runs/leaf-finder-20260131-110000

The bundle's graphs take upright RGB uint8 of any size; nothing has to be prepared. It takes some
minutes: every file is asked about golden and test pictures, and there is a bundle only if all say
the same. Exit status: 0 there is one, 1 something is beyond the bounds, 2 wrong use.

With a leaf finder (`just train leaf-finder`) the report says what it changes to find the leaf first
and look at it alone; the graphs do so if that is better beyond chance outside the laboratory, and
not worse in it. A run that was trained with a finder brings it along."""


def add_export(parser: argparse.ArgumentParser) -> None:
    """Arguments of `leaflake export`."""
    parser.epilog = EXAMPLE
    parser.add_argument("run", type=Path, metavar="RUN")
    parser.add_argument("--out", type=Path, required=True, metavar="BUNDLE")
    parser.add_argument("--lake", type=as_place, metavar="DIR", help="if it was moved since")
    parser.add_argument(
        "--not-plants",
        type=Path,
        metavar="DIR",
        help="photographs of anything but plants, from which it learns to say so",
    )
    parser.add_argument(
        "--accuracy",
        type=_share,
        metavar="SHARE",
        help="share of answers that shall be right at their rank (default: 0.95)",
    )
    parser.add_argument(
        "--finder",
        type=Path,
        metavar="FINDER",
        help="also try what finding the leaf first changes, for which it takes this leaf finder",
    )
    parser.add_argument(
        "--two-step",
        choices=("better", "yes", "no"),
        default="better",
        help="whether the graphs look at the leaf alone (default: if that is better)",
    )
    parser.add_argument(
        "--no-browser", action="store_true", help="without the model for browsers (TF.js)"
    )
    parser.add_argument("--reuse", action="store_true", help="if it is there already, keep it")


def run_export(args: argparse.Namespace) -> int:
    """Export, and print each file's size, accuracy and speed."""
    from export.manifest import MANIFEST_NAME, read_manifest

    if args.reuse and (args.out / MANIFEST_NAME).is_file():
        manifest = read_manifest(args.out)
        if manifest.name == args.run.name:
            print(f"{args.out}: exported before from {manifest.name}")
            return 0
    from export.bundle import export_bundle
    from export.parity import BeyondBoundsError
    from export.tfjs_tools import ToolFailedError

    options = {} if args.accuracy is None else {"target": args.accuracy}
    try:
        manifest = export_bundle(
            args.run,
            args.out,
            lake_path=args.lake,
            not_plants=args.not_plants,
            browser=not args.no_browser,
            finder=args.finder,
            two_step=args.two_step,
            **options,
        )
    except BeyondBoundsError as error:
        print(f"leaflake export: {error}", file=sys.stderr)
        return 1
    except ToolFailedError as error:
        print(f"leaflake export: {error}. Nothing was written.", file=sys.stderr)
        return 1
    for line in describe(manifest):
        print(line)
    print(f"{args.out}: answers with {manifest.default}; all about it is in report.html")
    return 0


def describe(manifest: Manifest) -> list[str]:
    """A line for each model file, and one for the thresholds."""
    lines = []
    for name, found in manifest.figures["files"].items():
        folder = name.rpartition("/")[0]
        parts = [one for one in manifest.files if folder and one.startswith(f"{folder}/")]
        size = sum(manifest.files[one]["bytes"] for one in parts or [name])
        lines.append(
            f"{name}: {size / 1e6:.1f} MB; test species {100 * found['species_top1']:.1f} %, both "
            f"{100 * found['joint_top1']:.1f} %; {_speed(manifest, name)}; "
            f"{found['test']['changed']:.1%} other answers than PyTorch, at most "
            f"{found['test']['largest_difference']:.2g} of probability"
        )
    species, condition = (_from(manifest.thresholds[rank]) for rank in ("species", "condition"))
    lines.append(f"a species is answered {species}, a condition {condition}")
    return lines


def _speed(manifest: Manifest, name: str) -> str:
    if times := manifest.figures["latency_ms"].get(name):
        return f"{times['median']:.1f} ms an answer"
    times = manifest.figures["browser"]["times_ms"]
    return f"first answer {times['first']:.0f} ms, then {times['warm_median']:.0f} ms"


def _from(thresholds: list[float]) -> str:
    """In words: from the least threshold of a rank's nodes to the greatest."""
    least, greatest = (
        "never" if one > 1 else f"{one:.2f}" for one in (min(thresholds), max(thresholds))
    )
    return f"from p >= {least}" + (f" to {greatest}, by node" if greatest != least else "")


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f'"{text}" is not a share between 0 and 1, such as 0.95')
    return value
