import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from export.parity import BROWSER, FP32, GOLDEN, Bounds, Parity, compare, faults
from export.said import Said

BOUNDS = Bounds(0.1, 0.05, 0.2, 0.2, 0.5)
SAME = Parity(10, 0.0, 0.0, 0.0, 0.0, 0.0)
THRESHOLDS = np.array([2.0, 5.0])


def said(joint: list[list[float]], rejection: list[list[float]]) -> Said:
    probability = np.array(joint, dtype=np.float32)
    species = np.stack([probability[:, 0], probability[:, 1:].sum(axis=1)], axis=1)
    return Said(np.log(species), np.log(probability), np.array(rejection, dtype=np.float32))


REFERENCE = said([[0.7, 0.2, 0.1], [0.5, 0.4, 0.1]], [[0.0, 0.0], [3.0, 0.0]])


def test_a_runtime_is_held_against_another_picture_by_picture():
    other = said([[0.6, 0.3, 0.1], [0.4, 0.5, 0.1]], [[0.0, 6.0], [1.0, 0.0]])
    found = compare(other, REFERENCE, THRESHOLDS)
    assert found.to_json() == {
        "pictures": 2,
        "largest_difference": pytest.approx(0.1, abs=1e-6),
        "mean_difference": pytest.approx(0.1, abs=1e-6),
        "changed": 0.5,
        "rejection_changed": 1.0,
        "rejection_difference": 6.0,
    }
    assert compare(REFERENCE, REFERENCE, THRESHOLDS) == Parity(2, 0.0, 0.0, 0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"largest_difference": 0.11}, "a probability differs by 0.11 from PyTorch's on 10 pi"),
        ({"mean_difference": 0.06}, "probabilities differ by 0.06 on average from PyTorch's on"),
        ({"changed": 0.4}, "40.0% of the likeliest classes are not PyTorch's on 10 pictures; at "),
        ({"rejection_changed": 0.4}, "40.0% are rejected by it or by PyTorch alone on 10 pictures"),
        ({"rejection_difference": 0.6}, "a rejection score differs by 0.6 from PyTorch's on 10"),
        ({"largest_difference": float("nan")}, "a probability differs by nan from PyTorch's"),
    ],
)
def test_a_bound_that_is_broken_is_named_with_the_file_and_by_how_much(change, sentence):
    (found,) = faults("some.onnx", replace(SAME, **change), BOUNDS)
    assert found.startswith(f"some.onnx: {sentence}")
    assert found.endswith("is allowed")


def test_within_the_bounds_nothing_is_said():
    assert faults("some.onnx", Parity(10, 0.1, 0.05, 0.2, 0.2, 0.5), BOUNDS) == []


def test_of_few_pictures_three_may_differ_but_of_the_golden_ones_none():
    few, bounds = replace(SAME, pictures=20, changed=0.15), replace(BOUNDS, changed=0.01)
    assert faults("some.onnx", few, bounds) == []
    assert len(faults("some.onnx", replace(few, changed=0.2), bounds)) == 1
    assert len(faults("some.onnx", replace(few, pictures=1000), bounds)) == 1
    for file in (FP32, BROWSER):
        assert faults(file, few, GOLDEN[file]) == [
            f"{file}: 15.0% of the likeliest classes are not PyTorch's on 20 pictures; at most "
            "0.0% is allowed"
        ]


def test_outputs_side_by_side_are_taken_apart():
    rows = np.array([[1, 2, 3, 4, 5, 6, 7]], dtype=np.float32)
    found = Said.split(rows, num_species=2, num_classes=3)
    assert (found.species.tolist(), found.joint.tolist()) == ([[1, 2]], [[3, 4, 5]])
    assert found.rejection.tolist() == [[6, 7]]


def test_verifying_needs_no_torch():
    code = "import sys, export.verify; print('torch' in sys.modules or 'duckdb' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
