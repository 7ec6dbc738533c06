"""Is every file of a bundle good enough to be released? In: what each said. Out: figures, or
BeyondBoundsError.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from catalog.taxonomy import LabelTree
from export.material import Material
from export.measure import as_predictions
from export.parity import (
    BOUNDS,
    BROWSER,
    FP32,
    GOLDEN,
    INT8,
    BeyondBoundsError,
    compare,
    faults,
)
from export.release import Release
from export.said import Said
from train.metrics import marks

MAX_DROP = {
    FP32: {"species_top1": 0.0, "joint_top1": 0.0},
    INT8: {"species_top1": 0.005, "joint_top1": 0.01},
    BROWSER: {"species_top1": 0.005, "joint_top1": 0.01},
}
"""Share of test pictures whose species, and whose species and condition, a file may lose against
PyTorch, net. Of both together twice as much, since that counts the species that are lost and as
many conditions again."""

LEAST = 2
"""Pictures that may always be lost: so few are chance, and of 90 half a point is not even one."""

WORDS = {"species_top1": "species", "joint_top1": "species and condition together"}


@dataclass(frozen=True)
class Asked:
    """What one file said; the browser's model is asked about some of val and test alone."""

    val: Said
    test: Said
    golden: Said

    val_rows: np.ndarray
    """int64, the positions of its pictures in val."""

    test_rows: np.ndarray


@dataclass(frozen=True)
class Reference:
    """What PyTorch says of all that a file sees: leaves, or whole pictures."""

    test: Said
    """Of all of test."""

    golden: Said


def hold(
    asked: Mapping[str, Asked],
    references: Mapping[str, Reference],
    material: Material,
    made: Release,
) -> tuple[dict[str, Any], list[str]]:
    """For each file its figures, and everything that is beyond the bounds, in words.

    The figures: parity with PyTorch on `golden` and on `test`, the accuracies `species_top1` and
    `joint_top1` on its test pictures, and in `torch` those of PyTorch on the same.
    """
    tree, thresholds = material.tree, made.rejection_thresholds
    figures: dict[str, Any] = {}
    found: list[str] = []
    for name, one in asked.items():
        golden = compare(one.golden, references[name].golden, thresholds)
        reference = references[name].test.rows(one.test_rows)
        test = compare(one.test, reference, thresholds)
        truth = material.test.class_index[one.test_rows]
        own, torch_own = (_hits(said, truth, tree) for said in (one.test, reference))
        figures[name] = {
            "golden": golden.to_json(),
            "test": test.to_json(),
            **{figure: float(hits.mean()) for figure, hits in own.items()},
            "torch": {figure: float(hits.mean()) for figure, hits in torch_own.items()},
        }
        found += faults(name, golden, GOLDEN[name]) + faults(name, test, BOUNDS[name])
        found += lost(name, own, torch_own)
    return figures, found


def refuse_faults(found: Sequence[str]) -> None:
    """Raise BeyondBoundsError if there is any."""
    if found:
        raise BeyondBoundsError("; ".join(found) + ". So there is no bundle. Nothing was written.")


def lost(
    name: str, own: Mapping[str, np.ndarray], reference: Mapping[str, np.ndarray]
) -> list[str]:
    """What the file loses beyond MAX_DROP; bool (N,) of each figure, right or not."""
    found = []
    for figure, most in MAX_DROP[name].items():
        count = int(reference[figure].sum()) - int(own[figure].sum())
        pictures = len(own[figure])
        if count > max(LEAST, most * pictures):
            found.append(
                f"{name}: loses {count} of {pictures} test pictures in {WORDS[figure]} "
                f"({count / pictures:.2%}); at most {most:.1%} is allowed"
            )
    return found


def slower(latency: Mapping[str, Mapping[str, float]]) -> list[str]:
    """In words, if INT8 is slower than float32."""
    int8, fp32 = latency[INT8]["median"], latency[FP32]["median"]
    if int8 <= fp32:
        return []
    return [f"{INT8}: takes {int8:.1f} ms an answer, {FP32} only {fp32:.1f} ms"]


def _hits(said: Said, truth: np.ndarray, tree: LabelTree) -> dict[str, np.ndarray]:
    """Over plants, bool each."""
    found = marks(as_predictions(said, truth, tree), tree).shares
    return {
        figure: found[figure][np.isfinite(found[figure])] == 1
        for figure in ("species_top1", "joint_top1")
    }
