"""What a collection says of its datasets. In: SOURCES.tsv. Out: a SourceRow for each dataset.

The file is tab-separated with a header. The columns `dataset`, `species` and `shots` are read,
others are notes; `shots` may be missing.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from catalog.labels import resolve_species
from leaflake import UsageError

SOURCES_NAME = "SOURCES.tsv"


@dataclass(frozen=True)
class Dataset:
    """A folder of class folders, and what its source says of it."""

    name: str
    path: str
    """Absolute."""

    species_hint: str | None
    """The species that the source names, for folders that name only a disease."""

    shots: str | None
    """A regular expression with one group. Files of a class folder in whose names it captures
    the same text show one thing."""


@dataclass(frozen=True)
class SourceRow:
    """One row of SOURCES.tsv; None where its column is empty."""

    species: str | None = None
    shots: str | None = None


def read_sources(folder: Path) -> dict[str, SourceRow] | None:
    """dataset -> its row; None where `folder` has no SOURCES.tsv.

    Raises UsageError, with file and line, if the file is not UTF-8, lacks a column, names a plant
    that no table knows, or has a rule that is no regular expression with one group.
    """
    path = folder / SOURCES_NAME
    if not path.is_file():
        return None
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{path}: not UTF-8 ({error.reason}). Save it as UTF-8. Nothing was written."
        ) from None
    # No quoting: a regular expression may hold any sign but a tab.
    rows = list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
    missing = {"dataset", "species"} - set(rows[0] if rows else ())
    if missing:
        raise UsageError(
            f"{path}:1: no column {' and '.join(sorted(missing))} in the header, or no row below "
            "it. Columns are separated by tabs. Nothing was written."
        )
    for line, row in enumerate(rows, start=2):
        refuse_unknown_species(row["species"], f"{path}:{line}")
        _refuse_bad_rule(row.get("shots"), f"{path}:{line}")
    return {
        row["dataset"]: SourceRow(row["species"] or None, row.get("shots") or None) for row in rows
    }


def refuse_unknown_species(species: str | None, where: str) -> None:
    """Raise UsageError, naming `where` it stands, if no table knows the plant."""
    if species and resolve_species(species) is None:
        raise UsageError(
            f'{where}: no plant in catalog/names/species.tsv is called "{species}". Use its common '
            "or scientific name, or add it there. Nothing was written."
        )


def one_a_name(datasets: Sequence[Dataset]) -> tuple[Dataset, ...]:
    """The datasets sorted by name; of two folders with one name the first by path stands for both.

    Raises UsageError if the two have different hints or rules: a row knows its dataset by name.
    """
    found: dict[str, Dataset] = {}
    for dataset in sorted(datasets, key=lambda one: (one.name, one.path)):
        first = found.setdefault(dataset.name, dataset)
        if (first.species_hint, first.shots) != (dataset.species_hint, dataset.shots):
            raise UsageError(
                f"two sources hold a dataset {dataset.name!r}, and say different things of it: "
                f"{first.path} and {dataset.path}. Rename one of them. Nothing was written."
            )
    return tuple(found.values())


def _refuse_bad_rule(pattern: str | None, where: str) -> None:
    """`pattern` must compile and capture one thing."""
    if not pattern:
        return
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        raise UsageError(
            f'{where}: shots "{pattern}" is no regular expression ({error}). Mend it, as in '
            r"^(\d+)_shot\d+, or leave the cell empty. Nothing was written."
        ) from None
    if groups != 1:
        raise UsageError(
            f'{where}: shots "{pattern}" has {groups} groups in round brackets; expected one, '
            r"around what names the thing photographed, as in ^(\d+)_shot\d+ (write other "
            "brackets as (?:...)). Nothing was written."
        )
