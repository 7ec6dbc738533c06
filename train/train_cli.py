"""`leaflake train`: arguments."""

from __future__ import annotations

import argparse
import math
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from catalog.moment import AT_HELP, snapshot_or_time
from catalog.storage import as_place
from leaflake import UsageError

if TYPE_CHECKING:
    from train.recipe import Recipe, Split

EXAMPLE = """example:
  leaflake train cpu --lake lake/ --out runs/
  leaflake train cpu --lake lake/ --out runs/ --minutes 5
  leaflake train swin-tiny --lake lake/ --out runs/ --set mixup=0.2 --set accumulate=4
  leaflake train cpu --lake lake/ --out runs/ --finder runs/leaf-finder-20260131-110000
  leaflake train --resume runs/cpu-20260131-120000
  torchrun --nproc-per-node 2 -m leaflake train rtx-3090 --lake lake/ --out runs/

Prints the run's folder as its last line."""

RECIPE_NAMES = (
    "cpu",
    "browser",
    "swin-tiny",
    "mobilenetv2-flat",
    "rtx-3090",
    "strix-halo",
    "barlow-twins",
    "barlow-joint",
)

SPLITS: dict[str, Split] = {"group": "split", "source": "source_split"}
"""What --split calls the columns of the catalog."""


def add_train(parser: argparse.ArgumentParser) -> None:
    """Arguments of `leaflake train`."""
    parser.epilog = EXAMPLE
    parser.add_argument(
        "recipe",
        type=recipe_name,
        nargs="?",
        metavar="RECIPE",
        help=f"{', '.join(RECIPE_NAMES)}, or a FILE.py with one, as leaflake tune writes it",
    )
    parser.add_argument("--lake", type=as_place, metavar="DIR", help="or a URL")
    parser.add_argument("--at", type=snapshot_or_time, metavar="VERSION|TIME", help=AT_HELP)
    parser.add_argument("--out", type=Path, metavar="RUNS", help="folder of runs")
    parser.add_argument(
        "--resume",
        type=Path,
        metavar="RUN",
        help="go on with an interrupted run, whose settings are kept; with --lake, if it was moved",
    )
    parser.add_argument(
        "--minutes", type=minutes, help="time for fine-tuning (default: the recipe's)"
    )
    parser.add_argument(
        "--epochs",
        type=epochs,
        help="so many, however long they take; with --minutes at most so many",
    )
    parser.add_argument("--seed", type=int)
    parser.add_argument(
        "--split",
        choices=tuple(SPLITS),
        help="pictures of one thing in one split, or of one source as well (default: group)",
    )
    parser.add_argument("--teacher", metavar="RUN", help="learn from this bigger run as well")
    parser.add_argument(
        "--finder",
        metavar="FINDER",
        help="learn from the most certain leaf of each picture, which this leaf finder finds",
    )
    parser.add_argument(
        "--init", metavar="FILE", help="weights to begin with, instead of the network's own"
    )
    parser.add_argument(
        "--stream",
        action="store_true",
        help="read the pictures from the shards in every epoch, instead of keeping them in memory",
    )
    parser.add_argument(
        "--loader",
        choices=("leaflake", "ffcv"),
        help="ffcv (an extra) writes the pictures to RUNS/ffcv-cache/ once, and reads them there",
    )
    parser.add_argument(
        "--set",
        action="append",
        dest="settings",
        metavar="NAME=VALUE",
        help="any other setting of the recipe, as config.json names it; may be repeated",
    )
    parser.add_argument("--reuse", action="store_true", help="if such a run is done, only name it")


def recipe_name(text: str) -> str:
    """The name of a recipe, or a Python file."""
    if text not in RECIPE_NAMES and not text.endswith(".py"):
        known = ", ".join(RECIPE_NAMES)
        raise argparse.ArgumentTypeError(f"{text!r} is not one of {known}, nor a FILE.py")
    return text


def minutes(text: str) -> float:
    """A finite number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of minutes above 0")
    return value


def epochs(text: str) -> int:
    """A whole number from 1."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of epochs from 1")
    return value


def chosen_recipe(args: argparse.Namespace) -> Recipe:
    """The named recipe with what the command line changes. Epochs alone have no time limit."""
    from train.recipe_file import read_recipe
    from train.recipes import RECIPES
    from train.settings import with_settings

    named = RECIPES[args.recipe]() if args.recipe in RECIPES else read_recipe(Path(args.recipe))
    recipe = with_settings(named, args.settings or ())
    if args.epochs is not None:
        recipe = replace(recipe, max_epochs=args.epochs, minutes=None)
    if args.stream:
        recipe = replace(recipe, cache=False)
    if args.split is not None:
        recipe = replace(recipe, split=SPLITS[args.split])
    names = ("minutes", "seed", "teacher", "finder", "init", "loader")
    given = {name: getattr(args, name) for name in names}
    return replace(recipe, **{name: value for name, value in given.items() if value is not None})


def run_train(args: argparse.Namespace) -> int:
    """Train, and print the val figures and, last, the run's folder."""
    if args.resume is not None:
        refuse_settings(args)
        from train.train_run import resume_run

        say_folder(resume_run(args.resume, args.lake))
        return 0
    missing = [
        name
        for name, value in (("RECIPE", args.recipe), ("--lake", args.lake), ("--out", args.out))
        if value is None
    ]
    if missing:
        raise UsageError(
            f"{', '.join(missing)} missing; expected: leaflake train RECIPE --lake DIR --out RUNS, "
            "or --resume RUN. Nothing was written."
        )
    return run_new(args)


def run_new(args: argparse.Namespace) -> int:
    """Train a new run, or find a finished one."""
    from catalog.lake import open_lake

    recipe = chosen_recipe(args)
    # Before the imports of torch, which a refusal can spare.
    with open_lake(args.lake, at=args.at) as lake:
        snapshot = lake.pictures_snapshot  # so that predictions do not undo --reuse
    if args.reuse:
        from train.run_folder import find_finished

        finished = find_finished(args.out, recipe, args.lake, snapshot)
        if finished:
            print(f"snapshot {snapshot}: trained before", file=sys.stderr)
            print(finished)
            return 0
    from train.train_run import train_run

    # By number: what was just seen, even if somebody writes to the lake now.
    say_folder(train_run(recipe, args.lake, args.out, at=snapshot))
    return 0


def refuse_settings(args: argparse.Namespace) -> None:
    """Raise UsageError if something would change the run that is to go on."""
    kept = {"resume": args.resume, "lake": args.lake}
    given = [
        name
        for name, value in vars(args).items()
        if name not in kept and value is not None and value is not False
    ]
    if given:
        raise UsageError(
            f"--resume {args.resume} goes on with the settings of that run; it takes no "
            f"{', '.join(given)}. Leave that out, or train a new run. Nothing was written."
        )


def say_folder(path: Path) -> None:
    """Print the run's folder; of torchrun's processes, the first one does."""
    if os.environ.get("RANK", "0") == "0":
        print(path)
