"""A run on disk: RUNS/<recipe>-<timestamp>/.

config.json is written first, metrics.jsonl grows, best.safetensors is replaced whenever val got
better, last.pt is what `leaflake train --resume` goes on from, metrics.png shows metrics.jsonl, and
metrics.json comes last and means "complete".
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import nn

from catalog.storage import Place, as_place, resolved
from catalog.taxonomy import LabelTree
from leaflake import UsageError
from shards.order import this_rank
from train.backbones import load_backbone
from train.classifier import Classifier
from train.finder_file import TrainedFinder, read_finder
from train.hardware import describe_hardware
from train.leaf_preprocess import crop_first
from train.recipe import Recipe

FINDER = "finder"
"""Folder of a run's own copy of the leaf finder that it was trained with."""

PACKAGES = (
    "leaflake", "torch", "torchvision", "timm", "numpy", "safetensors", "duckdb", "pyarrow",
    "simplejpeg", "opencv-python-headless", "pillow",
)  # fmt: skip


@dataclass(frozen=True)
class Run:
    """A run, read back."""

    path: Path
    recipe: Recipe
    tree: LabelTree
    lake: Place
    snapshot: int
    config: dict[str, Any]
    """All of config.json."""

    metrics: dict[str, Any]
    """Of metrics.json; empty if the run is not complete."""

    @property
    def is_complete(self) -> bool:
        """Whether it was trained to its end."""
        return (self.path / "metrics.json").is_file()

    def load_model(self) -> Classifier:
        """The trained network, in evaluation mode on the processor.

        Raises UsageError for a backbone that was trained without labels.
        """
        if self.recipe.twins == 1:
            raise UsageError(
                f"{self.path}: was trained without labels, and names nothing. Begin a run with it: "
                f"leaflake train cpu --init {self.path}. Nothing was written."
            )
        backbone = load_backbone(self.recipe.backbone, pretrained=False)
        model = Classifier(backbone, self.tree, self.recipe.eval_size, self.recipe.heads)
        model.load_state_dict(safetensors.torch.load_file(self.path / "best.safetensors"))
        return self.as_trained(model.eval())

    def as_trained(self, model: Classifier) -> Classifier:
        """`model` looking at what the run learnt from: leaves, if its recipe has a finder."""
        finder = self.finder()
        return model if finder is None else crop_first(model, finder)

    def finder(self) -> TrainedFinder | None:
        """The run's own copy of its leaf finder; None for a run of whole pictures."""
        return None if self.recipe.finder is None else read_finder(self.path / FINDER)


def start_run(
    runs: Path,
    recipe: Recipe,
    tree: LabelTree,
    lake: Place,
    snapshot: int,
    weights: str,
    finder: TrainedFinder | None = None,
) -> Path:
    """Make the run's folder, copy its finder and write its config.json."""
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    path = runs / f"{recipe.name}-{stamp}"
    path.mkdir(parents=True)
    if finder is not None:
        finder.copy_to(path / FINDER)
    config = {
        "recipe": asdict(recipe),
        "lake": str(resolved(lake)),
        "snapshot": snapshot,
        "initial_weights": weights,
        "finder": None if finder is None else finder.digest(),
        "commit": code_commit(),
        "versions": {name: version(name) for name in PACKAGES},
        "hardware": describe_hardware(),
        "processes": this_rank().world,
        "tree": tree.to_json(),
    }
    _write_json(path / "config.json", config)
    return path


def finish_run(path: Path, model: nn.Module, metrics: dict[str, Any]) -> None:
    """Write the weights and, last, metrics.json."""
    save_weights(path, model.state_dict())
    _write_json(path / "metrics.json", metrics)


def save_weights(path: Path, state: Mapping[str, torch.Tensor]) -> None:
    """Write or replace best.safetensors."""
    # Contiguous: safetensors stores no strides, and convolutions are channels-last here. The
    # projector of train/twins.py is for training alone.
    state = {
        key: value.cpu().contiguous()
        for key, value in state.items()
        if not key.startswith("projector.")
    }
    temporary = path / "best.safetensors.tmp"
    safetensors.torch.save_file(state, temporary)
    temporary.rename(path / "best.safetensors")


def append_row(path: Path, row: dict[str, Any]) -> None:
    """Add one line to metrics.jsonl."""
    with (path / "metrics.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


def read_run(path: Path) -> Run:
    """Read a complete run. Raises UsageError if the folder is none, or of another version."""
    run = read_begun(path)
    if not run.is_complete:
        raise UsageError(
            f"{path}: the run did not finish (no metrics.json). Go on with: "
            f"leaflake train --resume {path}"
        )
    return run


def read_begun(path: Path) -> Run:
    """Read a run that may have been interrupted. Raises UsageError like `read_run`."""
    if not (path / "config.json").is_file():
        raise UsageError(
            f"{path}: not a run, there is no config.json in it. "
            "Name a folder that `leaflake train` made. Nothing was written."
        )
    config = json.loads((path / "config.json").read_text(encoding="utf-8"))
    metrics = {}
    if (path / "metrics.json").is_file():
        metrics = json.loads((path / "metrics.json").read_text(encoding="utf-8"))
    return Run(
        path=path,
        recipe=_read_recipe(path, config),
        tree=LabelTree.from_json(config["tree"]),
        lake=as_place(config["lake"]),
        snapshot=config["snapshot"],
        config=config,
        metrics=metrics,
    )


def find_finished(runs: Path, recipe: Recipe, lake: Place, snapshot: int) -> Path | None:
    """The newest complete run of these very settings on this snapshot, if there is one."""
    for path in sorted(runs.glob(f"{recipe.name}-*"), reverse=True):
        try:
            run = read_run(path)
        except UsageError:  # unfinished, or of a version with other settings
            continue
        same = run.recipe == recipe and run.lake == resolved(lake)
        if same and run.snapshot == snapshot:
            return path
    return None


def _read_recipe(path: Path, config: dict[str, Any]) -> Recipe:
    try:
        return Recipe(**config["recipe"])
    except TypeError as error:
        raise UsageError(
            f"{path / 'config.json'}: the recipe is of another version of Leaflake ({error}). "
            f"Use the version that trained it (commit {config['commit']}), or train anew."
        ) from None


def code_commit() -> str:
    """The git commit of the code, or "unknown" for an installed package."""
    result = subprocess.run(
        ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"],
        capture_output=True,
        text=True,
        check=False,
    )
    return result.stdout.strip() or "unknown"


def _write_json(path: Path, value: Any) -> None:
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    temporary.rename(path)
