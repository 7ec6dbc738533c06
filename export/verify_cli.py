"""`leaflake verify`: arguments, and what was found."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from export.verify import Verified

EXAMPLE = """example:
  leaflake verify bundle/

Exit status: 0 the bundle is whole and answers as it should, 1 it does not, 2 it is no bundle."""


def add_verify(parser: argparse.ArgumentParser) -> None:
    """Arguments of `leaflake verify`."""
    parser.epilog = EXAMPLE
    parser.add_argument("bundle", type=Path, metavar="BUNDLE")
    parser.add_argument(
        "--browser",
        action=argparse.BooleanOptionalAction,
        help="ask the browser's model too, in headless Chromium (default: if that is there)",
    )


def run_verify(args: argparse.Namespace) -> int:
    """Verify, print a line for each file and a table, and say in the end what is wrong."""
    from export.verify import verify_bundle

    found = verify_bundle(args.bundle, browser=args.browser)
    print_verified(found)
    for fault in found.faults:
        print(f"leaflake verify: {fault}", file=sys.stderr)
    verdict = "is whole, and answers as it should" if not found.faults else "must not be used"
    print(f"{args.bundle}: {found.name} {verdict}")
    return 1 if found.faults else 0


def print_verified(found: Verified) -> None:
    """Files, then what each model says of the golden pictures."""
    for name, fault in found.files.items():
        print(f"{'whole' if fault is None else 'BROKEN':<7}{name}")
    for name in found.unlisted:
        print(f"{'extra':<7}{name}: no part of the bundle, and never read")
    if found.parity:
        print(f"\n{'golden pictures':<20}{'pictures':>9}{'largest':>10}{'mean':>10}", end="")
        print(f"{'changed':>9}{'rejected otherwise':>20}")
    for name, one in found.parity.items():
        print(
            f"{name:<20}{one.pictures:>9}{one.largest_difference:>10.2g}"
            f"{one.mean_difference:>10.2g}{one.changed:>9.1%}{one.rejection_changed:>20.1%}"
        )
    for note in found.notes:
        print(note)
