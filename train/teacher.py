"""A bigger run that a smaller network learns from. In: a run folder. Out: its answers to crops."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch.nn import functional

from catalog.taxonomy import LabelTree
from train.classifier import Classifier
from train.hierarchy import LogProbs
from train.losses import teacher_columns
from train.run_folder import read_run


@dataclass(frozen=True)
class Teacher:
    """A trained network that stays as it is."""

    model: Classifier
    size: int
    """Side of the crops that it was trained on, pixels."""

    columns: torch.Tensor
    """int64 (C,), where the pupil's classes stand among its own."""

    @torch.no_grad()
    def answer(self, levels: torch.Tensor) -> LogProbs:
        """Of the pupil's own crops: float levels 0-255 (N, 3, H, W), also mixed ones.

        Both must see the same for the pupil to copy it (Beyer et al., "Knowledge distillation: A
        good teacher is patient and consistent", 2022, section 3.1).
        """
        if levels.shape[-1] != self.size:
            sides = (self.size, self.size)
            levels = functional.interpolate(levels, sides, mode="bilinear", antialias=True)
        pixels = self.model.preprocess.normalise(levels)
        return self.model.classify(pixels.contiguous(memory_format=torch.channels_last))[0]


def load_teacher(path: Path, tree: LabelTree, device: torch.device) -> Teacher:
    """The run at `path`. Raises UsageError if it is none, or lacks a class of `tree`."""
    run = read_run(path)
    columns = teacher_columns(run.tree, tree, str(path)).to(device)
    model = run.load_model().to(device).to(memory_format=torch.channels_last)
    return Teacher(model.requires_grad_(False), run.recipe.train_size, columns)
