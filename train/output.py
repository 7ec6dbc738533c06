"""Where a run writes, and what it prints. In: rows and states. Out: files, and lines for people."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from shards.select import UNLABELLED
from train.checkpoint import save_last
from train.data import Data
from train.distributed import Team
from train.lesson import Row
from train.recipe import Recipe
from train.run_folder import append_row, save_weights


class Output:
    """Where a run writes and prints; of several processes only the first does."""

    def __init__(self, path: Path, team: Team, before_s: float = 0.0) -> None:
        self.path = path
        self.team = team
        self.started = time.time() - before_s

    def seconds(self) -> float:
        """Spent on the run, pauses left out."""
        return time.time() - self.started

    def log(self, row: Row) -> None:
        """Add a row to metrics.jsonl, and say it."""
        if self.team.is_first:
            append_row(self.path, {"seconds": round(self.seconds(), 1), **row})
            tqdm.write(describe(row), file=sys.stderr)  # lifts the bar first

    def keep(self, state: Mapping[str, torch.Tensor]) -> None:
        """Replace the best weights."""
        if self.team.is_first:
            save_weights(self.path, state)

    def save(self, state: dict[str, Any]) -> None:
        """Replace the state to go on from."""
        if self.team.is_first:
            rows = self.path / "metrics.jsonl"
            size = rows.stat().st_size if rows.exists() else 0
            save_last(self.path, {**state, "rows": size, "seconds": self.seconds()})


SPOKEN = {
    "species_top1": "species",
    "condition_top1": "disease",
    "condition_top3": "disease top-3",
    "joint_top1": "both",
}


def describe(row: Row) -> str:
    """One row of metrics.jsonl for people."""
    if row["stage"] == "pictures/s":
        rates = [f"{name} {rate}" for name, rate in row.items() if name != "stage"]
        return f"training steps, pictures/s: {', '.join(rates)}"
    stage = f"epoch {row['epoch']}" if "epoch" in row else "heads on frozen features"
    if row["stage"] == "steps":
        stage += f", step {row['steps']}"
    said = [f"{stage}: loss {row['loss']:.3f}"]
    if "accuracy" in row:
        said.append(f"accuracy {100 * float(row['accuracy']):.1f} %")
    if row["stage"] != "steps":
        said += [f"val {figures}"] if (figures := describe_figures(row)) else []
    if "pictures_per_s" in row:
        waiting = 100 * float(row["waiting_share"])
        said.append(f"{row['pictures_per_s']} pictures/s, {waiting:.1f} % waiting for them")
    if "left_s" in row:
        said.append(f"{float(row['left_s']) / 60:.0f} minutes left")
    return "; ".join(said)


def describe_figures(found: Mapping[str, float | int | str]) -> str:
    """Accuracies for people, as per cent."""
    return ", ".join(
        f"{spoken} {100 * float(found[key]):.1f} %"
        for key, spoken in SPOKEN.items()
        if key in found
    )


def describe_start(recipe: Recipe, data: Data, weights: str) -> str:
    """What is trained, on what."""
    tree, without = data.tree, int((data.train.class_index == UNLABELLED).sum())
    begins = f"{recipe.name}: {recipe.backbone} ({weights} weights), "
    if recipe.twins == 1:
        return f"{begins}{without:,} pictures, whose labels it does not see"
    alone = int((data.train.class_index >= tree.num_classes).sum())
    parts = [f"{alone:,} known only to the species"] * (alone > 0)
    parts += [f"{without:,} without a label"] * (without > 0)
    known = f" ({', '.join(parts)})" if parts else ""
    return (
        f"{begins}{len(data.train):,} train{known} "
        f"and {len(data.val):,} val pictures, {tree.num_species} species, "
        f"{tree.num_classes} classes"
    )
