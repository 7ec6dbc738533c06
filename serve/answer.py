"""From probabilities to an answer: the deepest node of the label tree that is sure enough.

In: a `Prediction`, the tree and the thresholds of a bundle. Out: plain dicts, as the server sends
them and the command line prints them; both call `answer_json`, so they cannot differ. Reads and
writes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

NO_PLANT = "no_plant"
"""Species id of pictures that show no plant; the tree's word for it, see catalog/taxonomy.py."""

UNKNOWN = "unknown"
"""Condition id where the training data named a plant and said nothing about its condition.
It is learnt, but it tells a person nothing, so it is never given as the condition."""

DEFAULT_TOP = 5
MAX_TOP = 50
"""More candidates than this help nobody, and every answer would carry the whole tree."""

Kind = Literal["condition", "species", "not_sure", "not_a_plant"]


@dataclass(frozen=True)
class Prediction:
    """What the graph says about one picture, as probabilities in the tree's order."""

    species_probs: NDArray[np.float64]
    """(S,), adds up to one."""

    joint_probs: NDArray[np.float64]
    """(C,), p(species, condition); a species' block adds up to its probability."""


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

    classes: tuple[Label, ...]
    """(C,), species by species."""

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
            tuple(classes),
        )


@dataclass(frozen=True)
class Thresholds:
    """The least probability at which each rank is answered."""

    species: float
    condition: float


@dataclass(frozen=True)
class Answer:
    """The node answered."""

    kind: Kind

    best_species: int
    """Index of the likeliest species, whether or not it is sure enough to be the answer."""

    class_index: int | None
    """The class answered; only for kind `condition`."""

    probability: float
    """Of the node answered; for `not_sure`, of the likeliest species."""


def decide(prediction: Prediction, labels: Labels, thresholds: Thresholds) -> Answer:
    """Walk down from the likeliest species to its likeliest condition, while each is sure enough.

    A condition is answered only below a species that clears its own threshold, so the answer never
    names a disease of a plant that it is not sure of.
    """
    best = int(np.argmax(prediction.species_probs))
    probability = float(prediction.species_probs[best])
    if probability < thresholds.species:
        return Answer("not_sure", best, None, probability)
    if labels.species_ids[best] == NO_PLANT:
        return Answer("not_a_plant", best, None, probability)
    inside = [i for i, label in enumerate(labels.classes) if label.species_index == best]
    class_index = max(inside, key=lambda i: float(prediction.joint_probs[i]))
    joint = float(prediction.joint_probs[class_index])
    if joint < thresholds.condition or labels.classes[class_index].condition_id == UNKNOWN:
        return Answer("species", best, None, probability)
    return Answer("condition", best, class_index, joint)


def answer_json(
    prediction: Prediction,
    labels: Labels,
    thresholds: Thresholds,
    model: dict[str, str],
    top: int = DEFAULT_TOP,
) -> dict[str, Any]:
    """The answer with the `top` likeliest classes, as the server and the command line give it.

    `species` and `condition` are null unless they are the answer, so that a program which reads
    them without looking at `answer` never shows a guess; the guess is in `best_guess`.
    """
    answer = decide(prediction, labels, thresholds)
    name = labels.species_names[answer.best_species]
    named = answer.kind in ("species", "condition")
    return {
        "answer": answer.kind,
        "species": name if named else None,
        "condition": (
            None if answer.class_index is None else labels.classes[answer.class_index].condition
        ),
        "probability": answer.probability,
        "best_guess": name,
        "candidates": candidates(prediction, labels, top),
        "model": model,
    }


def candidates(prediction: Prediction, labels: Labels, top: int) -> list[dict[str, Any]]:
    """The likeliest classes, likeliest first; equal ones in class order."""
    order = np.argsort(-prediction.joint_probs, kind="stable")[:top]
    return [
        {
            "species": labels.classes[i].species,
            "species_id": labels.classes[i].species_id,
            "condition": labels.classes[i].condition,
            "condition_id": labels.classes[i].condition_id,
            "probability": float(prediction.joint_probs[i]),
        }
        for i in order
    ]
