from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from export import tfjs_plan
from export.tfjs_plan import Core, ask_core, choose_kinds, measure_harm


def test_float16_goes_where_it_spares_most_for_its_bytes():
    harm = {"large": 0.9, "small": 0.5, "tiny": 0.01, "harmless": 0.0}
    sizes = {"large": 1000, "small": 100, "tiny": 10, "harmless": 100}
    assert choose_kinds(harm, sizes, spare=1110) == {
        "large": "float16",
        "small": "float16",
        "tiny": "float16",
        "harmless": "uint8",
    }
    # The large one no longer fits, but what comes after it does.
    assert choose_kinds(harm, sizes, spare=999) == {
        "large": "uint8",
        "small": "float16",
        "tiny": "float16",
        "harmless": "float16",
    }
    assert set(choose_kinds(harm, sizes, spare=0).values()) == {"uint8"}


@pytest.fixture
def core(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Core:
    """joint_log_probs = log_softmax(levels @ kept @ spoilt): a weight of two values, which uint8
    holds exactly, and one which it does not."""
    monkeypatch.setattr(tfjs_plan, "SMALL", 4)
    kept = np.array([[1, 0], [0, 1]], dtype=np.float32)
    spoilt = np.array([[1, 0.3337], [0.1234, 0]], dtype=np.float32)
    vector = np.zeros(2, dtype=np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["levels", "kept"], ["a"]),
            helper.make_node("MatMul", ["a", "spoilt"], ["b"]),
            helper.make_node("Add", ["b", "vector"], ["c"]),
            helper.make_node("LogSoftmax", ["c"], ["joint_log_probs"], axis=1),
            helper.make_node("Identity", ["joint_log_probs"], ["species_log_probs"]),
        ],
        "core",
        [helper.make_tensor_value_info("levels", TensorProto.FLOAT, [1, 2])],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 2])
            for name in ("species_log_probs", "joint_log_probs")
        ],
        [
            numpy_helper.from_array(values, name)
            for name, values in (("kept", kept), ("spoilt", spoilt), ("vector", vector))
        ],
    )
    path = tmp_path / "core.onnx"
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.save(model, path)
    return Core(path)


LEVELS = [np.array([[1, 2]], dtype=np.float32), np.array([[0, 1.5]], dtype=np.float32)]


def test_vectors_and_small_weights_are_left_alone(core, monkeypatch):
    assert sorted(core.weights()) == ["kept", "spoilt"]
    monkeypatch.setattr(tfjs_plan, "SMALL", 5)
    assert core.weights() == {}


def test_the_harm_of_a_weight_is_what_uint8_does_to_the_answers(core):
    harm = measure_harm(core, LEVELS)
    assert harm["kept"] == pytest.approx(0, abs=1e-12)
    assert harm["spoilt"] > 1e-8


def test_a_session_computes_with_what_is_left_of_the_weights(core):
    weights = {name: values.copy() for name, values in core.weights().items()}
    found = ask_core(core.session({"spoilt": "float16"}), LEVELS).joint
    half = weights["spoilt"].astype(np.float16).astype(np.float32)
    logits = np.concatenate(LEVELS) @ weights["kept"] @ half
    expected = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    assert np.allclose(found, expected, atol=1e-5)
    assert np.array_equal(core.weights()["spoilt"], weights["spoilt"])
