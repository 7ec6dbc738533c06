"""The label tree: species, the conditions of each, and the order of the classes.

In: (species_id, condition_id) pairs. Out: a `LabelTree`, whose class order is a
pure function of the set of pairs, and its JSON form.

Standard library only, so that a server or a converter can import it alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any

from catalog.name_tables import condition_rows, species_rows

NO_PLANT = "no_plant"
"""Species id of pictures that show no plant; its one usual condition is BACKGROUND."""

HEALTHY = "healthy"
DISEASED = "diseased"
"""Something is wrong, and the source does not say what."""
UNKNOWN = "unknown"
"""The source names a plant and says nothing about its condition."""
BACKGROUND = "background"

_SLUG = re.compile(r"[a-z0-9]+(?:_[a-z0-9]+)*")


@dataclass(frozen=True)
class Condition:
    """What a leaf has, seen apart from the plant it grows on."""

    condition_id: str
    """Stable lower-case slug: `late_blight`, `healthy`, `unknown`, `background`."""

    name: str
    """For people: `Late blight`."""

    cause: str
    """One of `name_tables.CAUSES`: fungus, oomycete, bacterium, virus, pest, ...;
    `none` for healthy and background, `unknown` where the name does not say."""


@dataclass(frozen=True)
class Species:
    """One plant, with the conditions that the data has of it."""

    species_id: str
    """Stable lower-case slug: `apple`, `bell_pepper`, `no_plant`."""

    name: str
    """For people: `Bell pepper`."""

    scientific: str
    """Accepted Latin name; empty where the slug is not in the table."""

    conditions: tuple[Condition, ...]
    """Sorted by condition_id, none twice."""


@dataclass(frozen=True)
class LabelTree:
    """Species sorted by id; every species owns one contiguous block of classes.

    Class k is the k-th (species, condition) pair in that order, so two machines
    that hold the same pairs agree on every class index.
    """

    species: tuple[Species, ...]

    @classmethod
    def from_pairs(cls, pairs: Iterable[tuple[str, str]]) -> LabelTree:
        """Build the tree from (species_id, condition_id); repeats and order do not matter.

        Raises ValueError for an id that is not a slug.
        """
        conditions: dict[str, set[str]] = {}
        for species_id, condition_id in pairs:
            _check_slug(species_id, "species id")
            _check_slug(condition_id, "condition id")
            conditions.setdefault(species_id, set()).add(condition_id)
        return cls(
            tuple(
                named_species(species_id, tuple(sorted(conditions[species_id])))
                for species_id in sorted(conditions)
            )
        )

    @property
    def num_species(self) -> int:
        return len(self.species)

    @property
    def num_classes(self) -> int:
        return len(self._labels)

    def species_index(self, species_id: str) -> int:
        """Position of the species; KeyError if the tree lacks it."""
        try:
            return self._species_positions[species_id]
        except KeyError:
            raise KeyError(f"species {species_id!r} is not in this label tree") from None

    def class_index(self, species_id: str, condition_id: str) -> int:
        """Position of the pair among all classes; KeyError if the tree lacks it."""
        try:
            return self._class_positions[species_id, condition_id]
        except KeyError:
            pair = f"{species_id!r}, {condition_id!r}"
            raise KeyError(f"the pair ({pair}) is not in this label tree") from None

    def class_species(self) -> tuple[int, ...]:
        """For each class the index of its species; never decreases."""
        return tuple(i for i, one in enumerate(self.species) for _ in one.conditions)

    def blocks(self) -> tuple[tuple[int, int], ...]:
        """For each species (start, stop) of its classes, half open."""
        edges = list(accumulate((len(one.conditions) for one in self.species), initial=0))
        return tuple(zip(edges, edges[1:], strict=False))

    def label(self, class_index: int) -> tuple[Species, Condition]:
        """Species and condition of a class; IndexError outside 0..num_classes-1."""
        if not 0 <= class_index < self.num_classes:
            raise IndexError(f"class {class_index} is not in 0..{self.num_classes - 1}")
        return self._labels[class_index]

    def to_json(self) -> dict[str, Any]:
        """Plain lists and dicts, in class order; the names are kept, so that a
        released tree reads the same after the tables have changed."""
        return {
            "species": [
                {
                    "species_id": one.species_id,
                    "name": one.name,
                    "scientific": one.scientific,
                    "conditions": [
                        {"condition_id": c.condition_id, "name": c.name, "cause": c.cause}
                        for c in one.conditions
                    ],
                }
                for one in self.species
            ]
        }

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> LabelTree:
        """Read what `to_json` wrote; ValueError says which entry is wrong and why."""
        items = _list_in(document, "species", "the label tree")
        species = tuple(_species_from_json(item, i) for i, item in enumerate(items))
        _check_order([one.species_id for one in species], "species of the label tree")
        return cls(species)

    # The dataclass is frozen, so these tables are computed once and cannot go stale.
    @cached_property
    def _labels(self) -> tuple[tuple[Species, Condition], ...]:
        return tuple((one, condition) for one in self.species for condition in one.conditions)

    @cached_property
    def _species_positions(self) -> dict[str, int]:
        return {one.species_id: i for i, one in enumerate(self.species)}

    @cached_property
    def _class_positions(self) -> dict[tuple[str, str], int]:
        return {(s.species_id, c.condition_id): i for i, (s, c) in enumerate(self._labels)}


def named_species(species_id: str, condition_ids: tuple[str, ...]) -> Species:
    """Names from the table, or made from the slug where the table has no row."""
    row = species_rows().get(species_id)
    name, scientific = (row.name, row.scientific) if row else (name_from_slug(species_id), "")
    return Species(species_id, name, scientific, tuple(map(named_condition, condition_ids)))


def named_condition(condition_id: str) -> Condition:
    """Name and cause from the table, or a readable name and cause `unknown`."""
    row = condition_rows().get(condition_id)
    if row is None:
        return Condition(condition_id, name_from_slug(condition_id), "unknown")
    return Condition(condition_id, row.name, row.cause)


def name_from_slug(slug: str) -> str:
    """`purple_top_wilt` -> `Purple top wilt`."""
    return slug.replace("_", " ").capitalize()


def _check_slug(text: object, what: str) -> str:
    if not isinstance(text, str) or not _SLUG.fullmatch(text):
        raise ValueError(
            f"{what} {text!r} is not a slug: lower-case letters and digits, "
            "words joined by single underscores, like late_blight"
        )
    return text


def _check_order(ids: list[str], what: str) -> None:
    for before, after in zip(ids, ids[1:], strict=False):
        if before >= after:
            raise ValueError(
                f"the {what} must be sorted by id and none twice: {after!r} follows {before!r}"
            )


def _list_in(item: object, key: str, where: str) -> list[Any]:
    value = item.get(key) if isinstance(item, dict) else None
    if not isinstance(value, list):
        raise ValueError(f'{where} must be an object with a list under "{key}"')
    return value


def _text_in(item: object, key: str, where: str) -> str:
    value = item.get(key) if isinstance(item, dict) else None
    if not isinstance(value, str):
        raise ValueError(f'{where} must be an object with a text under "{key}"')
    return value


def _species_from_json(item: object, position: int) -> Species:
    where = f"species[{position}]"
    species_id = _check_slug(_text_in(item, "species_id", where), f"{where}: species id")
    conditions = tuple(
        _condition_from_json(one, f"{where}.conditions[{i}]")
        for i, one in enumerate(_list_in(item, "conditions", where))
    )
    if not conditions:
        raise ValueError(f"{where} ({species_id}) has no condition; every species needs one")
    _check_order([c.condition_id for c in conditions], f"conditions of {species_id}")
    name, scientific = _text_in(item, "name", where), _text_in(item, "scientific", where)
    return Species(species_id, name, scientific, conditions)


def _condition_from_json(item: object, where: str) -> Condition:
    condition_id = _check_slug(_text_in(item, "condition_id", where), f"{where}: condition id")
    return Condition(condition_id, _text_in(item, "name", where), _text_in(item, "cause", where))
