"""What a bundle answers to many pictures, and how often that is right.

In: predictions, thresholds, what the rejection rule turned away. Out: Given. The same rule as
serve/answer.py, whose server needs neither torch nor this; tests/export/test_given.py holds one
against the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from catalog.taxonomy import NO_PLANT, LabelTree
from export.calibrate import Thresholds, best_of
from train.metrics import Predictions, no_plant_mask, species_hits

KINDS = ("condition", "species", "not_sure", "not_a_plant", "unknown_species")
"""Of answers; the same words as in serve/answer.py."""

CONDITION, SPECIES, NOT_SURE, NOT_A_PLANT, UNKNOWN_SPECIES = range(len(KINDS))


@dataclass(frozen=True)
class Given:
    """The answers to N pictures."""

    kind: np.ndarray
    """int64 (N,), positions in KINDS."""

    probability: np.ndarray
    """float64 (N,), of the node answered; NaN where the rejection rule answered. Of the likeliest
    species where the answer is not sure."""

    is_right: np.ndarray
    """bool (N,): right at the rank at which it was given; False where it names nothing."""

    @property
    def names(self) -> np.ndarray:
        """bool (N,): the answer names something, so that it is right or wrong. Not sure and unknown
        species do not: by pictures of known species the latter cannot be judged."""
        return np.isin(self.kind, (CONDITION, SPECIES, NOT_A_PLANT))

    @property
    def is_wrong(self) -> np.ndarray:
        """bool (N,): it names something, and that is not right."""
        return np.asarray(self.names & ~self.is_right)

    def subset(self, mask: np.ndarray) -> Given:
        """The pictures for which bool (N,) `mask` is true."""
        return Given(self.kind[mask], self.probability[mask], self.is_right[mask])


def give_answers(
    predictions: Predictions,
    tree: LabelTree,
    thresholds: Thresholds,
    rejected: np.ndarray | None = None,
) -> Given:
    """Answer every picture; `rejected` bool (N, 2) says which score of the rejection rule reached
    its threshold, in the order of export.reject.REJECTIONS; None: no rule."""
    best = best_of(predictions, tree)
    no_plant = np.array([one.species_id == NO_PLANT for one in tree.species])
    rejected = np.zeros((len(best.species), 2), dtype=bool) if rejected is None else rejected
    cases = [
        (rejected[:, 0], NOT_A_PLANT),
        (rejected[:, 1] & ~no_plant[best.species], UNKNOWN_SPECIES),
        (best.tells & (best.probability >= thresholds.condition[best.condition]), CONDITION),
        (best.species_probability < thresholds.species[best.species], NOT_SURE),
        (no_plant[best.species], NOT_A_PLANT),
    ]
    masks, kinds = zip(*cases, strict=True)
    kind = np.select(masks, kinds, SPECIES)
    truth = predictions.class_index
    right = {
        CONDITION: best.condition == truth,
        SPECIES: species_hits(predictions, tree),
        NOT_A_PLANT: no_plant_mask(truth, tree),
    }
    is_right = np.select([kind == one for one in right], list(right.values()), False)
    probability = np.where(kind == CONDITION, best.probability, best.species_probability)
    by_rule = rejected[:, 0] | (kind == UNKNOWN_SPECIES)
    return Given(kind, np.where(by_rule, np.nan, probability), is_right)


def describe_given(given: Given) -> dict[str, Any]:
    """For a report: `pictures`; of each kind its `share` of them and, where it names something, the
    share of them that is `right`; `answered`, the share that names something, and its `right`."""
    kinds: dict[str, dict[str, float]] = {}
    for number, name in enumerate(KINDS):
        of_kind = given.kind == number
        kinds[name] = {"share": float(of_kind.mean())}
        if (of_kind & given.names).any():
            kinds[name]["right"] = float(given.is_right[of_kind].mean())
    found: dict[str, Any] = {"pictures": len(given.kind), "kinds": kinds}
    found["answered"] = float(given.names.mean())
    if given.names.any():
        found["right"] = float(given.is_right[given.names].mean())
    return found
