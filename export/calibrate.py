"""From which probability on a bundle answers. In: predictions on val. Out: thresholds.

Every node of the label tree has one of its own, so that the answers given at it are right as often
as was asked for. Val has few pictures of a node (1 to 17 of a class, 652 in all, where this was
measured), so a node's accuracy is estimated together with that of its parent (partial pooling:
Gelman and Hill, "Data Analysis Using Regression and Multilevel/Hierarchical Models", 2007, chapter
12), and the root's with what the probabilities say of themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from catalog.taxonomy import UNKNOWN, LabelTree
from train.metrics import Predictions, no_plant_mask, species_hits

TARGET_ACCURACY = 0.95
"""Share of answers that shall be right at the rank at which they are given."""

WORD = 5
"""The calibrated probabilities count as so many answers of val: from p on, p of them are right. So
a val too small to show anything leaves the model at its word, and the threshold near the target."""

PARENT = 120
"""A node's parent counts as so many answers at the node."""

MARGIN = 0.5
"""Standard errors by which all answers of a rank must be better than the target. Without it a test
split is nearly as often below the target as above."""

LEVELS = 256
"""Thresholds that are tried among the probabilities of val, equally many answers apart; a bound on
memory, which is levels times classes."""

NEVER = 1.01
"""A threshold that no probability reaches: this node is not answered."""


@dataclass(frozen=True)
class Thresholds:
    """From which probability on each node is answered."""

    target: float
    """Share of the answers at a rank that shall be right."""

    species: np.ndarray
    """float64 (S,), in the tree's order, of p(species)."""

    condition: np.ndarray
    """float64 (C,), of p(species, condition). A class that is never answered (no plant's, unknown)
    has one too, which nobody asks for."""

    def to_json(self) -> dict[str, Any]:
        """`target`, `species`, `condition`, as the manifest has them."""
        return {
            "target": self.target,
            "species": self.species.tolist(),
            "condition": self.condition.tolist(),
        }


@dataclass(frozen=True)
class Best:
    """The likeliest species of each picture, and the likeliest condition of that species."""

    species: np.ndarray
    """int64 (N,)."""

    condition: np.ndarray
    """int64 (N,), a class."""

    species_probability: np.ndarray
    """float64 (N,)."""

    probability: np.ndarray
    """float64 (N,), of species and condition."""

    tells: np.ndarray
    """bool (N,): the class could be an answer, as it is a plant's and says something."""


def best_of(predictions: Predictions, tree: LabelTree) -> Best:
    """What a server would look at (serve/answer.py), for all pictures at once."""
    species = predictions.species.argmax(axis=1)
    inside = np.array(tree.class_species()) == species[:, None]
    condition = np.where(inside, predictions.joint, -np.inf).argmax(axis=1)
    labels = [tree.label(index)[1].condition_id for index in range(tree.num_classes)]
    says_nothing = np.array([label == UNKNOWN for label in labels])
    rows = np.arange(len(species))
    return Best(
        species,
        condition,
        np.exp(predictions.species[rows, species].astype(np.float64)),
        np.exp(predictions.joint[rows, condition].astype(np.float64)),
        ~no_plant_mask(condition, tree) & ~says_nothing[condition],
    )


def fit_thresholds(
    predictions: Predictions,
    tree: LabelTree,
    target: float = TARGET_ACCURACY,
    *,
    parent: float = PARENT,
    margin: float = MARGIN,
) -> Thresholds:
    """Thresholds for calibrated predictions of pictures that the rejection rule lets through.

    First for the conditions, by whether species and condition are right; then for the species, by
    the pictures that are left, which is what a species is answered for: with a threshold from all
    pictures, 81 % of the species answers were right where 95 % were asked for, as the sure ones
    have their condition answered. export/bench_thresholds.py compares ways and has the figures.
    """
    best = best_of(predictions, tree)
    tells = best.tells
    is_right = best.condition == predictions.class_index
    condition = node_thresholds(
        best.probability[tells],
        is_right[tells],
        [
            Rank(best.species[tells], np.zeros(tree.num_species, dtype=np.int64)),
            Rank(best.condition[tells], np.array(tree.class_species())),
        ],
        target,
        parent=parent,
        margin=margin,
    )
    rest = ~(tells & (best.probability >= condition[best.condition]))
    species = node_thresholds(
        best.species_probability[rest],
        species_hits(predictions, tree)[rest],
        [Rank(best.species[rest], np.zeros(tree.num_species, dtype=np.int64))],
        target,
        parent=parent,
        margin=margin,
    )
    return Thresholds(target, species, condition)


@dataclass(frozen=True)
class Rank:
    """One rank of the tree below the root."""

    node: np.ndarray
    """int64 (N,): at which node of this rank each answer is."""

    parent: np.ndarray
    """int64 (K,): for each node that of the rank above; zeros below the root."""


def node_thresholds(
    probability: np.ndarray,
    is_right: np.ndarray,
    ranks: Sequence[Rank],
    target: float,
    *,
    parent: float = PARENT,
    margin: float = MARGIN,
) -> np.ndarray:
    """float64 (K,): for each node of the last rank the least level that reaches `target`.

    `probability` float (N,) and `is_right` bool (N,) of the answers. At each level, accuracy is
    the share of right ones among the answers at least so probable: for all together, with WORD
    answers of which the level itself is the share, less `margin` standard errors; then rank by rank
    for each node, with `parent` answers as accurate as those of its parent. NEVER where no level
    reaches the target. N may be 0.
    """
    levels = _levels(probability, target)
    at = np.searchsorted(levels, probability, side="right") - 1
    answers, right = _at_least(at, is_right, np.zeros_like(at), 1, len(levels))
    accuracy = (right + WORD * levels) / (answers + WORD)
    accuracy = accuracy - margin * np.sqrt(accuracy * (1 - accuracy) / (answers + WORD))
    for rank in ranks:
        answers, right = _at_least(at, is_right, rank.node, len(rank.parent), len(levels))
        accuracy = (right + parent * accuracy[rank.parent]) / (answers + parent)
    reached = accuracy >= target
    return np.where(reached.any(axis=1), levels[reached.argmax(axis=1)], NEVER)


def _levels(probability: np.ndarray, target: float) -> np.ndarray:
    """float64 (L,), rising: the thresholds to try. The target is among them, so that where all
    answers are right, no more than that is asked for; so are some above it, for the model's word.
    """
    found = np.sort(probability)
    if len(found) > LEVELS:
        found = found[np.linspace(0, len(found) - 1, LEVELS).round().astype(np.int64)]
    above = target + (1 - target) * np.arange(20) / 20
    # Rounded down, so that the answer that gave a level reaches it.
    return np.unique(np.floor(np.concatenate([found, above]) * 1e4) / 1e4)


def _at_least(
    at: np.ndarray, is_right: np.ndarray, node: np.ndarray, num_nodes: int, num_levels: int
) -> tuple[np.ndarray, np.ndarray]:
    """Answers at or above each level, and right ones of them: float64 (num_nodes, num_levels).

    `at` int (N,) is the highest level that an answer reaches.
    """
    cell = node * num_levels + at
    size = num_nodes * num_levels
    counted = (np.bincount(cell, weights, size) for weights in (None, is_right))
    answers, right = (
        np.cumsum(one.reshape(num_nodes, num_levels)[:, ::-1], axis=1)[:, ::-1].astype(np.float64)
        for one in counted
    )
    return answers, right
