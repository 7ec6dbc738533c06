"""A bundle of two plants that tells them apart by colour, made without torch.

Mean colour of the picture (RGB, 0 to 1) -> scores -> log-softmax. Green is apple, red is tomato,
blue is no plant. A third of another colour mixed in makes the condition. The rejection rule takes
what is bright for no plant, and what is yellow for an unknown one.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from export.bundle_files import describe_files
from export.manifest import Manifest, manifest_text, write_manifest

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
REJECTION_WEIGHTS = [[1, 1], [1, 1], [1, -2]]  # R + G + B is bright, R + G - 2 B is yellow
REJECTION = {"not_a_plant": {"threshold": 2.5}, "unknown_species": {"threshold": 1.5}}
THRESHOLDS = {"target": 0.95, "species": [0.6] * 3, "condition": [0.7] * 6}
REDUCE_TO = 64

RUST = (102, 204, 25)
HEALTHY_APPLE = (25, 204, 25)
UNKNOWN_APPLE = (25, 204, 102)
BETWEEN_RUST_AND_HEALTHY = (64, 204, 25)
SKY = (25, 51, 230)
GREY = (127, 127, 127)
WHITE = (250, 250, 250)
YELLOW = (230, 230, 25)


def picture(
    colour: tuple[int, int, int], format: str = "JPEG", size: tuple[int, int] = (64, 48)
) -> bytes:
    """Encoded bytes of one plain picture of `size` (width, height)."""
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, format)
    return out.getvalue()


def nearest_colour(colours: list[tuple[float, float, float]]) -> tuple[np.ndarray, np.ndarray]:
    """Weights and bias whose scores are -20 |x - colour|^2, up to a term that all share."""
    points = np.array(colours, np.float32)
    return 40 * points.T, -20 * (points**2).sum(axis=1)


def build_graph(num_classes: int | None = None) -> onnx.ModelProto:
    """The graph; another `num_classes` than the tree's makes one that does not fit it."""
    num_classes = sum(BLOCKS) if num_classes is None else num_classes
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
        "rejection_w": np.array(REJECTION_WEIGHTS, np.float32),
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
        node("MatMul", ["features", "rejection_w"], ["rejection"]),
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
            value("rejection", TensorProto.FLOAT, [2]),
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
            input={
                "name": "image",
                "dtype": "uint8",
                "shape": ["height", "width", 3],
                "eval_size": REDUCE_TO // 4,
                "reduce_to": REDUCE_TO,
            },
            outputs={
                "species_log_probs": {"shape": [3]},
                "joint_log_probs": {"shape": [sum(BLOCKS)]},
                "features": {"shape": [3]},
                "rejection": {"shape": [2]},
            },
            temperatures={"species": 1.0, "condition": 1.0},
            thresholds=THRESHOLDS,
            rejection=REJECTION,
            figures={},
            provenance={},
            files=describe_files(folder),
        ),
    )
    return folder


def change_manifest(bundle: Path, **entries: object) -> None:
    """As somebody does who knows of the manifest's own hash."""
    path = bundle / "model.json"
    path.write_text(manifest_text({**json.loads(path.read_text()), **entries}))


def add_golden(
    bundle: Path,
    colours: Sequence[tuple[int, int, int]],
    *,
    changes: Mapping[int, list[float]] | None = None,
    answers: str | None = None,
    data: bytes | None = None,
) -> Path:
    """Golden pictures of these colours, with the answers of the bundle's own graph; `changes` has
    other log-probabilities for some, `answers` another text of the whole, `data` other bytes."""
    import onnxruntime

    from shards.decode import decode_image

    (bundle / "golden").mkdir()
    session = onnxruntime.InferenceSession(str(bundle / "server.fp32.onnx"))
    rows = []
    for number, colour in enumerate(colours):
        name, encoded = f"{number:02d}.jpg", picture(colour)
        (bundle / "golden" / name).write_bytes(encoded if data is None else data)
        (joint,) = session.run(["joint_log_probs"], {"image": decode_image(encoded)})
        rows.append({"picture": name, "joint": (changes or {}).get(number, joint.tolist())})
    text = json.dumps(rows) if answers is None else answers
    (bundle / "golden/answers.json").write_text(text)
    (bundle / "model.json").rename(bundle.parent / "model.json")  # it is no part of its own list
    files = describe_files(bundle)
    (bundle.parent / "model.json").rename(bundle / "model.json")
    change_manifest(bundle, files=files)
    return bundle
