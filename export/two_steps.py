"""Whole pictures, or the most certain leaf of each? In: a classifier with a finder, Material. Out:
the classifier to release, and what the second step changes.

A run is released as it has learnt, if the other way is not better beyond chance on val.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from export.material import Material, Sample
from leaflake import UsageError
from train.classifier import Classifier
from train.finder_file import read_finder
from train.leaf_preprocess import LeafPreprocess, crop_first, see_whole
from train.predict import predict_pictures
from train.run_folder import Run
from train.two_step import WHOLE, Ways, compare_ways

Choice = Literal["better", "yes", "no"]
CHOICES: tuple[Choice, ...] = get_args(Choice)
"""Whether the graphs crop: yes, no, or if that is better."""

LEAF = "most certain leaf"

JUDGED = ("species_top1", "joint_top1")
"""What decides."""


@dataclass(frozen=True)
class TwoSteps:
    """What came of it."""

    classifier: Classifier
    """The one to release."""

    record: dict[str, Any] | None
    """The manifest's figures `two_step`: `finder` (the first digits of its hash), `learnt_from` and
    `released`, each WHOLE or LEAF, the `choice` that was asked for, and for `val` and `test` what
    train.two_step.compare_ways gives. None without a finder."""


def with_finder(
    run: Run, classifier: Classifier, finder: Path | None, choice: Choice
) -> Classifier:
    """The run's classifier, cropping if the run or the command line names a leaf finder.

    Raises UsageError if both do, `finder` is none, or `choice` asks for one that is missing.
    """
    own = isinstance(classifier.preprocess, LeafPreprocess)
    if own and finder is not None:
        raise UsageError(
            f"{run.path}: was trained with a leaf finder of its own, {run.path / 'finder'}, so "
            "that another one cannot be taken. Leave out --finder. Nothing was written."
        )
    if choice == "yes" and not own and finder is None:
        raise UsageError(
            f"--two-step yes: {run.path} was trained on whole pictures, and no leaf finder is "
            "named. Name one that `just train leaf-finder` made with --finder. Nothing was written."
        )
    return classifier if finder is None else crop_first(classifier, read_finder(finder))


def choose_steps(
    classifier: Classifier, material: Material, choice: Choice, learnt_from: str
) -> TwoSteps:
    """Ask about val and test in both ways, and take the better by val; or the one that `choice`
    names. Without a finder there is nothing to ask."""
    leaf = classifier.preprocess
    if not isinstance(leaf, LeafPreprocess):
        return TwoSteps(classifier, None)
    ways = {WHOLE: see_whole(classifier), LEAF: classifier}
    rows = {
        split: _compare(ways, sample, material, split)
        for split, sample in (("val", material.val), ("test", material.test))
    }
    released = {"yes": LEAF, "no": WHOLE, "better": better(rows["val"], learnt_from)}[choice]
    record = {
        "finder": leaf.digest,
        "learnt_from": learnt_from,
        "released": released,
        "choice": choice,
        **rows,
    }
    return TwoSteps(ways[released], record)


def better(rows: Ways, learnt_from: str) -> str:
    """The other way than `learnt_from` if, beyond chance, it has more of JUDGED right outside the
    laboratory, and less of it neither there nor in it."""
    kinds = [rows[kind][LEAF] for kind in ("other", "laboratory") if kind in rows]
    spans = [
        [_gain(kind[figure], learnt_from) for figure in JUDGED if figure in kind]
        for kind in kinds or [rows["all"][LEAF]]  # where all are of one kind
    ]
    gains = any(low > 0 for low, _ in spans[0])
    loses = any(high < 0 for kind in spans for _, high in kind)
    other = LEAF if learnt_from == WHOLE else WHOLE
    return other if gains and not loses else learnt_from


def _gain(row: dict[str, float], learnt_from: str) -> tuple[float, float]:
    """What the other way gains, 95 % interval."""
    low, high = row["low"], row["high"]
    return (low, high) if learnt_from == WHOLE else (-high, -low)


def _compare(ways: dict[str, Classifier], sample: Sample, material: Material, split: str) -> Ways:
    said = {
        name: predict_pictures(model, sample.encoded, sample.class_index, f"{split}, {name}")
        for name, model in ways.items()
    }
    return compare_ways(said, sample.datasets, sample.groups, material.tree)
