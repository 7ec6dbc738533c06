"""`leaflake rollback`: arguments."""

from __future__ import annotations

import argparse
from pathlib import Path

EXAMPLE = """example:
  leaflake rollback --models models/
  leaflake rollback --models models/ --to cpu-20260131-120000

Turns the link models/production back to the bundle that was there before the last promotion, after
checking that every byte of it is there; a running server takes it over. It does not wait for a
round that trains, and leaflake retrain does not promote the same challenger again."""


def add_rollback(parser: argparse.ArgumentParser) -> None:
    """Arguments of `leaflake rollback`."""
    parser.epilog = EXAMPLE
    parser.add_argument("--models", type=Path, required=True, metavar="DIR")
    parser.add_argument("--to", metavar="NAME", help="a bundle in models/bundles/, old or new")


def run_rollback(args: argparse.Namespace) -> int:
    """Turn the link; prints what it said and says."""
    from retrain.models import Models

    before, now = Models(args.models).roll_back(args.to)
    print(f"{args.models / 'production'}: {before} -> {now}")
    return 0
