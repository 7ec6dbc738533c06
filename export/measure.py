"""The figures of a bundle on test, for its manifest and report. In: what was said. Out: dicts.

Plain JSON: no numpy, no NaN.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from catalog.taxonomy import LabelTree
from export.given import Given, describe_given
from export.manifest import REJECTIONS
from export.material import Sample
from export.said import Said
from train.bootstrap import intervals
from train.breakdown import LABORATORY, answers, kind_masks
from train.calibration import reliability
from train.metrics import Predictions, figures_of, marks, no_plant_mask

ACCURACIES = ("species_top1", "joint_top1", "condition_top1", "condition_top3")
"""What the report shows of train.metrics' figures."""

FEWEST = 5
"""Pictures of a species or a confusion below which nothing is said of it."""

WORST = 12
"""Rows of a list of failures."""


def as_predictions(said: Said, class_index: np.ndarray, tree: LabelTree) -> Predictions:
    """The same with the conditions' own probabilities and the truth."""
    condition = said.joint - said.species[:, list(tree.class_species())]
    return Predictions(said.species, condition, said.joint, class_index)


def accuracy(said: Said, sample: Sample, tree: LabelTree) -> dict[str, dict[str, Any]]:
    """Rows `all` and, if there are both, `laboratory` and `other`: pictures, ACCURACIES, each with
    its 95 % interval in `intervals`, by groups."""
    predictions = as_predictions(said, sample.class_index, tree)
    rows: dict[str, dict[str, Any]] = {}
    for kind, mask in kind_masks(sample.datasets, LABORATORY).items():
        found = marks(predictions.subset(mask), tree)
        figures, spans = figures_of(found), intervals(found, sample.groups[mask])
        names = [name for name in (*ACCURACIES, "no_plant_recognised") if name in figures]
        rows[kind] = {
            "pictures": figures["pictures"],
            "no_plant_pictures": figures.get("no_plant_pictures", 0),
            **{name: figures[name] for name in names},
            "intervals": {name: list(spans[name]) for name in names if name in spans},
        }
    return rows


def calibration(said: Said, sample: Sample, tree: LabelTree) -> dict[str, dict[str, Any]]:
    """Of `species` and `joint` over plants: `pictures`, `confidence`, `accuracy` of each bin, and
    `error`, the expected calibration error."""
    predictions = as_predictions(said, sample.class_index, tree)
    plants = ~no_plant_mask(sample.class_index, tree)
    if not plants.any():
        return {}
    found = {}
    for rank, (probability, right) in answers(predictions.subset(plants), tree).items():
        bins = reliability(probability, right)
        found[rank] = {
            "pictures": bins.pictures.astype(int).tolist(),
            "confidence": bins.confidence.tolist(),
            "accuracy": bins.accuracy.tolist(),
            "error": bins.error,
        }
    return found


def given_by_kind(given: Given, sample: Sample) -> dict[str, dict[str, Any]]:
    """Rows `all`, `laboratory`, `other`: what is answered, and how much of it is right."""
    masks = kind_masks(sample.datasets, LABORATORY)
    return {kind: describe_given(given.subset(mask)) for kind, mask in masks.items()}


def rejected_plants(
    rejected: np.ndarray, sample: Sample, tree: LabelTree
) -> dict[str, dict[str, Any]]:
    """For `all`, `laboratory` and `other`: plants of test, and the share of them that each score
    wrongly rejects. `rejected` bool (N, 2)."""
    plants = ~no_plant_mask(sample.class_index, tree)
    return {
        kind: {
            "plants": int((mask & plants).sum()),
            **{name: float(rejected[mask & plants, i].mean()) for i, name in enumerate(REJECTIONS)},
        }
        for kind, mask in kind_masks(sample.datasets, LABORATORY).items()
        if (mask & plants).any()
    }


def failures(said: Said, sample: Sample, tree: LabelTree) -> dict[str, list[dict[str, Any]]]:
    """What is known to go wrong: `species`, those found least often, and `confusions`, the pairs of
    classes that are taken for one another most often."""
    truth, answer = sample.class_index, said.joint.argmax(axis=1)
    species_of = np.array(tree.class_species())
    right = said.species.argmax(axis=1) == species_of[truth]
    names = [one.name for one in tree.species]
    rows = []
    for index in np.unique(species_of[truth]).tolist():
        own = species_of[truth] == index
        if own.sum() >= FEWEST:
            recall = float(right[own].mean())
            rows.append({"species": names[index], "pictures": int(own.sum()), "found": recall})
    rows = sorted((row for row in rows if row["found"] < 1), key=lambda row: row["found"])
    wrong = truth != answer
    pairs = Counter(zip(truth[wrong].tolist(), answer[wrong].tolist(), strict=True))
    of_class = Counter(truth.tolist())
    common = sorted(pairs.items(), key=lambda item: (-item[1], item[0]))[:WORST]
    confusions = [
        {
            "true": class_name(tree, true),
            "answered": class_name(tree, said_class),
            "pictures": count,
            "of": of_class[true],
        }
        for (true, said_class), count in common
        if count > 1
    ]
    return {"species": rows[:WORST], "confusions": confusions}


def class_name(tree: LabelTree, class_index: int) -> str:
    """For people: `Grape: Black rot`."""
    species, condition = tree.label(class_index)
    return f"{species.name}: {condition.name}"
