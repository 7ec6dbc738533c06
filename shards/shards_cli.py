"""`leaflake shards export`: a selection -> a plain WebDataset."""

from __future__ import annotations

import argparse

from catalog.moment import AT_HELP, snapshot_or_time
from catalog.storage import as_place

EXAMPLE = """example:
  leaflake shards export --lake lake/ --where "split = 'train'" --out plain/train
  leaflake shards export --lake lake/ --where "species = 'tomato'" --at 7 --out tomato

Writes OUT/NAME-000000.tar and so on, where NAME is the last part of OUT, each with KEY.jpg and
KEY.json for a sample, and at last OUT/classes.json. Other tools read them as they are:
  webdataset.WebDataset("plain/train/train-{000000..000041}.tar").decode("rgb8")

Only pictures with a species and a condition are taken."""


def add_shards(parser: argparse.ArgumentParser) -> None:
    """Arguments of `leaflake shards`."""
    parser.epilog = EXAMPLE
    actions = parser.add_subparsers(dest="shards_action", metavar="export")
    export = actions.add_parser(
        "export",
        help="a selection -> a plain WebDataset",
        description="Copy the pictures of a selection into plain WebDataset tars.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    export.add_argument(
        "--lake", type=as_place, required=True, metavar="DIR", help="the lake, or its URL"
    )
    export.add_argument(
        "--where", default="true", metavar="SQL", help="a condition on samples (default: all)"
    )
    export.add_argument(
        "--out", type=as_place, required=True, metavar="DIR", help="a new folder, or its URL"
    )
    export.add_argument("--at", type=snapshot_or_time, metavar="VERSION|TIME", help=AT_HELP)
    export.add_argument(
        "--samples-per-shard",
        type=_positive,
        default=1_000,
        metavar="N",
        help="pictures in one tar (default 1000)",
    )


def run_shards(args: argparse.Namespace) -> int:
    """Run the one action, and say what was written."""
    from leaflake import UsageError

    if args.shards_action is None:
        raise UsageError(
            "say what to do, like: leaflake shards export --lake lake/ "
            "--where \"split = 'train'\" --out train"
        )
    from catalog.lake import open_lake
    from shards.export import export

    with open_lake(args.lake, at=args.at) as lake:
        done = export(lake, args.where, args.out, samples_per_shard=args.samples_per_shard)
    print(
        f"{args.out}: {done.pictures:,} pictures of {done.classes:,} classes in {done.shards:,} "
        f"tar{'' if done.shards == 1 else 's'}, from snapshot {done.snapshot}"
    )
    return 0


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is not 1 or more")
    return value
