"""`leaflake tune`: arguments."""

from __future__ import annotations

import argparse
from importlib.util import find_spec
from pathlib import Path

from catalog.storage import as_place
from leaflake import UsageError
from train.train_cli import RECIPE_NAMES, SPLITS, minutes

EXAMPLE = """example:
  leaflake tune cpu --lake lake/ --out tune/ --trials 30 --minutes 5
  leaflake train tune/cpu_tuned.py --lake lake/ --out runs/

Trains trials of some minutes, each with other settings (train/spaces.py), by Optuna (an extra:
pip install 'leaflake[tune]'), and writes the best as a recipe. A trial that is worse than most were
at the same point is cut short. It can be stopped or killed; the same command goes on, and in a
second terminal or on another machine, with OUT shared, it helps with the same study."""

TUNABLE = tuple(name for name in RECIPE_NAMES if name != "barlow-twins")


def add_tune(parser: argparse.ArgumentParser) -> None:
    """Arguments of `leaflake tune`."""
    parser.epilog = EXAMPLE
    parser.add_argument("recipe", choices=TUNABLE, metavar="RECIPE", help=", ".join(TUNABLE))
    parser.add_argument("--lake", type=as_place, required=True, metavar="DIR", help="or a URL")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="of the study")
    parser.add_argument(
        "--trials", type=trials, default=30, help="of the whole study (default: %(default)s)"
    )
    parser.add_argument(
        "--minutes", type=minutes, default=5.0, help="of fine-tuning in each (default: 5)"
    )
    parser.add_argument("--split", choices=tuple(SPLITS), help="as of leaflake train")
    parser.add_argument("--init", metavar="FILE", help="as of leaflake train")
    parser.add_argument(
        "--set",
        action="append",
        dest="settings",
        metavar="NAME=VALUE",
        help="a setting that all trials have, and that is not searched for; may be repeated",
    )


def trials(text: str) -> int:
    """A whole number from 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of trials from 1")
    return int(text)


def run_tune(args: argparse.Namespace) -> int:
    """Tune, and print the file of the best recipe as the last line."""
    if find_spec("optuna") is None:
        raise UsageError(
            "Optuna is not installed. Install the extra: pip install 'leaflake[tune]'. "
            "Nothing was written."
        )
    from dataclasses import replace

    from catalog.lake import open_lake
    from train.recipes import RECIPES
    from train.settings import with_settings
    from train.spaces import SPACES
    from train.tune import Search, tune

    recipe = with_settings(RECIPES[args.recipe](), args.settings or ())
    if args.split is not None:
        recipe = replace(recipe, split=SPLITS[args.split])
    if args.init is not None:
        recipe = replace(recipe, init=args.init)
    fixed = {text.partition("=")[0] for text in args.settings or ()}
    space = {name: where for name, where in SPACES[args.recipe].items() if name not in fixed}
    with open_lake(args.lake) as lake:
        snapshot = lake.pictures_snapshot
    search = Search(recipe, space, args.lake, snapshot, args.out, args.minutes)
    print(tune(search, args.trials))
    return 0
