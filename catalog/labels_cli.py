"""`leaflake labels read`: show what the folder-name reader makes of a name.

In: folder names as arguments or, for `-`, one a line on standard input. Out: one line
a name, as a table or as JSON. Exit status 0 if every reading is sure, else 1.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from catalog.labels import Reading

COLUMNS = ("folder", "species", "condition", "rule", "confidence", "sure")

EXAMPLE = """\
example:
  leaflake labels read "Tomato leaf late blight" "RedRot"
  leaflake labels read --species Orange huanglongbing_citrus_greening
  ls leaves/pv_lab | leaflake labels read --json -

The exit status is 0 if every reading is sure, 1 if somebody has to look at one, and
2 for wrong use. An unsure reading lists what it could be in its candidates (--json).
"""


def add_labels(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `leaflake labels` to its parser."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLE
    actions = parser.add_subparsers(dest="labels_action", metavar="read")
    read = actions.add_parser(
        "read",
        help="folder names -> plant, condition, rule, confidence",
        description="Read folder names: which plant, which condition, how sure.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    read.add_argument("names", nargs="*", metavar="NAME", help="a folder name, or - for stdin")
    read.add_argument("--species", metavar="S", help="what the source says the plant is")
    read.add_argument("--json", action="store_true", help="one JSON object a line")


def run_labels(args: argparse.Namespace) -> int:
    """Print the readings. Returns 0 if all are sure, else 1; UsageError for wrong use."""
    from catalog.labels import read_folder_name, resolve_species
    from leaflake import UsageError

    if getattr(args, "labels_action", None) != "read":
        raise UsageError('labels: say what to do, like: leaflake labels read "Tomato late blight"')
    if args.species is not None and resolve_species(args.species) is None:
        raise UsageError(
            f'--species "{args.species}" is no plant name in '
            "catalog/names/species.tsv. Give another spelling, or leave it out."
        )
    names = _names(args.names, sys.stdin)
    if not names:
        raise UsageError("no folder name was given. Give one, or - for stdin.")
    readings = [read_folder_name(name, args.species) for name in names]
    lines = map(_json_line, readings) if args.json else _table(readings)
    for line in lines:
        print(line)
    return 0 if all(reading.sure for reading in readings) else 1


def _names(arguments: Sequence[str], stdin: Iterable[str]) -> list[str]:
    """The names, with `-` replaced by the non-empty lines of standard input."""
    names: list[str] = []
    for argument in arguments:
        if argument == "-":
            names += [line.rstrip("\r\n") for line in stdin if line.strip()]
        else:
            names.append(argument)
    return names


def _json_line(reading: Reading) -> str:
    return json.dumps(asdict(reading), ensure_ascii=False)


def _table(readings: Sequence[Reading]) -> list[str]:
    rows = [COLUMNS, *(tuple(_cell(getattr(one, name)) for name in COLUMNS) for one in readings)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _cell(value: Any) -> str:
    """A missing value as a dash; control characters shown, so that they cannot act."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = f"{value:.2f}" if isinstance(value, float) else str(value)
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
