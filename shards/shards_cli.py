"""`leaflake shards export`: a selection -> a plain WebDataset, or a file for ffcv."""

from __future__ import annotations

import argparse

from catalog.moment import AT_HELP, snapshot_or_time
from catalog.storage import as_place

EXAMPLE = """example:
  leaflake shards export --lake lake/ --where "split = 'train'" --out plain/train
  leaflake shards export --lake lake/ --where "species = 'tomato'" --at 7 --out tomato
  leaflake shards export --lake lake/ --format ffcv --out all.beton

Writes OUT/NAME-000000.tar and so on, where NAME is the last part of OUT, each with KEY.jpg and
KEY.json for a sample, and at last OUT/classes.json. Other tools read them as they are:
  webdataset.WebDataset("plain/train/train-{000000..000041}.tar").decode("rgb8")

--format ffcv (an extra: pip install leaflake[ffcv]) writes one file with the fields `image`, the
JPEGs as they are, and `label`, the class index; and its classes to NAME.classes.json:
  ffcv.loader.Loader("all.beton", batch_size=64, pipelines={"image": [
      RandomResizedCropRGBImageDecoder((224, 224))], "label": [IntDecoder()]})

Only pictures with a species and a condition are taken."""


def add_shards(parser: argparse.ArgumentParser) -> None:
    """Arguments of `leaflake shards`."""
    parser.epilog = EXAMPLE
    actions = parser.add_subparsers(dest="shards_action", metavar="export")
    export = actions.add_parser(
        "export",
        help="a selection -> a plain WebDataset, or a file for ffcv",
        description="Copy the pictures of a selection into plain WebDataset tars, or a .beton.",
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
        "--out",
        type=as_place,
        required=True,
        metavar="DIR|FILE.beton",
        help="a new folder, or its URL; for ffcv a new file",
    )
    export.add_argument("--format", choices=("webdataset", "ffcv"), default="webdataset")
    export.add_argument("--at", type=snapshot_or_time, metavar="VERSION|TIME", help=AT_HELP)
    export.add_argument(
        "--samples-per-shard",
        type=_positive,
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
    from shards.export import DEFAULT_SAMPLES_PER_SHARD, export, export_beton

    per_shard = args.samples_per_shard
    if args.format == "ffcv" and per_shard:
        raise UsageError(
            "--samples-per-shard is of tars, and --format ffcv writes one file. Leave one of them "
            "out. Nothing was written."
        )
    with open_lake(args.lake, at=args.at) as lake:
        if args.format == "ffcv":
            done = export_beton(lake, args.where, args.out)
        else:
            per_shard = per_shard or DEFAULT_SAMPLES_PER_SHARD
            done = export(lake, args.where, args.out, samples_per_shard=per_shard)
    written = "file" if args.format == "ffcv" else "tar" + ("" if done.shards == 1 else "s")
    print(
        f"{args.out}: {done.pictures:,} pictures of {done.classes:,} classes in {done.shards:,} "
        f"{written}, from snapshot {done.snapshot}"
    )
    return 0


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is not 1 or more")
    return value
