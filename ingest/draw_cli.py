"""`leaflake draw`: write a drawn data set, for trying things out with no data at hand."""

from __future__ import annotations

import argparse
from pathlib import Path

_EXAMPLE = """\
example:
  leaflake draw --out drawn
      some 600 pictures of 192 by 192 pixels, in 19 folders
  leaflake draw --out drawn-small --pictures 8 --seed 1

A second run with the same --out draws only the pictures that are missing.
The pictures are drawn, not photographed: a model trained on them knows no real leaf.
"""


def add_draw(parser: argparse.ArgumentParser) -> None:
    """Add the options of `leaflake draw` to its parser."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = "Draw pictures of leaves, healthy and sick, into one folder per class."
    parser.epilog = _EXAMPLE
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder to write in, new or drawn before",
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="other seeds, other pictures (default: 0)"
    )
    parser.add_argument(
        "--pictures",
        type=int,
        default=32,
        metavar="N",
        help="pictures per species and condition (default: 32)",
    )


def run_draw(args: argparse.Namespace) -> int:
    """Draw, print one line that says what lies where, return 0; UsageError passes through."""
    # Imported here: `leaflake --help` must not wait for numpy and Pillow.
    from ingest.draw import FOLDERS, draw_dataset

    num_drawn = draw_dataset(args.out, seed=args.seed, pictures_per_folder=args.pictures)
    num_pictures = sum(1 for _ in args.out.glob("*/*.jpg"))
    print(f"{num_pictures} pictures ({num_drawn} drawn now) in {len(FOLDERS)} folders: {args.out}")
    return 0
