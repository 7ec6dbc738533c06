"""A bundle of two plants that tells them apart by colour, made without torch.

Mean colour of the picture (RGB, 0 to 1) -> scores -> log-softmax. Green is apple, red is tomato,
blue is no plant. A third of another colour mixed in makes the condition.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from export.manifest import Manifest, describe_file, write_manifest

TREE = {
    "species": [
        {
            "species_id": "apple",
            "name": "Apple",
            "scientific": "Malus domestica",
            "conditions": [
                {"condition_id": "cedar_apple_rust", "name": "Cedar apple rust", "cause": "fungus"},
                {"condition_id": "healthy", "name": "Healthy", "cause": "none"},
                {"condition_id": "unknown", "name": "Unknown", "cause": "unknown"},
            ],
        },
        {
            "species_id": "no_plant",
            "name": "No plant",
            "scientific": "",
            "conditions": [
                {"condition_id": "background", "name": "Background", "cause": "none"},
            ],
        },
        {
            "species_id": "tomato",
            "name": "Tomato",
            "scientific": "Solanum lycopersicum",
            "conditions": [
                {"condition_id": "early_blight", "name": "Early blight", "cause": "fungus"},
                {"condition_id": "healthy", "name": "Healthy", "cause": "none"},
            ],
        },
    ]
}
SPECIES_COLOURS = [(0.15, 0.8, 0.1), (0.1, 0.2, 0.9), (0.8, 0.1, 0.15)]
CLASS_COLOURS = [
    *[(0.4, 0.8, 0.1), (0.1, 0.8, 0.1), (0.1, 0.8, 0.4)],
    (0.1, 0.2, 0.9),
    *[(0.8, 0.4, 0.1), (0.8, 0.1, 0.1)],
]
BLOCKS = [3, 1, 2]

RUST = (102, 204, 25)
HEALTHY_APPLE = (25, 204, 25)
UNKNOWN_APPLE = (25, 204, 102)
BETWEEN_RUST_AND_HEALTHY = (64, 204, 25)
SKY = (25, 51, 230)
GREY = (127, 127, 127)


def picture(colour: tuple[int, int, int], format: str = "JPEG") -> bytes:
    """Encoded bytes of one plain picture."""
    out = io.BytesIO()
    Image.new("RGB", (64, 48), colour).save(out, format)
    return out.getvalue()


def nearest_colour(colours: list[tuple[float, float, float]]) -> tuple[np.ndarray, np.ndarray]:
    """Weights and bias whose scores are -20 |x - colour|^2, up to a term that all share."""
    points = np.array(colours, np.float32)
    return 40 * points.T, -20 * (points**2).sum(axis=1)


def build_graph(num_classes: int = 6) -> onnx.ModelProto:
    """The graph; another `num_classes` than the tree's makes one that does not fit it."""
    species_w, species_b = nearest_colour(SPECIES_COLOURS)
    class_w, class_b = nearest_colour(CLASS_COLOURS)
    constants = {
        "axes": np.array([0, 1]),
        "white": np.array(255, np.float32),
        "species_w": species_w,
        "species_b": species_b,
        "class_w": class_w,
        "class_b": class_b,
        "blocks": np.array(BLOCKS),
        "owner": np.repeat([0, 1, 2], BLOCKS)[:num_classes],
        "kept": np.arange(num_classes),
    }
    node = helper.make_node
    nodes = [
        node("Cast", ["image"], ["floats"], to=TensorProto.FLOAT),
        node("Div", ["floats", "white"], ["scaled"]),
        node("ReduceMean", ["scaled", "axes"], ["features"], keepdims=0),
        node("MatMul", ["features", "species_w"], ["species_x"]),
        node("Add", ["species_x", "species_b"], ["species_scores"]),
        node("LogSoftmax", ["species_scores"], ["species_log_probs"], axis=0),
        node("MatMul", ["features", "class_w"], ["class_x"]),
        node("Add", ["class_x", "class_b"], ["class_scores"]),
        node("Split", ["class_scores", "blocks"], ["block0", "block1", "block2"], axis=0),
        *[node("LogSoftmax", [f"block{i}"], [f"inside{i}"], axis=0) for i in range(3)],
        node("Concat", ["inside0", "inside1", "inside2"], ["all_inside"], axis=0),
        node("Gather", ["all_inside", "kept"], ["inside"]),
        node("Gather", ["species_log_probs", "owner"], ["of_owner"]),
        node("Add", ["inside", "of_owner"], ["joint_log_probs"]),
    ]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "colours",
        [value("image", TensorProto.UINT8, ["height", "width", 3])],
        [
            value("species_log_probs", TensorProto.FLOAT, [3]),
            value("joint_log_probs", TensorProto.FLOAT, [num_classes]),
            value("features", TensorProto.FLOAT, [3]),
        ],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def write_bundle(folder: Path, graph: onnx.ModelProto | None = None) -> Path:
    """A complete bundle in `folder`."""
    folder.mkdir(parents=True)
    for name in ("server.fp32.onnx", "server.int8.onnx"):
        onnx.save(graph or build_graph(), str(folder / name))
    write_manifest(
        folder,
        Manifest(
            name="two-plants",
            created="2026-01-31T12:00:00Z",
            tree=TREE,
            default="server.fp32.onnx",
            input={"name": "image", "dtype": "uint8", "shape": ["height", "width", 3]},
            outputs={
                "species_log_probs": {"shape": [3]},
                "joint_log_probs": {"shape": [6]},
                "features": {"shape": [3]},
            },
            thresholds={"species": 0.6, "condition": 0.7},
            provenance={},
            files={path.name: describe_file(path) for path in sorted(folder.glob("*.onnx"))},
        ),
    )
    return folder
