"""The figures of pictures by where they come from and what they show.

In: a run's raw and calibrated predictions of a split. Out: plain dicts, for evaluation.json.
"""

from __future__ import annotations

import fnmatch
from typing import Any

import numpy as np

from catalog.taxonomy import LabelTree
from train.bootstrap import intervals
from train.calibration import reliability
from train.coverage import COVERAGES, coverage_curve
from train.judged import Judged
from train.metrics import Predictions, figures_of, marks, no_plant_mask, species_hits

LABORATORY = ("pv_*", "leaffliction", "cherry_ci", "plantvillage*")
"""Datasets of single leaves on a board, in any case. They are easy, so they never stand alone in a
report."""

SUMMARY_ROWS = ("all", "laboratory", "other")

Row = dict[str, Any]


def answers(predictions: Predictions, tree: LabelTree) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Of the likeliest `species` and the likeliest class, `joint`: probability float64 (N,), and
    whether it is right, bool (N,)."""
    joint = predictions.joint.argmax(axis=1)
    return {
        "species": (
            np.exp(predictions.species.max(axis=1).astype(np.float64)),
            species_hits(predictions, tree),
        ),
        "joint": (
            np.exp(predictions.joint.max(axis=1).astype(np.float64)),
            joint == predictions.class_index,
        ),
    }


def summary(
    raw: Judged, calibrated: Judged, tree: LabelTree, laboratory: tuple[str, ...]
) -> dict[str, Row]:
    """Rows `all` and, if there are both, `laboratory` and `other` datasets: figures, intervals,
    calibration error before and after, and points of the coverage curve."""
    return {
        name: {
            **_figures(raw, tree, mask),
            **_calibration(raw, calibrated, tree, mask),
            "coverage": _coverage(calibrated, tree, mask),
        }
        for name, mask in kind_masks(raw.pictures.datasets, laboratory).items()
    }


def kind_masks(datasets: np.ndarray, laboratory: tuple[str, ...]) -> dict[str, np.ndarray]:
    """SUMMARY_ROWS -> bool (N,); only `all` where one of the two kinds is missing."""
    easy = np.array([is_laboratory(name, laboratory) for name in datasets.tolist()], dtype=bool)
    masks = {"all": np.ones(len(datasets), dtype=bool)}
    if easy.any() and not easy.all():
        masks |= {"laboratory": easy, "other": ~easy}
    return masks


def by_dataset(judged: Judged, tree: LabelTree) -> dict[str, Row]:
    """Figures and intervals of each dataset, by name."""
    datasets = judged.pictures.datasets
    return {
        name: _figures(judged, tree, datasets == name) for name in sorted(set(datasets.tolist()))
    }


def by_species(judged: Judged, tree: LabelTree, laboratory: tuple[str, ...]) -> dict[str, Row]:
    """For each species with pictures: figures of SPECIES_ROW, also by kind of dataset."""
    said = judged.predictions
    true, answer = np.array(tree.class_species())[said.class_index], said.species.argmax(axis=1)
    names = [one.species_id for one in tree.species]
    rows = _per_class(true, answer, names, judged, laboratory)
    found = marks(said, tree).shares
    for index, name in enumerate(names):
        for figure in ("condition_top1", "condition_top3", "joint_top1"):
            mark = found[figure][true == index]
            if np.isfinite(mark).any():
                rows[name][figure] = float(np.nanmean(mark))
    return rows


def by_condition(judged: Judged, tree: LabelTree, laboratory: tuple[str, ...]) -> dict[str, Row]:
    """For each class with pictures, named `species/condition`: how its pictures are answered."""
    said = judged.predictions
    labels = [tree.label(index) for index in range(tree.num_classes)]
    names = [f"{species.species_id}/{condition.condition_id}" for species, condition in labels]
    return _per_class(said.class_index, said.joint.argmax(axis=1), names, judged, laboratory)


def is_laboratory(dataset: str, patterns: tuple[str, ...]) -> bool:
    """Whether the name fits one of the shell-style patterns; case does not count."""
    return any(fnmatch.fnmatchcase(dataset.lower(), pattern.lower()) for pattern in patterns)


def _per_class(
    true: np.ndarray,
    answer: np.ndarray,
    names: list[str],
    judged: Judged,
    laboratory: tuple[str, ...],
) -> dict[str, Row]:
    """Name -> pictures, recall, precision, f1, and recall in laboratory and other datasets."""
    kinds = kind_masks(judged.pictures.datasets, laboratory)
    rows: dict[str, Row] = {}
    for index in np.unique(true).tolist():
        own, said = true == index, answer == index
        hits = int((own & said).sum())
        row: Row = {
            "pictures": int(own.sum()),
            "recall": hits / int(own.sum()),
            "precision": hits / int(said.sum()) if said.any() else None,
            "f1": 2 * hits / int(own.sum() + said.sum()),
        }
        for kind, mask in kinds.items():
            if kind != "all" and (own & mask).any():
                row[f"{kind}_pictures"] = int((own & mask).sum())
                row[f"{kind}_recall"] = float(said[own & mask].mean())
        rows[names[index]] = row
    return rows


def _figures(judged: Judged, tree: LabelTree, mask: np.ndarray) -> Row:
    found = marks(judged.predictions.subset(mask), tree)
    return {**figures_of(found), "intervals": intervals(found, judged.pictures.groups[mask])}


def _calibration(raw: Judged, calibrated: Judged, tree: LabelTree, mask: np.ndarray) -> Row:
    """`species_ece`, `joint_ece`, and the same with `_scaled`; over plants.

    Without intervals: resampled pictures look less calibrated than the pictures are, so that the
    percentiles need not even hold the value (1.9 %, and 2.1 to 4.6, on 493 pictures).
    """
    mask = mask & ~no_plant_mask(raw.predictions.class_index, tree)
    if not mask.any():
        return {}
    return {
        f"{rank}_{ending}": reliability(*found).error
        for judged, ending in ((raw, "ece"), (calibrated, "ece_scaled"))
        for rank, found in answers(judged.predictions.subset(mask), tree).items()
    }


def _coverage(calibrated: Judged, tree: LabelTree, mask: np.ndarray) -> dict[str, list[Row]]:
    """Rank -> points at COVERAGES, of answers with calibrated probabilities; over plants."""
    mask = mask & ~no_plant_mask(calibrated.predictions.class_index, tree)
    if not mask.any():
        return {}
    return {
        rank: [{"asked": share, **coverage_curve(*found).at(share)} for share in COVERAGES]
        for rank, found in answers(calibrated.predictions.subset(mask), tree).items()
    }
