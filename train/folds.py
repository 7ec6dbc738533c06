"""Predictions of training pictures by heads that have not seen them.

In: a run and its train split. Out: the pictures with what was said of each. To find wrong labels
among the pictures that a network was trained on, it cannot be asked itself: it has learnt them by
heart, the wrong ones too. So heads are fitted anew, once for each of FOLDS parts of the groups, on
features of the network that the run started from, and say something of the part that they have not
seen (cross-validation, as in Northcutt, Jiang and Chuang, "Confident Learning", 2021, section 3.1).
They are less good than the run, but they do not repeat what is wrong.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from catalog.taxonomy import LabelTree
from leaflake import UsageError
from shards.select import read_encoded
from train.backbones import load_backbone
from train.calibration import fit_temperatures, with_temperatures
from train.classifier import Classifier
from train.hierarchy import HierarchicalHeads
from train.judged import Judged, Pictures
from train.losses import Loss
from train.metrics import Predictions
from train.predict import extract_features
from train.run_folder import Run

FOLDS = 5

STEPS = 200
BATCH = 512
LEARNING_RATE = 0.003
WEIGHT_DECAY = 0.01
"""Softer than in the first stage of training (train/heads_stage.py), so that the heads do not bend
to single labels: of 326 wrong labels that were planted among 6,531, the first 326 suspects held
70 %, and 56 % with its 300 steps at 0.01 and label smoothing (2026-11-22)."""


def load_untrained(run: Run) -> Classifier:
    """The run's network as it was before it saw any label.

    Raises UsageError if those weights cannot be had again, or were random.
    """
    init = Path(run.recipe.init) if run.recipe.init else None
    if init and ((init if init.is_dir() else init.parent) / "config.json").is_file():
        raise UsageError(
            f"{run.path}: started from the run {init}, which may have seen the labels of train, so "
            "that --all cannot judge them. Leave it out. Nothing was written."
        )
    backbone = load_backbone(run.recipe.backbone, init=init)
    if backbone.weights == "none":
        raise UsageError(
            f"{run.path}: started from random weights, whose features tell nothing of pictures, so "
            "that --all cannot judge those of train. Leave it out. Nothing was written."
        )
    return run.as_trained(Classifier(backbone, run.tree, run.recipe.eval_size))


def judge_in_folds(untrained: Classifier, pictures: Pictures, tree: LabelTree) -> Judged:
    """Every picture with calibrated predictions of heads that saw nothing of its group."""
    features = extract_features(untrained, read_encoded(pictures.selection), "features")
    return calibrated_folds(features, pictures, tree)


def calibrated_folds(features: np.ndarray, pictures: Pictures, tree: LabelTree) -> Judged:
    """The same of features float32 (N, D)."""
    said = predict_folds(features, pictures.selection.class_index, pictures.groups, tree)
    return Judged(pictures, with_temperatures(said, tree, fit_temperatures(said, tree)))


def predict_folds(
    features: np.ndarray, class_index: np.ndarray, groups: np.ndarray, tree: LabelTree
) -> Predictions:
    """Out-of-fold predictions of features float32 (N, D); pictures of one group share a fold."""
    fold = fold_of(groups)
    species = np.empty((len(features), tree.num_species), np.float32)
    condition, joint = (np.empty((len(features), tree.num_classes), np.float32) for _ in range(2))
    inputs, targets = torch.from_numpy(features), torch.from_numpy(class_index)
    for number in range(FOLDS):
        held_out = torch.from_numpy(fold == number)
        if not held_out.any():
            continue
        heads = _fit(inputs[~held_out], targets[~held_out], tree)
        with torch.inference_mode():
            found = heads(inputs[held_out])
        species[fold == number] = found.species.numpy()
        condition[fold == number] = found.condition.numpy()
        joint[fold == number] = found.joint.numpy()
    return Predictions(species, condition, joint, class_index)


def fold_of(groups: np.ndarray) -> np.ndarray:
    """int64 (N,), 0 to FOLDS - 1: the same for pictures of one group."""
    names, index = np.unique(groups, return_inverse=True)
    order = np.random.default_rng(0).permutation(len(names))
    return np.asarray(order[index] % FOLDS)


def _fit(features: torch.Tensor, targets: torch.Tensor, tree: LabelTree) -> HierarchicalHeads:
    generator = torch.Generator().manual_seed(0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        heads = HierarchicalHeads(features.shape[1], tree)
    loss_of = Loss(tree)
    optimiser = torch.optim.AdamW(heads.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    for _ in range(STEPS):
        chosen = torch.randint(len(features), (BATCH,), generator=generator)
        loss = loss_of(heads(features[chosen]), targets[chosen])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return heads.eval()
