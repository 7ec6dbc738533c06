"""The bundle of tests/serve/two_plants.py with a browser's model and golden pictures.

The TF.js model is written by hand, as the converter would: mean colour -> scores -> log-softmax, in
two shards. Its rejection scores can be moved, so that browser and server differ where a test asks.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import two_plants
from two_plants import BLOCKS, CLASS_COLOURS, REDUCE_TO, REJECTION_WEIGHTS, SPECIES_COLOURS

from export.bundle_files import describe_files
from export.manifest import MANIFEST_NAME, read_fields, write_manifest
from serve.model import Model

SIZE = REDUCE_TO // 4
HANDOVER = {"species": 0.8, "condition": 0.8}
FIGURES = {
    "files": {
        "browser/model.json": {
            "golden": {"largest_difference": 0.001},
            "test": {"rejection_difference": 0.1},  # of 1 + 2.5: rejected narrowly below 2.85
        }
    }
}

SURE = two_plants.RUST  # by 0.84
UNSURE = (90, 204, 25)  # by 0.75: enough for the server, too little for the browser
NOT_A_PLANT = two_plants.WHITE  # its score is 2.94
HARDLY_NOT_A_PLANT = (230, 230, 190)  # 2.55
GOLDEN = {
    "apple/cedar_apple_rust": two_plants.RUST,
    "tomato/healthy": (204, 25, 25),
    "not a plant": two_plants.WHITE,
}


def write_page_bundle(folder: Path, *, score_moved: float = 0.0) -> Path:
    """A complete bundle in `folder`. `score_moved` is added to the browser's not_a_plant score."""
    two_plants.write_bundle(folder)
    model = Model.load(folder)
    write_golden(folder / "golden", model)
    write_tfjs(folder / "browser", score_moved)
    manifest = read_fields(folder)
    (folder / MANIFEST_NAME).unlink()  # it lists all files but itself
    thresholds = {**manifest.thresholds, "handover": HANDOVER}
    write_manifest(
        folder,
        replace(
            manifest,
            thresholds=thresholds,
            figures=FIGURES,
            files=describe_files(folder),
        ),
    )
    return folder


def write_golden(folder: Path, model: Model) -> None:
    folder.mkdir()
    rows = []
    for number, (label, colour) in enumerate(GOLDEN.items()):
        data = two_plants.picture(colour)
        (folder / f"{number:02d}.jpg").write_bytes(data)
        said = model.run(model.decode(data))
        rows.append(
            {
                "picture": f"{number:02d}.jpg",
                "label": label,
                "species": np.log(said.species_probs).tolist(),
                "joint": np.log(said.joint_probs).tolist(),
                "rejection": said.rejection.tolist(),
            }
        )
    (folder / "answers.json").write_text(json.dumps(rows))


def write_tfjs(folder: Path, score_moved: float) -> None:
    species_w, species_b = two_plants.nearest_colour(SPECIES_COLOURS)
    class_w, class_b = two_plants.nearest_colour(CLASS_COLOURS)
    starts = np.cumsum([0, *BLOCKS])
    constants = {
        "axes": np.array([1, 2], np.int32),
        "one": np.array(1, np.int32),
        "part": np.array(1 / 255, np.float32),
        "species_w": species_w,
        "species_b": species_b,
        "class_w": class_w,
        "class_b": class_b,
        "owner": np.repeat([0, 1, 2], BLOCKS).astype(np.int32),
        "rejection_w": np.array(REJECTION_WEIGHTS, np.float32),
        "moved": np.array([score_moved, 0], np.float32),
        **{f"block{i}": np.arange(starts[i], starts[i + 1]).astype(np.int32) for i in range(3)},
    }
    nodes = [
        placeholder("levels", (1, SIZE, SIZE, 3)),
        *[constant(name, array) for name, array in constants.items()],
        node("Mean", "mean", "levels", "axes", keep_dims={"b": False}),
        node("Mul", "scaled", "mean", "part"),
        *linear("species_scores", "species_w", "species_b"),
        node("LogSoftmax", "species", "species_scores"),
        *linear("class_scores", "class_w", "class_b"),
        *[node("GatherV2", f"of{i}", "class_scores", f"block{i}", "one") for i in range(3)],
        *[node("LogSoftmax", f"inside{i}", f"of{i}") for i in range(3)],
        node("ConcatV2", "inside", "inside0", "inside1", "inside2", "one", N={"i": "3"}),
        node("GatherV2", "of_owner", "species", "owner", "one"),
        node("AddV2", "joint", "inside", "of_owner"),
        *linear("rejection", "rejection_w", "moved"),
    ]
    outputs = {"species_log_probs": "species", "joint_log_probs": "joint", "rejection": "rejection"}
    for number, name in enumerate(outputs.values()):
        nodes.append(node("Identity", f"Identity_{number}", name))
    data = b"".join(array.tobytes() for array in constants.values())
    shards = [data[: len(data) // 2], data[len(data) // 2 :]]
    paths = [f"group1-shard{i + 1}of2.bin" for i in range(2)]
    folder.mkdir()
    for path, shard in zip(paths, shards, strict=True):
        (folder / path).write_bytes(shard)
    weights = [
        {"name": name, "shape": list(array.shape), "dtype": str(array.dtype)}
        for name, array in constants.items()
    ]
    model = {
        "format": "graph-model",
        "generatedBy": "tests",
        "convertedBy": None,
        "modelTopology": {"node": nodes, "library": {}, "versions": {}},
        "signature": {
            "inputs": {"levels": {"name": "levels:0"}},
            "outputs": {
                name: {"name": f"Identity_{number}:0"} for number, name in enumerate(outputs)
            },
        },
        "userDefinedMetadata": {"structuredOutputKeys": list(outputs)},
        "weightsManifest": [{"paths": paths, "weights": weights}],
    }
    (folder / "model.json").write_text(json.dumps(model))


def linear(name: str, weights: str, bias: str) -> list[dict[str, Any]]:
    return [
        node("MatMul", f"{name}_product", "scaled", weights),
        node("AddV2", name, f"{name}_product", bias),
    ]


def node(op: str, name: str, *inputs: str, **attributes: Any) -> dict[str, Any]:
    return {"name": name, "op": op, "input": list(inputs), "attr": attributes}


def constant(name: str, array: np.ndarray) -> dict[str, Any]:
    kind = {"int32": "DT_INT32", "float32": "DT_FLOAT"}[str(array.dtype)]
    tensor = {"dtype": kind, "tensorShape": shape(array.shape)}
    return node("Const", name, dtype={"type": kind}, value={"tensor": tensor})


def placeholder(name: str, dims: tuple[int, ...]) -> dict[str, Any]:
    return node("Placeholder", name, dtype={"type": "DT_FLOAT"}, shape={"shape": shape(dims)})


def shape(dims: tuple[int, ...]) -> dict[str, Any]:
    return {"dim": [{"size": str(each)} for each in dims]}
