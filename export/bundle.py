"""Make a release bundle. In: a run and its lake. Out: a folder of ONNX files and a manifest.

Calibrates on val, exports, quantises, and asks every file for its answers before the manifest,
which comes last, makes the folder a bundle. The folder takes its name when it is complete.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from tqdm import tqdm

from catalog.lake import open_lake
from catalog.storage import Place, name_of
from catalog.taxonomy import LabelTree
from export.calibrate import fit_thresholds
from export.manifest import Manifest, describe_file, is_bundle, write_manifest
from export.onnx_graph import INPUT, export_onnx, output_descriptions
from export.quantise import quantise
from leaflake import UsageError
from shards.decode import decode_image
from shards.select import Selection, read_encoded, select
from train.calibration import fit_temperatures
from train.classifier import Classifier
from train.metrics import Predictions, figures
from train.predict import predict_pictures
from train.run_folder import Run, read_run

FP32 = "server.fp32.onnx"
INT8 = "server.int8.onnx"

MAX_DIFFERENCE = 1e-3
"""Largest difference in probability that torch and the float32 graph may have."""

MAX_DROP = 0.005
"""Share of val pictures whose species INT8 may lose; beyond it the float32 file is the default."""

MAX_DROP_BOTH = 0.01
"""Likewise of species and condition together. Twice as much, since this counts the species that are
lost and as many conditions again; without it INT8 could confuse diseases unnoticed."""

CALIBRATION_PICTURES = 200


@dataclass(frozen=True)
class Exported:
    """What an export found, for printing."""

    temperatures: tuple[float, float]
    thresholds: dict[str, float]
    files: dict[str, dict[str, Any]]
    """File -> bytes, sha256, and its record of Judged."""

    default: str


@dataclass(frozen=True)
class Judged:
    """An ONNX file on val."""

    said: Predictions
    record: dict[str, float]
    """Accuracies, largest difference from torch in probability, milliseconds a picture."""


def export_bundle(run_path: Path, out: Path, *, lake_path: Place | None = None) -> Exported:
    """Write the bundle of a run to `out`, which must not exist, be empty or be a bundle.

    Of a link to a folder it is the folder that is replaced. Raises UsageError if `out` holds
    something else, or the run or its lake cannot be read.
    """
    run = read_run(run_path)
    out = out.resolve()
    _refuse_foreign_folder(out)
    with open_lake(lake_path or run.lake, at=run.snapshot) as lake:
        train = select(lake, "split = 'train'", run.tree)
        val = select(lake, "split = 'val'", run.tree)
    with new_folder(out) as folder:
        return _export_into(folder, run, train, val)


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """An empty folder that takes the place of `out` at the end, or is removed if that fails."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{out.name}.", suffix=".tmp", dir=out.parent) as work:
        new, old = Path(work) / "new", Path(work) / "old"
        new.mkdir()  # the temporary folder itself is closed to other users
        yield new
        try:
            if out.exists():
                out.rename(old)
            new.rename(out)
        except BaseException:
            if old.exists() and not out.exists():
                old.rename(out)
            raise


def _export_into(folder: Path, run: Run, train: Selection, val: Selection) -> Exported:
    model, encoded = run.load_model(), read_encoded(val)
    predictions = predict_pictures(model, encoded, val.class_index, "calibrate")
    temperatures = fit_temperatures(predictions, run.tree)
    model.heads.get_buffer("temperatures").copy_(torch.tensor(temperatures))
    predictions = predict_pictures(model, encoded, val.class_index, "calibrated")

    export_onnx(model, folder / FP32)
    quantise(folder / FP32, folder / INT8, _calibration_images(train))
    judged = {name: _judge(folder / name, encoded, predictions, run.tree) for name in (FP32, INT8)}
    difference = judged[FP32].record["largest_difference"]
    if difference > MAX_DIFFERENCE:
        raise RuntimeError(f"{FP32}: probabilities differ from torch's by {difference:.2g}")
    default = choose_default(judged[FP32].record, judged[INT8].record)
    exported = Exported(
        temperatures=temperatures,
        thresholds=fit_thresholds(judged[default].said, run.tree),
        files={name: {**describe_file(folder / name), **judged[name].record} for name in judged},
        default=default,
    )
    write_manifest(folder, _manifest(run, model, exported))
    return exported


def choose_default(fp32: dict[str, float], int8: dict[str, float]) -> str:
    """INT8, unless it loses more of val than MAX_DROP and MAX_DROP_BOTH allow."""
    allowed = {"species_top1": MAX_DROP, "joint_top1": MAX_DROP_BOTH}
    good = all(fp32[figure] - int8[figure] <= drop for figure, drop in allowed.items())
    return INT8 if good else FP32


def _manifest(run: Run, model: Classifier, exported: Exported) -> Manifest:
    described = {
        name: {key: found[key] for key in ("bytes", "sha256")}
        for name, found in exported.files.items()
    }
    records = {
        name: {key: value for key, value in found.items() if key not in described[name]}
        for name, found in exported.files.items()
    }
    return Manifest(
        name=run.path.name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        tree=run.tree.to_json(),
        default=exported.default,
        input=INPUT,
        outputs=output_descriptions(model),
        thresholds=exported.thresholds,
        provenance={
            "recipe": run.recipe.name,
            "backbone": run.recipe.backbone,
            "lake": name_of(run.lake),
            "snapshot": run.snapshot,
            "temperatures": exported.temperatures,
            "val": run.metrics["val"],
            "files": records,
        },
        files=described,
    )


def _judge(
    path: Path, encoded: Sequence[bytes], torch_says: Predictions, tree: LabelTree
) -> Judged:
    """What an ONNX file says of val, one picture after another, and how good and fast that is."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    seconds = 0.0
    rows = []
    for data in tqdm(encoded, desc=path.name, unit="picture"):
        image = decode_image(data)
        started = time.perf_counter()
        rows.append(session.run(["species_log_probs", "joint_log_probs"], {"image": image}))
        seconds += time.perf_counter() - started
    species, joint = (np.stack([row[i] for row in rows]) for i in (0, 1))
    condition = joint - species[:, list(tree.class_species())]
    said = Predictions(species, condition, joint, torch_says.class_index)
    found = figures(said, tree)
    record = {
        "species_top1": float(found["species_top1"]),
        "joint_top1": float(found["joint_top1"]),
        "largest_difference": float(np.abs(np.exp(joint) - np.exp(torch_says.joint)).max()),
        "milliseconds": seconds / len(rows) * 1000,
    }
    return Judged(said, record)


def _calibration_images(train: Selection) -> Iterable[np.ndarray]:
    """Pictures spread evenly over the classes, in class order, each decoded when asked for."""
    order = np.argsort(train.class_index, kind="stable")
    chosen = np.linspace(0, len(order) - 1, min(CALIBRATION_PICTURES, len(order))).round()
    return map(decode_image, read_encoded(train.take(order[chosen.astype(int)])))


def _refuse_foreign_folder(out: Path) -> None:
    for parent in out.parents:
        if parent.is_file():
            raise UsageError(
                f"{out}: {parent} is a file, so there can be no folder in it. "
                "Name another folder. Nothing was written."
            )
    if out.is_file() or (out.is_dir() and any(out.iterdir()) and not is_bundle(out)):
        raise UsageError(
            f"{out}: exists and is not a bundle. Name a new folder or a bundle to replace. "
            "Nothing was written."
        )
