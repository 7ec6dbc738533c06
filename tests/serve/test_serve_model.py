from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from two_plants import RUST, build_graph

from export.manifest import describe_file
from leaflake import UsageError
from serve.model import Model


def edit_manifest(bundle: Path, **changes: Any) -> None:
    path = bundle / "model.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_probabilities_add_up_over_the_tree(model: Model) -> None:
    found = model.run(np.full((30, 50, 3), RUST, np.uint8))
    blocks = np.split(found.joint_probs, [3, 4])
    assert found.species_probs.sum() == pytest.approx(1, abs=1e-6)
    assert [block.sum() for block in blocks] == pytest.approx(list(found.species_probs), abs=1e-6)
    assert found.species_probs.argmax() == 0


@pytest.mark.parametrize(
    ("file", "opened"), [(None, "server.fp32.onnx")] + [("server.int8.onnx",) * 2]
)
def test_default_file_is_opened_unless_another_is_named(
    bundle: Path, file: str | None, opened: str
) -> None:
    assert Model.load(bundle, file, threads=1).file == opened


@pytest.mark.parametrize(
    "file", ["server.fp16.onnx", "../two-plants/server.fp32.onnx", "model.json"]
)
def test_file_that_the_manifest_does_not_list_is_refused(bundle: Path, file: str) -> None:
    with pytest.raises(UsageError, match="expected one of: server.fp32.onnx, server.int8.onnx"):
        Model.load(bundle, file)


def test_bundle_of_another_format_version_is_refused(new_bundle: Callable[..., Path]) -> None:
    bundle = new_bundle()
    edit_manifest(bundle, format_version=999)
    with pytest.raises(UsageError, match="bundle format 999"):
        Model.load(bundle)


def test_changed_byte_is_refused_by_the_name_of_its_file(new_bundle: Callable[..., Path]) -> None:
    bundle = new_bundle()
    data = bytearray((bundle / "server.int8.onnx").read_bytes())
    data[100] ^= 1
    (bundle / "server.int8.onnx").write_bytes(data)
    with pytest.raises(UsageError, match=r"server\.int8\.onnx: .*sha256"):
        Model.load(bundle)


def test_graph_with_another_number_of_classes_is_refused(new_bundle: Callable[..., Path]) -> None:
    bundle = new_bundle(build_graph(num_classes=5))
    with pytest.raises(UsageError, match=r"server\.fp32\.onnx: .*\(5,\) classes.*and \(6,\)"):
        Model.load(bundle)


def rename(graph: onnx.ModelProto, kind: str, old: str, new: str) -> onnx.ModelProto:
    for one in getattr(graph.graph, kind):
        if one.name == old:
            one.name = new
    for node in graph.graph.node:
        for names in (node.input, node.output):
            names[:] = [new if name == old else name for name in names]
    return graph


def test_graph_with_another_input_is_refused(new_bundle: Callable[..., Path]) -> None:
    bundle = new_bundle(rename(build_graph(), "input", "image", "pixels"))
    with pytest.raises(UsageError, match=r'server\.fp32\.onnx: its input is .*pixels.*"image"'):
        Model.load(bundle)


def test_graph_that_lacks_an_output_is_refused(new_bundle: Callable[..., Path]) -> None:
    bundle = new_bundle(rename(build_graph(), "output", "joint_log_probs", "joint"))
    with pytest.raises(UsageError, match=r"server\.fp32\.onnx: lacks the output joint_log_probs"):
        Model.load(bundle)


def test_graph_whose_answers_are_no_numbers_is_refused(new_bundle: Callable[..., Path]) -> None:
    graph = build_graph()
    for constant in graph.graph.initializer:
        if constant.name == "class_b":
            constant.raw_data = np.full(6, np.nan, np.float32).tobytes()
    with pytest.raises(UsageError, match="not numbers"):
        Model.load(new_bundle(graph))


def test_file_that_is_no_graph_is_refused(new_bundle: Callable[..., Path]) -> None:
    bundle = new_bundle()
    path = bundle / "server.fp32.onnx"
    path.write_bytes(b"no graph")
    files = {name: describe_file(bundle / name) for name in (path.name, "server.int8.onnx")}
    edit_manifest(bundle, files=files)
    with pytest.raises(UsageError, match=r"server\.fp32\.onnx: ONNX Runtime .* cannot open it"):
        Model.load(bundle)


@pytest.mark.parametrize("changes", [{"thresholds": {"species": 0.5}}, {"tree": {"species": [{}]}}])
def test_manifest_without_tree_or_thresholds_is_refused(
    new_bundle: Callable[..., Path], changes: dict[str, Any]
) -> None:
    bundle = new_bundle()
    edit_manifest(bundle, **changes)
    with pytest.raises(UsageError, match=r'model\.json: "tree" or "thresholds"'):
        Model.load(bundle)
