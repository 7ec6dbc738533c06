"""What somebody says of an answer, by buttons or in words. In: an entry of the state, labels.

Out: the `correct` of serve/correction.py, and texts for people. Reads and writes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from serve.bot_state import Entry
from serve.labels import NO_PLANT, UNKNOWN, Labels

Said = dict[str, str]
"""`species_id` and perhaps `condition_id`, or `other`."""


def said_as_answered(entry: Entry) -> Said:
    """What somebody says who says that the answer is right."""
    predicted: dict[str, Any] = entry["predicted"]
    if predicted["rank"] == "not_a_plant":
        return {"species_id": NO_PLANT}
    return {key: predicted[key] for key in ("species_id", "condition_id") if predicted[key]}


def said_by_name(text: str, labels: Labels) -> Said:
    """The species that somebody writes, by what people call it or its Latin; else their words."""
    name = " ".join(text.split())
    for species_id, *names in zip(
        labels.species_ids, labels.species_names, labels.scientific_names, strict=True
    ):
        if name.lower() in (each.lower() for each in names if each):
            return {"species_id": species_id}
    return {"other": name}


def said_in_words(said: Said, labels: Labels) -> str:
    """A correction, for people."""
    if "other" in said:
        return said["other"]
    (species,) = species_names([said["species_id"]], labels)
    if "condition_id" not in said:
        return species
    condition = conditions_of(said["species_id"], labels)[said["condition_id"]]
    return f"{species}, {condition}"


def species_names(species_ids: Sequence[str], labels: Labels) -> list[str]:
    """What the buttons say; an id that the model no longer has is shown as it is."""
    known = dict(zip(labels.species_ids, labels.species_names, strict=True))
    known[NO_PLANT] = "There is no plant in it" if labels.of_plants else "None of these"
    return [known.get(each, each) for each in species_ids]


def conditions_of(species_id: str, labels: Labels) -> dict[str, str]:
    """Condition id -> name, of what somebody can know; empty where there is no plant."""
    if species_id == NO_PLANT:
        return {}
    own = [one for one in labels.classes if one.species_id == species_id]
    return {one.condition_id: one.condition for one in own if one.condition_id != UNKNOWN}
