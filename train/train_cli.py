"""`leaflake train`: arguments."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

EXAMPLE = """example:
  leaflake train cpu --lake lake/ --out runs/
  leaflake train cpu --lake lake/ --out runs/ --minutes 5

Prints the run's folder as its last line."""

RECIPE_NAMES = ("cpu", "rtx-3090", "strix-halo")


def add_train(parser: argparse.ArgumentParser) -> None:
    """Arguments of `leaflake train`."""
    parser.epilog = EXAMPLE
    parser.add_argument("recipe", choices=RECIPE_NAMES, help="see train/recipes.py")
    parser.add_argument("--lake", type=Path, required=True, metavar="DIR")
    parser.add_argument("--out", type=Path, required=True, metavar="RUNS", help="folder of runs")
    parser.add_argument(
        "--minutes", type=float, help="time for fine-tuning (default: the recipe's)"
    )
    parser.add_argument("--epochs", type=int, help="at most so many (default: as time allows)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--reuse", action="store_true", help="if such a run is done, only name it")


def run_train(args: argparse.Namespace) -> int:
    """Train, and print the val figures and, last, the run's folder."""
    from catalog.lake import open_lake
    from train.recipes import RECIPES

    recipe = replace(RECIPES[args.recipe](), seed=args.seed)
    if args.minutes is not None:
        recipe = replace(recipe, minutes=args.minutes)
    if args.epochs is not None:
        recipe = replace(recipe, max_epochs=args.epochs)
    with open_lake(args.lake) as lake:
        from train.run_folder import find_finished  # imports torch: a refusal need not wait for it

        finished = find_finished(args.out, recipe, lake.path, lake.snapshot) if args.reuse else None
        if finished:
            print(f"snapshot {lake.snapshot}: trained before", file=sys.stderr)
            print(finished)
            return 0
        from train.train_run import train_run

        print(train_run(recipe, lake, args.out))
    return 0
