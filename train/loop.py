"""Training: loaders and a fresh classifier in, trained weights and their val figures out.

First the heads on frozen features, which is what the others have to be better than; then the whole
network until the recipe's epochs are done or its minutes are over.
"""

from __future__ import annotations

from typing import Any

import torch

from train.augment import seed_step
from train.fine_tune import FineTune
from train.heads_stage import fit_heads
from train.kept_memory import keep_freed_memory
from train.lesson import Row as Row
from train.pretraining import Pretraining
from train.speed import choose_precision, precision_name
from train.training import Training as Training


def fit(
    training: Training | Pretraining, saved: dict[str, Any] | None = None
) -> dict[str, float | int]:
    """Train, from the beginning or from a `saved` state; see train/checkpoint.py.

    Leaves the best averaged weights in `training.model`. Returns their val figures, of which there
    are none without labels.
    """
    if training.device.type == "cpu":
        keep_freed_memory()
    seed_step(training.recipe.seed, 0, training.team)
    if saved is None:
        choose_precision(training)
        saved = begun(training)
        training.save(saved)
    training.precision = getattr(torch, saved["precision"])
    training.model.load_state_dict(saved["model"])
    if "fine_tune" in saved:
        tuning = FineTune(training)
        tuning.load_state_dict(saved["fine_tune"])
        return tuning.run()
    found = None
    if isinstance(training, Training) and training.recipe.heads_first:
        found = fit_heads(training)
    tuning = FineTune(training)
    if found is not None:
        tuning.offer(0, found)
    training.save({**begun(training), "fine_tune": tuning.state_dict()})
    return tuning.run()


def begun(training: Training | Pretraining) -> dict[str, Any]:
    """A state of which no stage is done."""
    return {
        "precision": precision_name(training.precision),
        "model": training.model.state_dict(),
    }
