"""`leaflake retrain`: arguments."""

from __future__ import annotations

import argparse
from pathlib import Path

from catalog.storage import as_place
from train.train_cli import epochs, minutes, recipe_name

EXAMPLE = """example:
  leaflake retrain --lake lake/ --models models/ --recipe cpu --not-plants photos/no_plant/
  leaflake serve models/production --inbox lake/
  leaflake rollback --models models/

Takes lake/inbox in, weighs the corrections, trains a challenger, and compares it with what
models/production leads to on test pictures that neither has seen. Only if it is better beyond
chance and worse nowhere does the link move, in one step; a running server takes it over. The first
time there is nothing to compare with. models/rounds/NAME/index.html tells of each round. A round
that was stopped or killed goes on with the same command.

Exit status: 0 promoted, or nothing is new; 1 not promoted; 2 wrong use."""


def add_retrain(parser: argparse.ArgumentParser) -> None:
    """Arguments of `leaflake retrain`."""
    parser.epilog = EXAMPLE
    parser.add_argument("--lake", type=as_place, required=True, metavar="DIR", help="or a URL")
    parser.add_argument(
        "--models", type=Path, required=True, metavar="DIR", help="folder of bundles and rounds"
    )
    parser.add_argument(
        "--recipe",
        type=recipe_name,
        default="cpu",
        metavar="RECIPE",
        help="as for leaflake train (default: cpu)",
    )
    parser.add_argument(
        "--minutes", type=minutes, help="time for fine-tuning (default: the recipe's)"
    )
    parser.add_argument("--epochs", type=epochs, help="so many, however long they take")
    parser.add_argument("--seed", type=int)
    parser.add_argument(
        "--init", metavar="FILE", help="weights to begin with, or the run of an earlier model"
    )
    parser.add_argument(
        "--set",
        action="append",
        dest="settings",
        metavar="NAME=VALUE",
        help="any other setting of the recipe; may be repeated",
    )
    parser.add_argument(
        "--not-plants",
        type=Path,
        metavar="DIR",
        help="photographs of anything but plants, for the rejection rule",
    )
    parser.add_argument("--no-browser", action="store_true", help="without the model for browsers")
    parser.add_argument(
        "--anyway", action="store_true", help="train even if nothing is new since the last time"
    )

    # The other settings of `leaflake train` that have options of their own there.
    parser.set_defaults(stream=False, split=None, teacher=None, finder=None, loader=None)


def run_retrain(args: argparse.Namespace) -> int:
    """One round; prints how it ended and where its page is."""
    from retrain.challenger import Making
    from retrain.rounds import run_round
    from train.train_cli import chosen_recipe

    recipe = chosen_recipe(args)
    making = Making(recipe, not_plants=args.not_plants, browser=not args.no_browser)
    ended = run_round(args.lake, args.models, making, anyway=args.anyway)
    print(ended.words)
    if ended.page is not None:
        print(ended.page)
    return 1 if ended.outcome is not None and not ended.outcome.promote else 0
