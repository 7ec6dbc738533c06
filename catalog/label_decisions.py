"""What a person decided, checked and written into the lake.

In: the `Row`s of an edited sheet (label_review.py). Out: folders and samples with the decided
labels, in one transaction. A row that cannot be right stops everything before a row is written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path

import duckdb
import pyarrow as pa

from catalog.label_review import Row
from catalog.labels import read_folder_name, resolve_species
from catalog.name_tables import condition_rows, species_rows
from catalog.organise import organise
from catalog.taxonomy import BACKGROUND, NO_PLANT, LabelTree
from leaflake import UsageError

PERSON = "person"
"""Rule of a folder's label that a person decided."""


@dataclass(frozen=True)
class Decision:
    """The label of one folder."""

    dataset: str
    folder: str
    species: str
    condition: str


@dataclass(frozen=True)
class Decisions:
    """A checked sheet."""

    decided: tuple[Decision, ...]
    """In the order of the sheet, none twice."""

    num_undecided: int
    """Rows with neither species nor condition."""

    new_names: tuple[str, ...]
    """Species and condition ids that neither the tables nor the lake had, sorted."""


@dataclass(frozen=True)
class Names:
    """The ids that a lake has of its own, beside those of the tables."""

    species: frozenset[str]
    conditions: frozenset[str]

    @classmethod
    def of(cls, connection: duckdb.DuckDBPyConnection) -> Names:
        """What samples and folders of the lake are labelled with."""
        pairs = connection.execute(
            'SELECT species, "condition" FROM samples UNION SELECT species, "condition" '
            "FROM folders"
        ).fetchall()
        return cls(frozenset(p[0] for p in pairs if p[0]), frozenset(p[1] for p in pairs if p[1]))


def check(
    rows: Iterable[Row], connection: duckdb.DuckDBPyConnection, path: Path, new_names: bool
) -> Decisions:
    """Decisions of the rows; `new_names` lets in ids that nobody has used yet.

    Raises UsageError with file and line for an unknown folder, an unknown or missing name, a pair
    that makes no sense, and two rows that disagree.
    """
    folders = set(connection.execute("SELECT dataset, folder FROM folders").fetchall())
    own = Names.of(connection)
    seen: dict[tuple[str, str], tuple[int, Decision]] = {}
    undecided = 0
    added: set[str] = set()
    for row in rows:
        where = f"{path}:{row.line}: "
        if (row.dataset, row.folder) not in folders:
            raise _refusal(
                f'{where}there is no folder "{row.folder}" of the dataset "{row.dataset}" in the '
                f"lake.{_near(row.folder, {name for _, name in folders})} Leave these two columns "
                "as `leaflake labels review` wrote them."
            )
        if not row.species and not row.condition:
            undecided += 1
            continue
        decision = _decide(row, own, new_names, where, added)
        line, earlier = seen.setdefault((row.dataset, row.folder), (row.line, decision))
        if earlier != decision:
            raise _refusal(
                f'{where}"{row.folder}" is {decision.species} {decision.condition} here and '
                f"{earlier.species} {earlier.condition} in line {line}. Keep one of the two."
            )
    return Decisions(tuple(d for _, d in seen.values()), undecided, tuple(sorted(added)))


def write(
    connection: duckdb.DuckDBPyConnection, decisions: Iterable[Decision]
) -> list[tuple[Decision, int, int]]:
    """Label the folders and their pictures, and bring groups and splits up to date.

    Runs inside a transaction. A picture whose label is not its folder's keeps it: somebody decided
    it by itself. Returns (decision, pictures relabelled, pictures that kept theirs).
    """
    decided = list(decisions)
    table = {
        name: [getattr(one, name) for one in decided]
        for name in ("dataset", "folder", "species", "condition")
    }
    table["candidates"] = [json.dumps([[one.species, one.condition, 1.0]]) for one in decided]
    connection.register("decided", pa.table(table))
    beside = (
        "FROM decided JOIN folders USING (dataset, folder) JOIN samples USING (dataset, folder)"
    )
    by_itself = (
        'samples.species IS NOT NULL AND (samples.species, samples."condition") IS DISTINCT FROM '
        '(folders.species, folders."condition")'
    )
    counts = {
        (dataset, folder): (pictures - kept, kept)
        for dataset, folder, pictures, kept in connection.execute(
            f"SELECT dataset, folder, count(*), count(*) FILTER ({by_itself}) {beside} GROUP BY ALL"
        ).fetchall()
    }
    connection.execute(
        f'CREATE OR REPLACE TEMP TABLE relabelled AS SELECT samples."key", decided.species, '
        f'decided."condition" {beside} WHERE NOT ({by_itself})'
    )
    connection.execute(
        'UPDATE samples SET species = relabelled.species, "condition" = relabelled."condition" '
        'FROM relabelled WHERE samples."key" = relabelled."key"'
    )
    connection.execute(
        'UPDATE folders SET species = decided.species, "condition" = decided."condition", '
        f"rule = '{PERSON}', confidence = 1, sure = true, candidates = decided.candidates "
        "FROM decided WHERE folders.dataset = decided.dataset AND folders.folder = decided.folder"
    )
    connection.unregister("decided")
    organise(connection)
    return [(one, *counts.get((one.dataset, one.folder), (0, 0))) for one in decided]


def changed(connection: duckdb.DuckDBPyConnection, decided: Iterable[Decision]) -> list[Decision]:
    """Those that the lake does not have yet, so that a sheet applied twice changes nothing."""
    present = set(
        connection.execute(
            f"SELECT dataset, folder, species, \"condition\" FROM folders WHERE rule = '{PERSON}'"
        ).fetchall()
    )
    return [
        one
        for one in decided
        if (one.dataset, one.folder, one.species, one.condition) not in present
    ]


def _decide(row: Row, own: Names, new_names: bool, where: str, added: set[str]) -> Decision:
    no_plant = NO_PLANT in (row.species, row.condition) or row.condition == BACKGROUND
    if no_plant:
        if row.species in ("", NO_PLANT) and row.condition in ("", BACKGROUND):
            return Decision(row.dataset, row.folder, NO_PLANT, BACKGROUND)
        raise _refusal(
            f'{where}"{row.species}" and "{row.condition}" do not go together: pictures without a '
            f"plant are {NO_PLANT} and {BACKGROUND}."
        )
    if not row.species:
        raise _refusal(f'{where}the condition "{row.condition}" has no species beside it.')
    species = species_id(row.species) or _own(row.species, own.species)
    if species is None:
        _check_new(row.species, "species", new_names, where, set(species_rows()) | own.species)
        species = row.species
        added.add(species)
    if not row.condition:
        raise _refusal(
            f"{where}{species} has no condition beside it. Write healthy, a disease, or unknown "
            "if the pictures show the plant and nobody can tell."
        )
    condition = condition_id(row.condition, species) or _own(row.condition, own.conditions)
    if condition is None:
        known = set(condition_rows()) | own.conditions
        _check_new(row.condition, "condition", new_names, where, known)
        condition = row.condition
        added.add(condition)
    return Decision(row.dataset, row.folder, species, condition)


def species_id(text: str) -> str | None:
    """Id of a plant by its id or by a name that means it alone; None if there is none."""
    return text if text in species_rows() else resolve_species(text, loose=False)


def condition_id(text: str, species: str) -> str | None:
    """Id of a condition by its id or by a name that surely means it on this plant."""
    if text in condition_rows():
        return text
    known = species if species in species_rows() else None
    # Without a plant every reading has a doubt; a name of the table itself is clear all the same.
    reading = read_folder_name(text, known)
    if reading.sure and reading.species == species:
        return reading.condition
    return _conditions_by_name().get(text.casefold())


@cache
def _conditions_by_name() -> dict[str, str]:
    return {row.name.casefold(): row.condition_id for row in condition_rows().values()}


def _own(text: str, ids: frozenset[str]) -> str | None:
    return text if text in ids else None


def _check_new(text: str, what: str, new_names: bool, where: str, known: set[str]) -> None:
    if not _is_slug(text):
        hint = (
            f"A new one is written in lower-case letters and digits, words joined by single "
            f"underscores, like {re.sub('[^a-z0-9]+', '_', text.casefold()).strip('_') or 'rust'}, "
            "and let in by --new-names."
        )
    elif not new_names:
        hint = "If it is a new one, let it in by --new-names."
    else:
        return
    raise _refusal(f'{where}"{text}" is no known {what}.{_near(text, known)} {hint}')


def _is_slug(text: str) -> bool:
    try:
        LabelTree.from_pairs([(text, text)])
    except ValueError:
        return False
    return True


def _near(text: str, known: set[str]) -> str:
    near = get_close_matches(text.casefold().replace(" ", "_"), sorted(known), n=3, cutoff=0.7)
    near = near or get_close_matches(text, sorted(known), n=3, cutoff=0.7)
    return f" Near to it: {', '.join(near)}." if near else ""


def _refusal(message: str) -> UsageError:
    return UsageError(f"{message} Nothing was written.")
