"""From which probability on a bundle answers. In: predictions on val. Out: thresholds."""

from __future__ import annotations

import numpy as np

from catalog.taxonomy import UNKNOWN, LabelTree
from train.metrics import Predictions, no_plant_mask, species_hits

TARGET_ACCURACY = 0.95
"""Share of answers that shall be right at the rank at which they are given."""

MIN_ANSWERS = 20
"""Fewer answers than this say nothing about their accuracy."""

NEVER = 1.01
"""A threshold that no probability reaches: this rank is not answered."""


def answer_threshold(probability: np.ndarray, is_right: np.ndarray) -> float:
    """The least probability from which on answers are right in TARGET_ACCURACY of cases.

    `probability` float (N,) of each best guess, calibrated; `is_right` bool (N,). Where N is less
    than MIN_ANSWERS, val shows nothing and the model is taken at its word: TARGET_ACCURACY. Where
    even all N are right often enough, val does not show where that ends: the least probability
    seen, and at most TARGET_ACCURACY. NEVER if no MIN_ANSWERS or more are right often enough.
    """
    if len(probability) < MIN_ANSWERS:
        return TARGET_ACCURACY
    order = np.argsort(-probability, kind="stable")
    falling = probability[order]
    answers = np.arange(1, len(order) + 1)
    is_cut = np.append(falling[1:] < falling[:-1], True)  # equal ones are answered together
    accurate = np.cumsum(is_right[order]) / answers >= TARGET_ACCURACY
    passing = np.flatnonzero(accurate & is_cut & (answers >= MIN_ANSWERS))
    if not len(passing):
        return NEVER
    threshold = float(falling[passing[-1]])
    return min(threshold, TARGET_ACCURACY) if accurate[-1] else threshold


def fit_thresholds(predictions: Predictions, tree: LabelTree) -> dict[str, float]:
    """Thresholds of p(species) and p(species, condition), from calibrated predictions.

    Where a condition is answered its species is answered too, so the species' threshold is never
    the higher one.
    """
    most_likely = np.exp(predictions.species.max(axis=1))
    species = answer_threshold(most_likely, species_hits(predictions, tree))
    condition = answer_threshold(*_condition_answers(predictions, tree))
    return {"species": min(species, condition), "condition": condition}


def _condition_answers(predictions: Predictions, tree: LabelTree) -> tuple[np.ndarray, np.ndarray]:
    """p(species, condition) of the answers, and whether both are right, as a server decides
    (serve/answer.py): the best condition of the best species, where that is a plant and the
    condition says something."""
    in_block = np.array(tree.class_species()) == predictions.species.argmax(axis=1)[:, None]
    best = np.where(in_block, predictions.joint, -np.inf).argmax(axis=1)
    is_unknown = np.array(
        [tree.label(i)[1].condition_id == UNKNOWN for i in range(tree.num_classes)]
    )
    given = ~no_plant_mask(best, tree) & ~is_unknown[best]
    probability = np.exp(predictions.joint[np.arange(len(best)), best])
    return probability[given], (best == predictions.class_index)[given]
