"""From probabilities to an answer: the deepest node of the label tree that is sure enough.

In: a `Prediction`, the labels and thresholds of a bundle. Out: plain dicts, as the server sends
them and the command line prints them; both call `answer_json`, so they cannot differ. Reads and
writes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.manifest import REJECTIONS
from serve.labels import NO_PLANT, UNKNOWN, Kind, Labels, Thresholds

DEFAULT_TOP = 5
MAX_TOP = 50
"""More candidates than this help nobody, and every answer would carry the whole tree."""


@dataclass(frozen=True)
class Prediction:
    """What the graph says about one picture, as probabilities in the tree's order."""

    species_probs: NDArray[np.float64]
    """(S,), adds up to one."""

    joint_probs: NDArray[np.float64]
    """(C,), p(species, condition); a species' block adds up to its probability."""

    rejection: NDArray[np.float64]
    """(2,), a score for each of REJECTIONS: no probability, but higher where rather so."""


@dataclass(frozen=True)
class Answer:
    """The node answered."""

    kind: Kind

    best_species: int
    """Index of the likeliest species, whether or not it is sure enough to be the answer."""

    class_index: int | None
    """The class answered; only for kind `condition`."""

    probability: float | None
    """Of the node answered; for `not_sure`, of the likeliest species. None where a score of the
    rejection rule decided, which is no probability."""


def decide(
    prediction: Prediction, labels: Labels, thresholds: Thresholds, *, reject: bool = True
) -> Answer:
    """Ask the rejection rule (unless `reject` is False); then answer the likeliest condition of the
    likeliest species, or that species, or nothing: whichever first reaches its own threshold.

    The condition comes first. Where it is sure enough its species is too, as the threshold is held
    against both being right; the species' threshold is for pictures whose condition is not. Of a
    picture whose likeliest species is NO_PLANT nothing says that it is a plant, so it is never
    answered as an unknown one.
    """
    best = int(np.argmax(prediction.species_probs))
    is_plant = labels.species_ids[best] != NO_PLANT
    rejects = prediction.rejection >= np.array(thresholds.rejection)
    for kind, rejected in zip(REJECTIONS, rejects, strict=True):
        if reject and rejected and (is_plant or kind == "not_a_plant"):
            return Answer(kind, best, None, None)
    probability = float(prediction.species_probs[best])
    inside = [i for i, label in enumerate(labels.classes) if label.species_index == best]
    class_index = max(inside, key=lambda i: float(prediction.joint_probs[i]))
    joint = float(prediction.joint_probs[class_index])
    says_something = is_plant and labels.classes[class_index].condition_id != UNKNOWN
    if says_something and joint >= thresholds.condition[class_index]:
        return Answer("condition", best, class_index, joint)
    if probability < thresholds.species[best]:
        return Answer("not_sure", best, None, probability)
    return Answer("species" if is_plant else "not_a_plant", best, None, probability)


def answer_json(
    prediction: Prediction,
    labels: Labels,
    thresholds: Thresholds,
    model: dict[str, str],
    top: int = DEFAULT_TOP,
    *,
    reject: bool = True,
) -> dict[str, Any]:
    """The answer with the `top` likeliest classes, as the server and the command line give it.

    `species` and `condition` are null unless they are the answer, so that a program which reads
    them without looking at `answer` never shows a guess; the guess is in `best_guess`.
    `probability` is null where the rejection rule answered. `rejection` has its scores, also where
    they decided nothing.
    """
    answer = decide(prediction, labels, thresholds, reject=reject)
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
        "rejection": dict(zip(REJECTIONS, map(float, prediction.rejection), strict=True)),
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
