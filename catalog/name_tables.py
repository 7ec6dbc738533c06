"""Read names/species.tsv, names/conditions.tsv and names/other_words.tsv.

In: the three tables beside this file. Out: one frozen row a line, keyed by id, read
at the first call and kept. The files' own first lines explain their columns.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

NAMES_FOLDER = Path(__file__).with_name("names")

CAUSES = (
    "fungus",
    "oomycete",
    "bacterium",
    "phytoplasma",
    "virus",
    "viroid",
    "nematode",
    "pest",
    "alga",
    "parasitic_plant",
    "nutrition",
    "abiotic",
    "none",
    "unknown",
)
"""`abiotic` covers weather, light, water, chemicals and physiological disorders;
`none` is for healthy and background; `unknown` where the name does not tell."""

WORD_KINDS = ("grammar", "joining", "leaf", "disease", "organ", "plain", "taxon", "noise")

_SLUG = re.compile(r"[a-z0-9]+(?:_[a-z0-9]+)*")


@dataclass(frozen=True)
class SpeciesRow:
    """One plant of species.tsv."""

    species_id: str
    name: str
    scientific: str
    """Accepted Latin name."""

    group: str
    """Kin that share diseases (`citrus`, `cucurbit`); empty for most. A row whose id
    is its group's name stands for the group: `citrus` for orange, lemon, ..."""

    names: tuple[str, ...]
    """All names that mean this plant and nothing else."""

    loose_names: tuple[str, ...]
    """`pepper?`: often means this plant; `pepper??`: now and then. A reading by one is
    never sure."""


@dataclass(frozen=True)
class ConditionName:
    """One name of a condition, and the hosts on which it means that."""

    text: str
    hosts: frozenset[str]
    """Species ids; empty: any plant."""


@dataclass(frozen=True)
class ConditionRow:
    """One condition of conditions.tsv."""

    condition_id: str
    name: str
    cause: str
    general: bool
    """Gives way to a more precise condition named beside it."""

    hosts: frozenset[str]
    """Species ids; empty: any plant."""

    names: tuple[ConditionName, ...]


@cache
def species_rows() -> dict[str, SpeciesRow]:
    """Rows of species.tsv by species_id; ValueError names the line that is wrong."""
    rows: dict[str, SpeciesRow] = {}
    for where, cells in _lines("species.tsv", num_columns=5):
        species_id, name, scientific, group, others = cells
        _check_id(species_id, rows, where)
        names = [name, species_id.replace("_", " "), *_split(scientific), *_split(others)]
        rows[species_id] = SpeciesRow(
            species_id=species_id,
            name=name,
            scientific=scientific.split("|")[0],
            group=group,
            names=tuple(one for one in names if not one.endswith("?")),
            loose_names=tuple(one for one in names if one.endswith("?")),
        )
    return rows


@cache
def condition_rows() -> dict[str, ConditionRow]:
    """Rows of conditions.tsv by condition_id; ValueError names the line that is wrong."""
    rows: dict[str, ConditionRow] = {}
    for where, cells in _lines("conditions.tsv", num_columns=5):
        condition_id, name, cause, hosts_text, others = cells
        _check_id(condition_id, rows, where)
        general = cause.endswith("~")
        cause = cause.removesuffix("~")
        if cause not in CAUSES:
            raise ValueError(f"{where}: cause {cause!r} is not one of {', '.join(CAUSES)}")
        hosts = _hosts(hosts_text, where)
        own = ConditionName(name, hosts), ConditionName(condition_id.replace("_", " "), hosts)
        listed = (_condition_name(text, hosts, where) for text in _split(others))
        rows[condition_id] = ConditionRow(
            condition_id, name, cause, general, hosts, (*own, *listed)
        )
    return rows


@cache
def word_lists() -> dict[str, tuple[str, ...]]:
    """Words of other_words.tsv by kind, as spelt there; its first lines explain the kinds."""
    lists: dict[str, tuple[str, ...]] = {}
    for where, (kind, words) in _lines("other_words.tsv", num_columns=2):
        if kind not in WORD_KINDS:
            raise ValueError(f"{where}: kind {kind!r} is not one of {', '.join(WORD_KINDS)}")
        lists[kind] = (*lists.get(kind, ()), *words.split())
    return lists


def _condition_name(text: str, row_hosts: frozenset[str], where: str) -> ConditionName:
    phrase, at, hosts = text.partition("@")
    return ConditionName(phrase, _hosts(hosts, where) if at else row_hosts)


def _hosts(text: str, where: str) -> frozenset[str]:
    """`apple,+citrus` -> the ids; `*` and the empty text -> any plant."""
    ids: set[str] = set()
    for part in text.split(",") if text not in ("", "*") else []:
        found = {part} if part in species_rows() else _group(part.removeprefix("+"))
        if not found:
            raise ValueError(f"{where}: host {part!r} is no species id and no +group")
        ids |= found
    return frozenset(ids)


def _group(group: str) -> set[str]:
    return {row.species_id for row in species_rows().values() if row.group == group}


def _split(cell: str) -> list[str]:
    return [part for part in cell.split("|") if part]


def _check_id(row_id: str, rows: Mapping[str, object], where: str) -> None:
    if not _SLUG.fullmatch(row_id):
        raise ValueError(f"{where}: id {row_id!r} is not a lower-case slug like late_blight")
    if row_id in rows:
        raise ValueError(f"{where}: id {row_id!r} stands in an earlier line already")


def _lines(file_name: str, num_columns: int) -> Iterator[tuple[str, list[str]]]:
    """(file:line, cells) for each line that is no comment; short rows are an error."""
    text = (NAMES_FOLDER / file_name).read_text(encoding="utf-8")
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        cells = [cell.strip() for cell in line.split("\t")]
        where = f"catalog/names/{file_name}:{number}"
        if len(cells) > num_columns:
            raise ValueError(f"{where}: {len(cells)} columns, at most {num_columns} expected")
        yield where, cells + [""] * (num_columns - len(cells))
