"""What a bundle can answer, and what it takes: its label tree, thresholds and rejection rule.

In: parts of a manifest. Out: Labels and Thresholds, laid out as the graph's outputs are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from export.manifest import REJECTIONS, is_of_plants

NO_PLANT = "no_plant"
"""Species id of pictures that show no plant; the tree's word for it, see catalog/taxonomy.py."""

UNKNOWN = "unknown"
"""Condition id where the training data named a plant and said nothing about its condition.
It is learnt, but it tells a person nothing, so it is never given as the condition."""

Kind = Literal["condition", "species", "not_sure", "not_a_plant", "unknown_species"]
"""What is answered. `unknown_species`: a plant, but none of the species that the model learned."""


@dataclass(frozen=True)
class Label:
    """One class: a condition of a species, with what people call them."""

    species_index: int
    species_id: str
    species: str
    condition_id: str
    condition: str


@dataclass(frozen=True)
class Labels:
    """The label tree of a bundle, laid out as the graph's outputs are."""

    species_ids: tuple[str, ...]
    """(S,)"""

    species_names: tuple[str, ...]
    """(S,), for people."""

    scientific_names: tuple[str, ...]
    """(S,), in Latin; empty for what is no plant."""

    classes: tuple[Label, ...]
    """(C,), species by species."""

    of_plants: bool
    """False: of other things, such as beaches and mountains."""

    @classmethod
    def from_tree(cls, tree: dict[str, Any]) -> Labels:
        """Read the manifest's `tree`; KeyError or TypeError if it is not one."""
        species = tree["species"]
        classes = [
            Label(i, one["species_id"], one["name"], each["condition_id"], each["name"])
            for i, one in enumerate(species)
            for each in one["conditions"]
        ]
        return cls(
            tuple(one["species_id"] for one in species),
            tuple(one["name"] for one in species),
            tuple(one["scientific"] for one in species),
            tuple(classes),
            is_of_plants(tree),
        )


@dataclass(frozen=True)
class Thresholds:
    """What it takes to answer a node of the label tree, or to reject."""

    species: tuple[float, ...]
    """(S,), the least p(species) at which that species is answered."""

    condition: tuple[float, ...]
    """(C,), the least p(species, condition) at which that class is answered."""

    rejection: tuple[float, ...]
    """(2,), for each of REJECTIONS the least score that rejects."""

    @classmethod
    def from_manifest(
        cls, thresholds: dict[str, Any], rejection: dict[str, Any], labels: Labels
    ) -> Thresholds:
        """Read the manifest's `thresholds` and `rejection`; KeyError, TypeError or ValueError if
        they are not those of `labels`."""
        read = cls(
            _numbers(thresholds["species"]),
            _numbers(thresholds["condition"]),
            _numbers([rejection[name]["threshold"] for name in REJECTIONS]),
        )
        found = (len(read.species), len(read.condition))
        expected = (len(labels.species_ids), len(labels.classes))
        if found != expected:
            raise ValueError(f"thresholds of {found} species and classes, but there are {expected}")
        return read


def _numbers(values: Sequence[Any]) -> tuple[float, ...]:
    found = tuple(map(float, values))
    if not np.isfinite(found).all():
        raise ValueError("a threshold is no number")
    return found
