"""From probabilities to an answer: the deepest node of the label tree that is sure enough.

In: a `Prediction`, a `Question`, the labels and thresholds of a bundle. Out: plain dicts, as the
server sends them and the command line prints them; both call `answer_json`, so they cannot differ.
Reads and writes nothing. Several pictures of one plant: serve/combine.py.
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
class Question:
    """How to answer a picture."""

    top: int = DEFAULT_TOP
    """How many species and how many conditions to list, 1 to MAX_TOP."""

    reject: bool = True
    """Whether to ask the rejection rule."""

    species: frozenset[str] | None = None
    """Ids of the species that it can only be, as whoever asks knows; None: any. That it is no plant
    at all stays possible."""


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


def possible_species(labels: Labels, question: Question) -> NDArray[np.bool_]:
    """bool (S,): what the answer may name."""
    if question.species is None:
        return np.ones(len(labels.species_ids), bool)
    return np.array([each in question.species or each == NO_PLANT for each in labels.species_ids])


def given_species(
    prediction: Prediction, labels: Labels, possible: NDArray[np.bool_]
) -> Prediction:
    """The probabilities given that it is one of the `possible` species; the others' are zero."""
    species = prediction.species_probs * possible
    if not species.any():  # all others were certain: nothing says which of these it is
        species = possible / 1.0
    of_class = possible[[label.species_index for label in labels.classes]]
    share = species.sum()
    # A block may add up to more than its species by the last digit of a float32.
    joint = np.minimum(prediction.joint_probs * of_class / share, 1)
    return Prediction(species / share, joint, prediction.rejection)


def judge(
    prediction: Prediction, labels: Labels, thresholds: Thresholds, question: Question
) -> tuple[Prediction, Answer]:
    """`decide` for a question: the probabilities under it, and the answer.

    Where the model is sure of a species that was ruled out, what is left would be sure of anything:
    that is a plant of none of the species asked about, so it is answered as an unknown one. That is
    a part of the rejection rule, and left out with it.
    """
    if question.species is None:
        return prediction, decide(prediction, labels, thresholds, reject=question.reject)
    possible = possible_species(labels, question)
    given = given_species(prediction, labels, possible)
    answer = decide(given, labels, thresholds, reject=question.reject)
    best = int(np.argmax(prediction.species_probs))
    sure = prediction.species_probs[best] >= thresholds.species[best]
    if question.reject and answer.probability is not None and sure and not possible[best]:
        answer = Answer("unknown_species", answer.best_species, None, None)
    return given, answer


def answer_json(
    prediction: Prediction,
    labels: Labels,
    thresholds: Thresholds,
    model: dict[str, str],
    question: Question,
) -> dict[str, Any]:
    """The answer and the likeliest species and conditions, as server and command line give it.

    `rejection` has the scores of the rejection rule, also where they decided nothing; `of_plants`
    says in which words people are told the answer.
    """
    given, answer = judge(prediction, labels, thresholds, question)
    possible = possible_species(labels, question)
    return {
        "answer": node_json(answer, labels),
        "species": likeliest_species(given, labels, possible, question.top),
        "conditions": likeliest_conditions(given, labels, possible, question.top),
        "rejection": dict(zip(REJECTIONS, map(float, prediction.rejection), strict=True)),
        "of_plants": labels.of_plants,
        "model": model,
    }


def node_json(answer: Answer, labels: Labels) -> dict[str, Any]:
    """The node answered. Species and condition are null unless they are the answer, so that a
    program which reads them without looking at `rank` never shows a guess."""
    named = answer.kind in ("species", "condition")
    label = None if answer.class_index is None else labels.classes[answer.class_index]
    return {
        "rank": answer.kind,
        "species_id": labels.species_ids[answer.best_species] if named else None,
        "species": labels.species_names[answer.best_species] if named else None,
        "condition_id": label.condition_id if label else None,
        "condition": label.condition if label else None,
        "probability": answer.probability,
    }


def likeliest_species(
    given: Prediction, labels: Labels, possible: NDArray[np.bool_], top: int
) -> list[dict[str, Any]]:
    """The likeliest of the `possible` species, likeliest first; equal ones in the tree's order."""
    order = np.argsort(-given.species_probs, kind="stable")
    return [
        {
            "species_id": labels.species_ids[i],
            "species": labels.species_names[i],
            "scientific": labels.scientific_names[i],
            "probability": float(given.species_probs[i]),
        }
        for i in order[possible[order]][:top]
    ]


def likeliest_conditions(
    given: Prediction, labels: Labels, possible: NDArray[np.bool_], top: int
) -> list[dict[str, Any]]:
    """The likeliest classes of the `possible` species by p(species, condition), as above."""
    order = np.argsort(-given.joint_probs, kind="stable")
    allowed = [i for i in order if possible[labels.classes[i].species_index]]
    return [
        {
            "species_id": labels.classes[i].species_id,
            "species": labels.classes[i].species,
            "condition_id": labels.classes[i].condition_id,
            "condition": labels.classes[i].condition,
            "probability": float(given.joint_probs[i]),
        }
        for i in allowed[:top]
    ]
