"""Make a release bundle. In: a run and its lake. Out: a folder of ONNX files and a manifest.

Calibrates on val, exports, quantises, and asks every file for its answers before the manifest,
which comes last, makes the folder a bundle.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from tqdm import tqdm

from catalog.lake import open_lake
from export.calibrate import fit_temperatures, fit_thresholds
from export.manifest import Manifest, describe_file, write_manifest
from export.onnx_graph import INPUT, export_onnx, output_descriptions
from export.quantise import quantise
from leaflake import UsageError
from shards.decode import decode_image
from shards.select import Selection, read_encoded, select
from train.evaluate import predict_pictures
from train.metrics import Predictions, figures
from train.run_folder import Run, read_run

FP32 = "server.fp32.onnx"
INT8 = "server.int8.onnx"

MAX_DIFFERENCE = 1e-3
"""Largest difference in probability that torch and the float32 graph may have."""

MAX_DROP = 0.005
"""Share of val pictures whose species INT8 may lose; beyond it the float32 file is the default."""

CALIBRATION_PICTURES = 200


@dataclass(frozen=True)
class Exported:
    """What an export found, for printing."""

    temperatures: tuple[float, float]
    thresholds: dict[str, float]
    files: dict[str, dict[str, Any]]
    """File -> bytes, val accuracy, milliseconds a picture."""

    default: str


def export_bundle(run_path: Path, out: Path, *, lake_path: Path | None = None) -> Exported:
    """Write the bundle of a run to `out`, which must not exist or be a bundle.

    Raises UsageError if `out` holds something else, or the run or its lake cannot be read.
    """
    run = read_run(run_path)
    _refuse_foreign_folder(out)
    with open_lake(lake_path or run.lake, at=run.snapshot) as lake:
        train = select(lake, "split = 'train'", run.tree)
        val = select(lake, "split = 'val'", run.tree)
    work = out.with_name(out.name + ".tmp")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    exported = _export_into(work, run, train, val)
    shutil.rmtree(out, ignore_errors=True)
    work.rename(out)
    return exported


def _export_into(folder: Path, run: Run, train: Selection, val: Selection) -> Exported:
    model = run.load_model()
    images = [decode_image(data) for data in read_encoded(val)]
    predictions = predict_pictures(model, images, val.class_index, "calibrate")
    temperatures = fit_temperatures(predictions, run.tree)
    model.heads.get_buffer("temperatures").copy_(torch.tensor(temperatures))
    predictions = predict_pictures(model, images, val.class_index, "calibrated")
    thresholds = fit_thresholds(predictions, run.tree)

    export_onnx(model, folder / FP32)
    quantise(folder / FP32, folder / INT8, _calibration_images(train))
    files = {
        name: {**describe_file(folder / name), **_judge(folder / name, images, predictions, run)}
        for name in (FP32, INT8)
    }
    difference = files[FP32]["largest_difference"]
    if difference > MAX_DIFFERENCE:
        raise RuntimeError(f"{FP32}: probabilities differ from torch's by {difference:.2g}")
    drop = files[FP32]["species_top1"] - files[INT8]["species_top1"]
    default = INT8 if drop <= MAX_DROP else FP32
    write_manifest(
        folder,
        Manifest(
            name=run.path.name,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            tree=run.tree.to_json(),
            default=default,
            input=INPUT,
            outputs=output_descriptions(model),
            thresholds=thresholds,
            provenance={
                "recipe": run.recipe.name,
                "backbone": run.recipe.backbone,
                "lake": run.lake.name,
                "snapshot": run.snapshot,
                "temperatures": temperatures,
                "val": run.metrics["val"],
                "files": {
                    name: {k: v for k, v in found.items() if k not in ("bytes", "sha256")}
                    for name, found in files.items()
                },
            },
            files={name: describe_file(folder / name) for name in files},
        ),
    )
    return Exported(temperatures, thresholds, files, default)


def _judge(
    path: Path, images: list[np.ndarray], torch_says: Predictions, run: Run
) -> dict[str, float]:
    """Val accuracy of an ONNX file, its largest difference from torch, and its speed."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    started = time.perf_counter()
    rows = [
        session.run(["species_log_probs", "joint_log_probs"], {"image": image})
        for image in tqdm(images, desc=path.name, unit="picture")
    ]
    milliseconds = (time.perf_counter() - started) / len(images) * 1000
    species, joint = (np.stack([row[i] for row in rows]) for i in (0, 1))
    said = Predictions(species, torch_says.condition, joint, torch_says.class_index)
    found = figures(said, run.tree)
    return {
        "species_top1": float(found["species_top1"]),
        "joint_top1": float(found["joint_top1"]),
        "largest_difference": float(np.abs(np.exp(joint) - np.exp(torch_says.joint)).max()),
        "milliseconds": milliseconds,
    }


def _calibration_images(train: Selection) -> list[np.ndarray]:
    """Pictures spread evenly over the classes, in class order."""
    order = np.argsort(train.class_index, kind="stable")
    chosen = np.linspace(0, len(order) - 1, min(CALIBRATION_PICTURES, len(order))).round()
    wanted = order[chosen.astype(int)]
    data = read_encoded(train)
    return [decode_image(data[index]) for index in wanted]


def _refuse_foreign_folder(out: Path) -> None:
    if out.is_file() or (out.is_dir() and any(out.iterdir()) and not (out / "model.json").exists()):
        raise UsageError(
            f"{out}: exists and is not a bundle. Name a new folder or a bundle to replace. "
            "Nothing was written."
        )
