import logging

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from small_graph import NAMES, in_8_bits, small_graph, write_small_graph

from export.int8_search import ask
from export.quantise import between, calibrate, layers_of, nodes_inside, quantisable, quantise


@pytest.fixture(scope="module")
def fp32(tmp_path_factory):
    return write_small_graph(tmp_path_factory.mktemp("fp32"))


@pytest.fixture(scope="module")
def pictures(draw):
    return [draw(seed, height=12 + seed, width=20) for seed in range(4)]


def test_the_backbones_products_get_8_bits_and_the_heads_stay_as_they_are(fp32, pictures, tmp_path):
    assert quantisable(fp32) == ["fine", "spoilt"]
    quantise(fp32, tmp_path / "int8.onnx", pictures)
    assert in_8_bits(tmp_path / "int8.onnx") == ["fine", "spoilt"]
    assert [path.name for path in tmp_path.iterdir()] == ["int8.onnx"]


def test_nodes_kept_in_float_compute_as_before(fp32, pictures, tmp_path):
    path = tmp_path / "int8.onnx"
    quantise(fp32, path, pictures, keep_float=["spoilt"])
    assert in_8_bits(path) == ["fine"]
    exact, said = ask(fp32, pictures), ask(path, pictures)
    assert 0 < np.abs(said.joint - exact.joint).max() < 0.1
    quantise(fp32, path, pictures, keep_float=["fine", "spoilt"])
    assert np.array_equal(ask(path, pictures).joint, exact.joint)


def test_one_calibration_writes_the_same_file_every_time(fp32, pictures, tmp_path):
    graph = calibrate(fp32, pictures, tmp_path)
    for name in ("first", "second"):
        graph.write(tmp_path / name)
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()


def test_the_tools_warnings_are_silenced_only_while_it_runs(fp32, pictures, tmp_path, caplog):
    before = logging.getLogger().level
    quantise(fp32, tmp_path / "int8.onnx", pictures)
    assert (logging.getLogger().level, caplog.records) == (before, [])


def test_a_module_holds_the_nodes_of_the_modules_within_it_and_no_others():
    graph = small_graph()
    assert nodes_inside(graph, "classifier.backbone") == set(NAMES)
    assert nodes_inside(graph, "classifier.backbone.stem") == set(NAMES) - {"pool"}
    assert nodes_inside(graph, "classifier.back") == set()


def chain(*nodes: tuple[str, str, list[str], str]) -> onnx.ModelProto:
    """(type, name, inputs, output) each, from x to y."""
    made = [helper.make_node(kind, read, [to], name=name) for kind, name, read, to in nodes]
    sides = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
    return helper.make_model(helper.make_graph(made, "chain", sides[:1], sides[1:]))


def test_a_node_that_fusing_renamed_is_found_between_those_that_kept_their_names():
    model = chain(
        ("Neg", "before", ["x"], "a"),
        ("Gemm", "norm", ["a"], "b"),
        ("Gemm", "new", ["b"], "c"),
        ("Add", "sum", ["b", "c"], "d"),
        ("Neg", "beside", ["b"], "e"),
        ("Clip", "after", ["d", "", "e"], "y"),
    )
    assert between(model, {"norm", "sum"}) == ["norm", "new", "sum"]


def test_a_layer_takes_the_activation_that_bounds_it_along():
    model = chain(
        ("Conv", "conv", ["x"], "a"),
        ("Clip", "bounds", ["a"], "b"),
        ("Neg", "other", ["b"], "c"),
        ("Relu", "alone", ["c"], "d"),
        ("MatMul", "product", ["d"], "y"),
    )
    names = ["conv", "bounds", "other", "alone", "product"]
    assert layers_of(model, names) == {"conv": ("conv", "bounds"), "product": ("product",)}
    assert layers_of(model, ["product"]) == {"product": ("product",)}
