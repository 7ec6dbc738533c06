"""`leaflake train`: arguments."""

from __future__ import annotations

import argparse
import math
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from catalog.moment import AT_HELP, snapshot_or_time
from catalog.storage import as_place

if TYPE_CHECKING:
    from train.recipes import Recipe

EXAMPLE = """example:
  leaflake train cpu --lake lake/ --out runs/
  leaflake train cpu --lake lake/ --out runs/ --minutes 5

Prints the run's folder as its last line."""

RECIPE_NAMES = ("cpu", "rtx-3090", "strix-halo")


def add_train(parser: argparse.ArgumentParser) -> None:
    """Arguments of `leaflake train`."""
    parser.epilog = EXAMPLE
    parser.add_argument("recipe", choices=RECIPE_NAMES, help="see train/recipes.py")
    parser.add_argument("--lake", type=as_place, required=True, metavar="DIR", help="or a URL")
    parser.add_argument("--at", type=snapshot_or_time, metavar="VERSION|TIME", help=AT_HELP)
    parser.add_argument("--out", type=Path, required=True, metavar="RUNS", help="folder of runs")
    parser.add_argument(
        "--minutes", type=minutes, help="time for fine-tuning (default: the recipe's)"
    )
    parser.add_argument(
        "--epochs",
        type=epochs,
        help="so many, however long they take; with --minutes at most so many",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--stream",
        action="store_true",
        help="read the pictures from the shards in every epoch, instead of keeping them in memory",
    )
    parser.add_argument("--reuse", action="store_true", help="if such a run is done, only name it")


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
    from train.recipes import RECIPES

    recipe = replace(RECIPES[args.recipe](), seed=args.seed)
    if args.epochs is not None:
        recipe = replace(recipe, max_epochs=args.epochs, minutes=None)
    if args.stream:
        recipe = replace(recipe, cache=False)
    if args.minutes is not None:
        recipe = replace(recipe, minutes=args.minutes)
    return recipe


def run_train(args: argparse.Namespace) -> int:
    """Train, and print the val figures and, last, the run's folder."""
    from catalog.lake import open_lake

    recipe = chosen_recipe(args)
    # Before the imports of torch, which a refusal can spare.
    with open_lake(args.lake, at=args.at) as lake:
        snapshot = lake.snapshot
    if args.reuse:
        from train.run_folder import find_finished

        finished = find_finished(args.out, recipe, args.lake, snapshot)
        if finished:
            print(f"snapshot {snapshot}: trained before", file=sys.stderr)
            print(finished)
            return 0
    from train.train_run import train_run

    # By number: what was just seen, even if somebody writes to the lake now.
    print(train_run(recipe, args.lake, args.out, at=snapshot))
    return 0
