"""`leaflake labels`: what the folder-name reader makes of a name; a person decides the rest.

`read` takes folder names as arguments or, for `-`, one a line on standard input, and prints one
line a name, as a table or as JSON; exit status 0 if every reading is sure, else 1. `review` writes
the unsure folders of a lake as a CSV, and `apply` takes the edited CSV back in one snapshot.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catalog.moment import AT_HELP, snapshot_or_time

if TYPE_CHECKING:
    from catalog.label_decisions import Decisions
    from catalog.labels import Reading

COLUMNS = ("folder", "species", "condition", "rule", "confidence", "sure")

EXAMPLE = """\
example:
  leaflake labels read "Tomato leaf late blight" "RedRot"
  leaflake labels read --species Orange huanglongbing_citrus_greening
  ls leaves/pv_lab | leaflake labels read --json -

  leaflake labels review --lake lake/ --out review.csv
  leaflake labels apply review.csv --lake lake/

The exit status of read is 0 if every reading is sure, 1 if somebody has to look at one, and
2 for wrong use. An unsure reading lists what it could be in its candidates (--json).
"""

REVIEW_EXAMPLE = """\
example:
  leaflake labels review --lake lake/ --out review.csv

One line a folder whose name the reader is not sure of, the largest folder first. Write a plant into
`species` and what it has into `condition` (ids, or names: late_blight, Late blight); leave both
empty where you cannot tell. The condition `unknown` says that the pictures do not tell, and
`background` that there is no plant. An apostrophe before a name keeps a spreadsheet from changing
it, and is no part of the name. Save it as CSV (UTF-8) and give it to `leaflake labels apply`.
"""

APPLY_EXAMPLE = """\
example:
  leaflake labels apply review.csv --lake lake/
  leaflake labels apply review.csv --lake lake/ --new-names

Rows without a decision are skipped. A picture that somebody labelled by itself keeps its label. A
plant or condition that no table knows is refused; --new-names lets it in, under an id like
moon_flower. Everything is one snapshot, and --at reads the lake as it was before.

For any other change there is SQL. No statement touches a tar. Rename or merge labels, decide one
picture, and tell pictures to come of a folder:
  leaflake sql --lake lake/ "update samples set condition = 'rust' where condition = 'brown_rust'"
  leaflake sql --lake lake/ "update samples set species = 'corn', condition = 'healthy'
    where key = '000000-00017'"
  leaflake sql --lake lake/ "update folders set condition = 'rust' where folder = 'Apple_spot'"

A conflict is one picture under two labels. Look at them, and give all copies one label; they then
get a split:
  leaflake sql --lake lake/ "from conflicts"
  leaflake sql --lake lake/ "update samples set species = 'chilli', condition = 'powdery_mildew'
    where sha256 = (select sha256 from samples where key = '000000-00017')"
"""


def add_labels(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `leaflake labels` to its parser."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLE
    actions = parser.add_subparsers(dest="labels_action", metavar="read|review|apply")
    read = _action(actions, "read", "folder names -> plant, condition, rule, confidence", EXAMPLE)
    read.add_argument("names", nargs="*", metavar="NAME", help="a folder name, or - for stdin")
    read.add_argument("--species", metavar="S", help="what the source says the plant is")
    read.add_argument("--json", action="store_true", help="one JSON object a line")
    review = _action(actions, "review", "the unsure folders of a lake -> CSV", REVIEW_EXAMPLE)
    review.add_argument("--lake", required=True, metavar="DIR", help="the lake to look at")
    review.add_argument(
        "--out", type=Path, required=True, metavar="CSV", help="written; must not be there yet"
    )
    review.add_argument("--at", type=snapshot_or_time, metavar="VERSION|TIME", help=AT_HELP)
    apply = _action(actions, "apply", "the edited CSV -> the lake, one snapshot", APPLY_EXAMPLE)
    apply.add_argument("sheet", type=Path, metavar="CSV", help="what `labels review` wrote, edited")
    apply.add_argument("--lake", required=True, metavar="DIR", help="the lake to change")
    apply.add_argument(
        "--new-names", action="store_true", help="let in plants and conditions nobody has used yet"
    )


def run_labels(args: argparse.Namespace) -> int:
    """Run one action. Returns 0, or 1 if a reading is not sure; UsageError for wrong use."""
    from leaflake import UsageError

    actions = {"read": _read, "review": _review, "apply": _apply}
    action = getattr(args, "labels_action", None)
    if action not in actions:
        raise UsageError('labels: say what to do, like: leaflake labels read "Tomato late blight"')
    return actions[action](args)


def _action(actions: Any, name: str, summary: str, example: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=example,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return parser


def _read(args: argparse.Namespace) -> int:
    from catalog.labels import read_folder_name, resolve_species
    from leaflake import UsageError

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


def _review(args: argparse.Namespace) -> int:
    from catalog.label_review import write_sheet
    from catalog.lake import open_lake
    from catalog.storage import as_place

    with open_lake(as_place(args.lake), at=args.at) as lake:
        folders, pictures = write_sheet(lake.connection, args.out)
    print(f"{args.out}: {folders:,} folders to look at, with {pictures:,} pictures")
    return 0


def _apply(args: argparse.Namespace) -> int:
    from catalog.label_decisions import changed, check, write
    from catalog.label_review import read_sheet
    from catalog.lake import open_lake
    from catalog.storage import as_place

    rows = list(read_sheet(args.sheet))
    with open_lake(as_place(args.lake), read_only=False) as lake:
        decisions = check(rows, lake.connection, args.sheet, args.new_names)
        decided = changed(lake.connection, decisions.decided)
        same = len(decisions.decided) - len(decided)
        if not decided:
            print(f"{_skipped(decisions, same)}. Nothing to change, nothing was written.")
            return 0
        before = lake.snapshot
        message = f"labels of {len(decided):,} folders, decided by a person in {args.sheet.name}"
        with lake.commit(message) as connection:
            done = write(connection, decided)
        after = lake.snapshot
    for one, relabelled, kept in done:
        note = f", {kept:,} keep a label of their own" if kept else ""
        folder = _cell(f"{one.dataset}/{one.folder}")
        print(f"{folder}: {one.species} {one.condition}, {relabelled:,} pictures{note}")
    if decisions.new_names:
        print(f"new names: {', '.join(decisions.new_names)}")
    print(
        f"{len(done):,} folders decided, {sum(row[1] for row in done):,} pictures relabelled, "
        f"{_skipped(decisions, same)}, snapshot {after}; --at {before} reads the lake as it was"
    )
    return 0


def _skipped(decisions: Decisions, same: int) -> str:
    return f"{decisions.num_undecided:,} rows undecided, {same:,} as they were"


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
