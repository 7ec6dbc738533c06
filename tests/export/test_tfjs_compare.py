import numpy as np
import pytest

from catalog.taxonomy import LabelTree
from export.tfjs_compare import Compared, as_predictions, compare, faults, stored_kinds
from export.tfjs_weights import stored_values
from leaflake import UsageError

TREE = LabelTree.from_pairs([("apple", "rust"), ("apple", "scab"), ("corn", "rust")])
TRUTH = np.array([0, 2])

GOOD = Compared(species_top1=0.9, joint_top1=0.8, largest_difference=0.1, changed=0.02)


def answers(*joint: list[float]) -> np.ndarray:
    """Species and joint log-probabilities side by side, from joint probabilities."""
    p = np.array(joint)
    return np.log(np.concatenate([p[:, :2].sum(axis=1, keepdims=True), p[:, 2:], p], axis=1))


def test_a_runtime_is_compared_by_accuracy_difference_and_changed_answers():
    torch_says = as_predictions(answers([0.6, 0.3, 0.1], [0.2, 0.1, 0.7]), TRUTH, TREE)
    said = as_predictions(answers([0.4, 0.5, 0.1], [0.2, 0.15, 0.65]), TRUTH, TREE)
    found = compare(said, torch_says, TREE)
    assert (found.species_top1, found.joint_top1, found.changed) == (1.0, 0.5, 0.5)
    assert found.largest_difference == pytest.approx(0.2)
    assert np.allclose(np.exp(said.condition[0]), [0.4 / 0.9, 0.5 / 0.9, 1.0])


def test_within_all_bounds_there_is_no_fault():
    lost = Compared(species_top1=0.896, joint_top1=0.796, largest_difference=0.9, changed=0.5)
    assert faults({"torch": GOOD, "tfjs": lost}, 1e-3, 1.0, 4_500_000) == []


def test_every_bound_is_told_by_its_number():
    lost = Compared(species_top1=0.89, joint_top1=0.78, largest_difference=0.1, changed=0.02)
    assert faults({"torch": GOOD, "tfjs": lost}, 0.01, 1.5, 4_500_001) == [
        "TF.js loses 1.00 points of species_top1",
        "TF.js loses 2.00 points of joint_top1",
        "TF.js differs by 0.01 from ONNX Runtime with its weights",
        "the page's decoding and resize differ by 1.5 levels",
        "the files have 4,500,001 bytes, more than 4,500,000",
    ]


def test_how_a_weight_is_stored_is_found_out_by_its_values():
    rng = np.random.default_rng(0)
    exact = {name: rng.random((3, 4), dtype=np.float32) for name in ("a", "b", "c")}
    kinds = {"a": "uint8", "b": "float16", "c": "float32"}
    stored = {f"unknown_{name}": stored_values(exact[name], kinds[name]).T for name in exact}
    assert stored_kinds(exact, stored) == kinds
    with pytest.raises(UsageError, match="a: the TF.js model has no such weight"):
        stored_kinds({"a": exact["a"] + 1}, stored)
