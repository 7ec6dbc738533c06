"""`leaflake catalog`: the snapshots of a lake and its shards. One action a module of its own.

`check` lives with the shards that it reads, so an action's module is imported by its name.
"""

from __future__ import annotations

import argparse
import importlib

ACTIONS = {
    "create": ("catalog.create_cli", "an empty lake, with its snapshots where you say"),
    "history": ("catalog.history_cli", "what each snapshot changed, and why"),
    "check": ("shards.check_cli", "are the shards what the catalog says?"),
    "wanted": ("catalog.wanted_cli", "which pictures would help most, for those who collect"),
}

EXAMPLE = """example:
  leaflake catalog history --lake lake/
  leaflake catalog check --lake lake/

leaflake catalog ACTION --help shows each with more."""


def add_catalog(parser: argparse.ArgumentParser) -> None:
    """Arguments of `leaflake catalog`, of each action."""
    parser.epilog = EXAMPLE
    actions = parser.add_subparsers(dest="catalog_action", metavar="|".join(ACTIONS))
    for name, (module_name, summary) in ACTIONS.items():
        module = importlib.import_module(module_name)
        action = actions.add_parser(
            name,
            help=summary,
            description=f"{summary[0].upper()}{summary[1:]}.",
            epilog=getattr(module, f"{name.upper()}_EXAMPLE"),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        getattr(module, f"add_{name}")(action)


def run_catalog(args: argparse.Namespace) -> int:
    """Run one action, and return its exit status."""
    from leaflake import UsageError

    if args.catalog_action not in ACTIONS:
        raise UsageError(
            f"catalog: say what to do ({', '.join(ACTIONS)}), like: "
            "leaflake catalog history --lake lake/"
        )
    module = importlib.import_module(ACTIONS[args.catalog_action][0])
    return int(getattr(module, f"run_{args.catalog_action}")(args))
