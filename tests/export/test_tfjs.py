import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from export import tfjs
from export.tfjs import (
    export_run,
    find_tools,
    flatten_biases,
    main,
    name_outputs,
    refuse_large,
    same_weights,
    spread_over_classes,
)
from export.tfjs_core import OUTPUTS
from export.tfjs_weights import GraphModel
from leaflake import UsageError
from shards.select import Selection


def test_without_the_converter_the_recipe_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"not installed there.*`just tfjs-tools`"):
        find_tools(tmp_path)
    (tmp_path / ".complete").touch()
    assert find_tools(tmp_path) == tmp_path / "bin/python"


def test_the_command_says_it_on_one_line_and_exits_with_2(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(tfjs, "TOOLS", tmp_path)
    monkeypatch.setattr(sys, "argv", ["x", "run", "--out", str(tmp_path / "out")])
    assert main() == 2
    error = capsys.readouterr().err
    assert error.startswith(f"export.tfjs: {tmp_path}: the TF.js converter is not installed")
    assert not (tmp_path / "out").exists()


def test_a_folder_with_something_in_it_is_not_overwritten(tmp_path):
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(UsageError, match="exists already. Name a new folder"):
        export_run(Path("run"), tmp_path)


def test_a_network_with_more_weights_than_bytes_is_refused_before_any_work():
    model = torch.nn.Module()
    model.backbone = torch.nn.Linear(2000, 2000, bias=False)
    model.heads = torch.nn.Linear(2000, 250, bias=False)
    refuse_large(model)
    model.heads = torch.nn.Linear(2000, 251, bias=False)
    with pytest.raises(UsageError, match=r"4,000,000 weights and its heads 502,000.*train cpu"):
        refuse_large(model)


def test_weights_are_known_again_by_their_values_whatever_their_axes():
    rng = np.random.default_rng(0)
    conv, dense = rng.random((4, 3, 2, 2)), rng.random((6, 8))
    theirs = {"unknown_1": conv.transpose(2, 3, 1, 0), "unknown_2": dense.T}
    assert same_weights({"conv": conv, "dense": dense}, theirs) == {
        "conv": "unknown_1",
        "dense": "unknown_2",
    }


def test_a_weight_that_the_converter_changed_or_doubled_is_an_error():
    values = np.arange(6.0).reshape(2, 3)
    with pytest.raises(ValueError, match="dense: 0 weights of the converted model"):
        same_weights({"dense": values}, {"unknown": 2 * values})
    with pytest.raises(ValueError, match="dense: 2 weights of the converted model"):
        same_weights({"dense": values}, {"one": values, "two": values.T})


def test_outputs_get_their_names_in_our_order():
    described = {"output_2": {"name": "c"}, "output_0": {"name": "a"}, "output_1": {"name": "b"}}
    nodes = [{"op": "Conv2D", "name": "z"}, {"op": "Add", "name": "a"}]
    topology = {"modelTopology": nodes, "signature": {"inputs": {}, "outputs": described}}
    found = name_outputs(topology)
    assert found == {
        "modelTopology": nodes,
        "signature": {
            "inputs": {},
            "outputs": {
                "species_log_probs": {"name": "a"},
                "joint_log_probs": {"name": "b"},
                "features": {"name": "c"},
            },
        },
        "userDefinedMetadata": {
            "structuredOutputKeys": ["species_log_probs", "joint_log_probs", "features"]
        },
    }
    assert list(found["signature"]["outputs"]) == list(OUTPUTS)
    # The nodes in their order, what they have in alphabetical order.
    assert [list(node) for node in found["modelTopology"]] == [["name", "op"], ["name", "op"]]
    assert topology["signature"]["outputs"] is described
    with pytest.raises(ValueError, match="instead of output_0"):
        name_outputs({"signature": {"outputs": {"output_0": {}}}})


def test_biases_of_fused_products_have_one_axis():
    nodes = [
        {"op": "_FusedMatMul", "name": "a", "input": ["x", "w", "flat"]},
        {"op": "_FusedMatMul", "name": "b", "input": ["a", "w", "deep"]},
        {"op": "AddV2", "name": "c", "input": ["b", "other"]},
    ]
    shapes = {"w": (1, 3), "flat": (3,), "deep": (1, 3), "other": (1, 3)}
    weights = {name: np.ones(shape, np.float32) for name, shape in shapes.items()}
    found = flatten_biases(GraphModel({"modelTopology": {"node": nodes}}, weights))
    assert {name: one.shape for name, one in found.items()} == {**shapes, "deep": (3,)}


def test_pictures_are_spread_over_the_classes():
    classes = np.array([3, 1, 1, 2, 0])
    zeros = np.zeros(5, dtype=np.int64)
    places = (zeros, zeros, zeros, Path("shards"))
    selection = Selection(tuple("abcde"), ("set",) * 5, classes, *places)
    # In class order: e, b, c, d, a; spread evenly over them: e, c, a.
    assert spread_over_classes(selection, 3).keys == ("e", "c", "a")
    assert spread_over_classes(selection, 99).keys == ("e", "b", "c", "d", "a")
