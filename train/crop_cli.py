"""`leaflake crop`: arguments."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

EXAMPLE = """example:
  leaflake crop --finder runs/leaf-finder-20260131-120000 --input-folder photographs/ \\
      --output-folder crops/
  leaflake crop --finder FINDER --input-folder photographs/ --output-folder crops/ --leaves all

Folders keep their names, so that labels stay. A picture without a leaf comes whole. crops.tsv says
of every picture where its leaf was, or why it could not be used. A second run does what is missing.
`just train leaf-finder` makes the finder.

exit status: 0 all done; 1 some pictures could not be used; 2 nothing was done."""


def add_crop(parser: argparse.ArgumentParser) -> None:
    """Arguments of `leaflake crop`."""
    parser.epilog = EXAMPLE
    parser.add_argument("--input-folder", "--input_folder", type=Path, required=True, metavar="IN")
    parser.add_argument(
        "--output-folder", "--output_folder", type=Path, required=True, metavar="OUT"
    )
    parser.add_argument("--finder", type=Path, required=True, metavar="DIR", help="a leaf finder")
    parser.add_argument(
        "--leaves",
        choices=("first", "all", "together"),
        default="first",
        help="the most certain leaf, a crop for each, or one that holds them all (default: first)",
    )
    parser.add_argument(
        "--margin", type=share, help="kept around a box, share of its sides (default: 0.1)"
    )
    parser.add_argument(
        "--threshold", type=share, help="certainty from which it is a leaf (default: the finder's)"
    )


def share(text: str) -> float:
    """A number from 0 to 1."""
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 0 to 1")
    return value


def run_crop(args: argparse.Namespace) -> int:
    """Crop, and say how many."""
    from train.crop_folder import CropSettings, crop_folder
    from train.finder_crop import MARGIN
    from train.finder_file import read_finder

    finder = read_finder(args.finder)
    settings = CropSettings(
        finder=finder.digest(),
        leaves=args.leaves,
        margin=MARGIN if args.margin is None else args.margin,
        threshold=finder.threshold if args.threshold is None else args.threshold,
    )

    rows = crop_folder(
        args.input_folder,
        args.output_folder,
        lambda image: finder.network.find(image).over(settings.threshold),
        settings,
    )
    statuses = Counter(row.status for row in rows)
    crops, whole = statuses.pop("cropped", 0), statuses.pop("whole", 0)
    print(
        f"{args.output_folder}: {crops:,} crops, {whole:,} pictures without a leaf as they were, "
        f"{sum(statuses.values()):,} not used"
    )
    for reason, number in sorted(statuses.items()):
        print(f"  {reason:<12} {number:,}")
    return 1 if statuses else 0
