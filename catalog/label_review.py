"""The sheet on which a person decides what unsure folders show: a CSV, written and read back.

In: a lake. Out: a CSV with one row a folder of the view label_review and two empty columns,
`species` and `condition`. Back: the `Row`s of the edited CSV, as they were typed.

The CSV survives a spreadsheet: it starts with a byte order mark, and a cell that a spreadsheet
would take for a formula, a number or a date has an apostrophe in front. Semicolons or tabs
instead of commas, and Windows line ends, are read as well.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb

from leaflake import UsageError

NUM_CANDIDATES = 3
"""How many guesses of a folder are shown; more would hide the columns behind them."""

COLUMNS = (
    "dataset",
    "folder",
    "pictures",
    "species",
    "condition",
    "guess_species",
    "guess_condition",
    "rule",
    "confidence",
    *(f"candidate_{number}" for number in range(1, NUM_CANDIDATES + 1)),
    "example",
)
"""`species` and `condition` are the person's; the other columns are there to be read."""

NEEDED = ("dataset", "folder", "species", "condition")
"""Columns that an edited sheet must still have."""

# What a spreadsheet would change on opening: formulas, numbers (001, 1E5) and dates (3-4, Mar 5).
_CHANGED = re.compile(
    r"['=+\-@\t\r].*|\d[\d.,:/\\ -]*|\d+e\d+"
    r"|\d*[ -]?(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*[ -]?\d*",
    re.DOTALL | re.IGNORECASE,
)


@dataclass(frozen=True)
class Row:
    """One line of an edited sheet, blanks at the ends of cells removed."""

    line: int
    """Line of the file on which the row starts, from 1."""

    dataset: str
    folder: str

    species: str
    """As typed; empty where nothing was decided."""

    condition: str


def write_sheet(connection: duckdb.DuckDBPyConnection, out: Path) -> tuple[int, int]:
    """Write the unsure folders to `out`. Returns how many folders, and pictures in them.

    Raises UsageError if there is something at `out` already: it may hold decisions.
    """
    if out.exists():
        raise UsageError(
            f"{out}: is there already, and may hold decisions. Give another name to --out, or "
            "remove it. Nothing was written."
        )
    rows = connection.execute(
        'SELECT dataset, folder, pictures, species, "condition", rule, confidence, candidates, '
        "(SELECT min(source_path) FROM samples WHERE samples.dataset = label_review.dataset "
        "AND samples.folder = label_review.folder) FROM label_review "
        "ORDER BY pictures DESC, dataset, folder"
    ).fetchall()
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for dataset, folder, pictures, species, condition, rule, confidence, candidates, path in rows:
        guesses = _guesses(candidates)
        cells = (dataset, folder, pictures, "", "", species, condition, rule, confidence)
        writer.writerow([_guarded(cell) for cell in (*cells, *guesses, path)])
    temporary = out.with_name(out.name + ".tmp")
    temporary.write_text(text.getvalue(), encoding="utf-8-sig", newline="")
    temporary.rename(out)
    return len(rows), sum(row[2] for row in rows)


def read_sheet(path: Path) -> Iterator[Row]:
    """The rows of an edited sheet. UsageError says what is wrong, in which line."""
    reader = csv.reader(io.StringIO(text := _text(path), newline=""), delimiter=_delimiter(text))
    header = [name.strip().casefold() for name in next(reader, [])]
    missing = [name for name in NEEDED if header.count(name) != 1]
    if missing:
        raise UsageError(
            f"{path}:1: has no column {', '.join(missing)}, or has it twice. Expected a sheet of "
            f"`leaflake labels review`, with {', '.join(NEEDED)} in its first line. "
            "Nothing was written."
        )
    positions = [header.index(name) for name in NEEDED]
    line = reader.line_num + 1
    for cells in reader:
        start, line = line, reader.line_num + 1
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) <= max(positions):
            raise UsageError(
                f"{path}:{start}: {len(cells)} cells, but the first line names {len(header)} "
                "columns. Is a quote missing? Nothing was written."
            )
        dataset, folder, species, condition = (_unguarded(cells[i]) for i in positions)
        # A folder's name may end in a blank; what a person typed should not.
        yield Row(start, dataset, folder, species.strip(), condition.strip())


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}. Nothing was written.") from None
    except UnicodeDecodeError:
        raise UsageError(
            f'{path}: is no UTF-8 text. Save it as "CSV UTF-8". Nothing was written.'
        ) from None


def _delimiter(text: str) -> str:
    """The sign that stands most often in the first line: comma, semicolon or tab."""
    first = text.splitlines()[0] if text else ""
    return max(",;\t", key=first.count)


def _guesses(candidates: str) -> list[str]:
    """`potato late_blight (0.25)`, best first, padded to NUM_CANDIDATES."""
    found = [
        f"{species} {condition or '?'} ({confidence:.2f})"
        for species, condition, confidence in json.loads(candidates or "[]")[:NUM_CANDIDATES]
    ]
    return found + [""] * (NUM_CANDIDATES - len(found))


def _guarded(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and _CHANGED.fullmatch(cell) else cell


def _unguarded(cell: str) -> str:
    return cell.removeprefix("'")
