"""What the browser said against what torch said: figures, bounds, and what is beyond them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from catalog.taxonomy import LabelTree
from export.tfjs import MAX_BYTES
from export.tfjs_weights import BYTES, Kind, stored_values
from leaflake import UsageError
from train.metrics import Predictions, figures

MAX_DROP = 0.005
"""Share of pictures whose species, or whose species and condition, the browser may lose."""

MAX_DIFFERENCE = 1e-3
"""Of probability, between TF.js and ONNX Runtime with the same weights: what the order of sums may
do. A wrong padding or layout does a hundred times as much."""

MAX_LEVELS = 1.0
"""Between the page's decoding and resize and the run's, of 255."""


@dataclass(frozen=True)
class Compared:
    """One runtime against torch on the same pictures."""

    species_top1: float
    joint_top1: float
    largest_difference: float
    """Of any joint probability."""

    changed: float
    """Share of pictures with another likeliest class."""


def compare(said: Predictions, torch_says: Predictions, tree: LabelTree) -> Compared:
    """Accuracies of `said`, and how it differs from torch."""
    found = figures(said, tree)
    return Compared(
        species_top1=float(found["species_top1"]),
        joint_top1=float(found["joint_top1"]),
        largest_difference=largest_difference(said.joint, torch_says.joint),
        changed=float((said.joint.argmax(axis=1) != torch_says.joint.argmax(axis=1)).mean()),
    )


def largest_difference(one: np.ndarray, other: np.ndarray) -> float:
    """Of the probabilities behind two arrays of log-probabilities."""
    return float(np.abs(np.exp(one) - np.exp(other)).max())


def as_predictions(answers: np.ndarray, class_index: np.ndarray, tree: LabelTree) -> Predictions:
    """From species and joint log-probabilities side by side, (N, S + C); no more is read."""
    species = answers[:, : tree.num_species]
    joint = answers[:, tree.num_species : tree.num_species + tree.num_classes]
    condition = joint - species[:, list(tree.class_species())]
    return Predictions(species, condition, joint, class_index)


def stored_kinds(
    exact: Mapping[str, np.ndarray], stored: Mapping[str, np.ndarray]
) -> dict[str, Kind]:
    """How each weight of the core is stored in the TF.js model, found out by its values.

    Raises UsageError for a weight of which the model has no version.
    """
    ordered = [np.sort(values, axis=None) for values in stored.values()]
    kinds: dict[str, Kind] = {}
    for name, values in exact.items():
        for kind in BYTES:
            left = np.sort(stored_values(values, kind), axis=None)
            if any(np.array_equal(left, one) for one in ordered):
                kinds[name] = kind
                break
        else:
            raise UsageError(
                f"{name}: the TF.js model has no such weight, in any number of bytes: it is "
                "another run's, or was changed. Export it anew."
            )
    return kinds


def faults(
    compared: Mapping[str, Compared], same_weights: float, levels: float, total: int
) -> list[str]:
    """What is beyond the bounds, in words; nothing if all is well."""
    found = []
    for figure in ("species_top1", "joint_top1"):
        drop = getattr(compared["torch"], figure) - getattr(compared["tfjs"], figure)
        if drop > MAX_DROP:
            found.append(f"TF.js loses {100 * drop:.2f} points of {figure}")
    if same_weights > MAX_DIFFERENCE:
        found.append(f"TF.js differs by {same_weights:.2g} from ONNX Runtime with its weights")
    if levels > MAX_LEVELS:
        found.append(f"the page's decoding and resize differ by {levels:.2g} levels")
    if total > MAX_BYTES:
        found.append(f"the files have {total:,} bytes, more than {MAX_BYTES:,}")
    return found
