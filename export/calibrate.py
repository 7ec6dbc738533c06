"""How far a probability can be believed. In: predictions on val. Out: temperatures, thresholds."""

from __future__ import annotations

import numpy as np

from catalog.taxonomy import LabelTree
from train.metrics import Predictions

TARGET_ACCURACY = 0.95
"""Share of answers that shall be right at the rank at which they are given."""

MIN_ANSWERS = 20
"""Fewer answers than this say nothing about their accuracy."""

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

    `probability` float (N,) of each best guess, calibrated; `is_right` bool (N,). At most
    TARGET_ACCURACY itself: a calibrated model keeps that promise by its own word, also where val
    is too small, or too easy, to show it.
    """
    order = np.argsort(-probability, kind="stable")
    accuracy = np.cumsum(is_right[order]) / np.arange(1, len(order) + 1)
    enough = np.flatnonzero((accuracy >= TARGET_ACCURACY) & (np.arange(len(order)) >= MIN_ANSWERS))
    shown = float(probability[order[enough[-1]]]) if len(enough) else TARGET_ACCURACY
    return min(shown, TARGET_ACCURACY)


def fit_thresholds(predictions: Predictions, tree: LabelTree) -> dict[str, float]:
    """Thresholds of p(species) and p(species, condition), from calibrated predictions.

    Where a condition is answered its species is answered too, so the species' threshold is never
    the higher one.
    """
    truth = np.array(tree.class_species())[predictions.class_index]
    species_right = predictions.species.argmax(axis=1) == truth
    joint_right = predictions.joint.argmax(axis=1) == predictions.class_index
    species = answer_threshold(np.exp(predictions.species.max(axis=1)), species_right)
    condition = answer_threshold(np.exp(predictions.joint.max(axis=1)), joint_right)
    return {"species": min(species, condition), "condition": condition}


def _best_temperature(log_probs: np.ndarray, truth: np.ndarray) -> float:
    losses = [_negative_log_likelihood(log_probs / t, truth) for t in TEMPERATURES]
    return float(TEMPERATURES[int(np.argmin(losses))])


def _negative_log_likelihood(logits: np.ndarray, truth: np.ndarray) -> float:
    largest = logits.max(axis=1)
    log_sum = largest + np.log(np.exp(logits - largest[:, None]).sum(axis=1))
    return float((log_sum - logits[np.arange(len(truth)), truth]).mean())
