from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from PIL import Image
from two_plants import BETWEEN_RUST_AND_HEALTHY, RUST, build_graph, picture

from export.bundle_files import describe_file
from export.manifest import manifest_text
from leaflake import UsageError
from serve.model import Model
from shards.decode import decode_image


def edit_manifest(bundle: Path, **changes: Any) -> None:
    path = bundle / "model.json"
    path.write_text(manifest_text({**json.loads(path.read_text()), **changes}))


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
    with pytest.raises(
        UsageError, match=r"server\.fp32\.onnx: .*\(5,\) classes.*they are \(3,\), \(6,\)"
    ):
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
    with pytest.raises(UsageError, match="answers are not numbers"):
        Model.load(new_bundle(graph))


def test_file_that_is_no_graph_is_refused(new_bundle: Callable[..., Path]) -> None:
    bundle = new_bundle()
    path = bundle / "server.fp32.onnx"
    path.write_bytes(b"no graph")
    files = {name: describe_file(bundle / name) for name in (path.name, "server.int8.onnx")}
    edit_manifest(bundle, files=files)
    with pytest.raises(UsageError, match=r"server\.fp32\.onnx: ONNX Runtime .* cannot open it"):
        Model.load(bundle)


@pytest.mark.parametrize(
    "changes",
    [
        {"tree": {"species": [{"conditions": [{}] * 3}, {"conditions": [{}] * 3}] + [{}]}},
        {"thresholds": {"species": [0.5]}},
        {"thresholds": {"species": [0.5] * 4, "condition": [0.5] * 6}},
        {"rejection": {}},
        {"input": {"name": "image"}},
        {"input": {"name": "image", "reduce_to": None}},
    ],
)
def test_manifest_that_does_not_say_how_to_answer_is_refused(
    new_bundle: Callable[..., Path], changes: dict[str, Any]
) -> None:
    bundle = new_bundle()
    edit_manifest(bundle, **changes)
    with pytest.raises(UsageError, match=r'model\.json: "(tree|rejection)"'):
        Model.load(bundle)


@pytest.mark.parametrize(
    ("format", "size", "found"),
    [
        ("JPEG", (300, 200), (100, 150)),
        ("JPEG", (127, 1000), (67, 127)),
        ("JPEG", (128, 1000), (72, 64)),
        ("JPEG", (600, 600), (75, 75)),
        ("PNG", (300, 200), (67, 75)),
        ("PNG", (128, 128), (128, 128)),
        ("PNG", (129, 128), (64, 65)),
        ("PNG", (1000, 20), (20, 67)),
        ("JPEG", (4000, 20), (20, 65)),
    ],
)
def test_large_picture_is_reduced_to_no_less_than_the_manifest_says(
    model: Model, format: str, size: tuple[int, int], found: tuple[int, int]
) -> None:
    image = model.decode(picture(RUST, format, size))
    assert image.shape == (*found, 3)
    assert np.abs(image.astype(int) - RUST).max() <= 2  # what JPEG does to a plain colour


def test_reducing_a_large_jpeg_leaves_its_answer(model: Model) -> None:
    rng = np.random.default_rng(0)
    grain = rng.normal(BETWEEN_RUST_AND_HEALTHY, 30, (600, 800, 3)).clip(0, 255).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(grain).save(out, "JPEG", quality=90)
    full, reduced = decode_image(out.getvalue()), model.decode(out.getvalue())
    assert (full.shape, reduced.shape) == ((600, 800, 3), (75, 100, 3))
    answers = [model.run(image) for image in (full, reduced)]
    assert answers[1].joint_probs == pytest.approx(answers[0].joint_probs, abs=0.01)
