"""How far a probability can be believed. In: predictions on val. Out: temperatures, thresholds."""

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

TEMPERATURES = np.geomspace(0.25, 4, 81)
"""Candidates; a network with label smoothing wants less than one, an overtrained one more."""


def fit_temperatures(predictions: Predictions, tree: LabelTree) -> tuple[float, float]:
    """Temperatures of species and condition logits that make val likeliest.

    Guo et al., "On Calibration of Modern Neural Networks" (2017), section 4.2, once for each rank.
    """
    class_species = np.array(tree.class_species())
    truth = class_species[predictions.class_index]
    same_block = class_species[None, :] == truth[:, None]
    block = np.where(same_block, predictions.condition, -np.inf)
    return (
        _best_temperature(predictions.species, truth),
        _best_temperature(block, predictions.class_index),
    )


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


def _best_temperature(log_probs: np.ndarray, truth: np.ndarray) -> float:
    losses = [_negative_log_likelihood(log_probs / t, truth) for t in TEMPERATURES]
    return float(TEMPERATURES[int(np.argmin(losses))])


def _negative_log_likelihood(logits: np.ndarray, truth: np.ndarray) -> float:
    largest = logits.max(axis=1)
    log_sum = largest + np.log(np.exp(logits - largest[:, None]).sum(axis=1))
    return float((log_sum - logits[np.arange(len(truth)), truth]).mean())
