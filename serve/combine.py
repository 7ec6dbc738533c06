"""Several pictures of one plant: one answer from all of them, with what each says alone.

In: the graph's `Prediction` of each picture. Out: the row of serve/answer.py, and for two pictures
or more also `pictures` and `combined`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from export.manifest import REJECTIONS
from serve.answer import (
    Answer,
    Prediction,
    Question,
    answer_json,
    judge,
    likeliest_species,
    node_json,
    possible_species,
)
from serve.labels import Labels, Thresholds


def answer_pictures(
    predictions: Sequence[Prediction],
    labels: Labels,
    thresholds: Thresholds,
    model: dict[str, str],
    question: Question,
) -> dict[str, Any]:
    """The answer to one picture, or to several that show one plant."""
    if len(predictions) == 1:
        return answer_json(predictions[0], labels, thresholds, model, question)
    alone = [judge(each, labels, thresholds, question) for each in predictions]
    counted = which_count([answer for _, answer in alone])
    row = answer_json(mean([predictions[i] for i in counted]), labels, thresholds, model, question)
    possible = possible_species(labels, question)
    row["pictures"] = [
        {
            "answer": node_json(answer, labels),
            "species": likeliest_species(given, labels, possible, 1),
        }
        for given, answer in alone
    ]
    row["combined"] = describe(len(counted), len(predictions))
    return row


def which_count(answers: Sequence[Answer]) -> list[int]:
    """Positions of the pictures that the answer is made of.

    A photograph of the ground says nothing about the plant in the next one: pictures that show no
    plant are left out where others do, and then those of an unknown one where others are known.
    """
    counted = list(range(len(answers)))
    for kind in REJECTIONS:
        counted = [i for i in counted if answers[i].kind != kind] or counted
    return counted


def mean(predictions: Sequence[Prediction]) -> Prediction:
    """The mean of every probability and score.

    Not their product, which would count what the pictures share, their light and their leaf, as
    often as there are pictures, and let one picture that is wrong overrule all others.
    """
    return Prediction(
        np.mean([each.species_probs for each in predictions], axis=0),
        np.mean([each.joint_probs for each in predictions], axis=0),
        np.mean([each.rejection for each in predictions], axis=0),
    )


def describe(num_counted: int, num_pictures: int) -> str:
    """How the answer was made, for `combined`."""
    if num_counted == num_pictures:
        return f"mean of the probabilities of {num_pictures} pictures"
    left_out = num_pictures - num_counted
    which = "one was" if left_out == 1 else f"{left_out} were"
    of = "the probabilities" if num_counted == 1 else "mean of the probabilities"
    return f"{of} of {num_counted} of {num_pictures} pictures; {which} turned away"
