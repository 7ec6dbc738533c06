"""The state of an unfinished run: RUN/last.pt. In: dictionaries. Out: the same after a kill.

    precision   the arithmetic that was chosen, such as bfloat16
    model       weights as they are now; after the first save those that the run began with
    rows        bytes of metrics.jsonl that belong to this state
    seconds     spent, pauses left out
    fine_tune   of train/fine_tune.py, once the heads are fitted: averaged weights, optimiser,
                loader, step, best weights and figures

Chance has no state: see train/augment.py.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

NAME = "last.pt"


def save_last(path: Path, state: dict[str, Any]) -> None:
    """Replace `last.pt` in the run's folder; a kill leaves the old one or the new one."""
    temporary = path / (NAME + ".tmp")
    with temporary.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())  # or a power cut could leave the new name without its bytes
    temporary.rename(path / NAME)


def load_last(path: Path, device: torch.device) -> dict[str, Any] | None:
    """The state, tensors on `device`; None if the run was stopped before it saved any."""
    try:
        state: dict[str, Any] = torch.load(path / NAME, map_location=device, weights_only=True)
    except FileNotFoundError:
        return None
    return state


def cut_rows(path: Path, size: int) -> None:
    """Take back the rows of metrics.jsonl after the first `size` bytes, which will come again."""
    rows = path / "metrics.jsonl"
    if rows.exists():
        os.truncate(rows, size)
