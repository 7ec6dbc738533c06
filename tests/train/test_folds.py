"""Wrong labels are found in pictures that a model was trained on, by heads that never saw them."""

import numpy as np
import pytest
import torch

from catalog.lake import create_lake
from catalog.taxonomy import LabelTree
from leaflake import UsageError
from shards.select import Selection
from train.backbones import Backbone, load_backbone
from train.classifier import Classifier
from train.folds import fold_of, judge_in_folds, load_untrained, predict_folds
from train.judged import Pictures
from train.predict import extract_features
from train.predictions_table import predictions_of, write_predictions
from train.recipe import LITE0
from train.recipes import cpu
from train.run_folder import Run

CLASSES = {
    "pv_lab/Apple___Apple_scab": ("apple", "scab"),
    "pv_lab/Strawberry___Leaf_scorch": ("strawberry", "leaf_scorch"),
    "pv_lab/Corn___Common_rust": ("corn", "common_rust"),
    "mango_bd/Anthracnose": ("mango", "anthracnose"),
    "mango_bd/Healthy": ("mango", "healthy"),
}
"""Folder of real pictures -> label. Twenty of each are taken."""

PLANTED = {3: 1, 25: 0, 48: 4, 66: 4, 90: 2}
"""Picture -> wrong class, by position: one in each folder; of mango one is healthy instead."""


def run_of(tree: LabelTree, tmp_path) -> Run:
    return Run(tmp_path / "cpu-1", cpu(), tree, tmp_path, 1, {}, {})


def test_pictures_of_one_group_share_a_fold_and_folds_are_of_a_size():
    groups = np.repeat(np.arange(50).astype(str), 2)
    fold = fold_of(groups)
    assert np.array_equal(fold[::2], fold[1::2])
    assert np.bincount(fold).tolist() == [20] * 5


def test_a_picture_is_judged_by_heads_that_did_not_see_its_label():
    tree = LabelTree.from_pairs([("apple", "rust"), ("corn", "rust")])
    # Two clouds of features, and picture 0 with the label of the other one.
    features = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    truth = np.repeat([0, 1], 30)
    features[:, 0] += np.where(truth == 1, 6, -6)
    label = truth.copy()
    label[0] = 1
    said = predict_folds(features, label, np.arange(60), tree)
    assert np.array_equal(said.joint.argmax(axis=1), truth)
    assert np.array_equal(said.class_index, label)
    assert np.exp(said.joint).sum(axis=1) == pytest.approx(1)


def test_five_planted_labels_in_a_hundred_real_pictures_are_in_the_top_ten(
    shared_data, tmp_path, monkeypatch
):
    files = [
        file
        for folder in CLASSES
        for file in sorted((shared_data / "leaves" / folder).iterdir())[:20]
    ]
    labels = list(CLASSES.values())
    tree = LabelTree.from_pairs(labels)
    given = np.repeat([tree.class_index(*label) for label in labels], 20)
    for position, wrong in PLANTED.items():
        given[position] = tree.class_index(*labels[wrong])
    assert len(files) == 100
    keys = tuple(f"000000-{number:05}" for number in range(100))
    nothing = np.zeros(100, np.int64)
    selection = Selection(keys, ("d",) * 100, given, nothing, nothing, nothing, tmp_path)
    pictures = Pictures(selection, np.array(keys, dtype=object), ("f",) * 100, ("p",) * 100)
    monkeypatch.setattr("train.folds.read_encoded", lambda _: [file.read_bytes() for file in files])
    run = run_of(tree, tmp_path)
    judged = judge_in_folds(load_untrained(run), pictures, tree)
    with create_lake(tmp_path / "lake") as lake, lake.commit("samples") as connection:
        for key, class_index in zip(keys, given.tolist(), strict=True):
            species, condition = tree.label(class_index)
            connection.execute(
                'INSERT INTO samples ("key", species, "condition") VALUES (?, ?, ?)',
                [key, species.species_id, condition.condition_id],
            )
    write_predictions(tmp_path / "lake", run.path.name, predictions_of(run, "train", judged))
    with create_lake(tmp_path / "lake") as lake:
        top = lake.connection.execute('SELECT "key" FROM suspect_labels LIMIT 10').fetchall()
    assert {keys[position] for position in PLANTED} <= {row[0] for row in top}


def test_a_run_from_random_weights_has_no_features_to_judge_by(tmp_path, monkeypatch):
    tree = LabelTree.from_pairs([("apple", "rust")])
    random = load_backbone(LITE0, pretrained=False)
    monkeypatch.setattr("train.folds.load_backbone", lambda *_, **__: random)
    with pytest.raises(UsageError, match="random weights.*Nothing was written"):
        load_untrained(run_of(tree, tmp_path))


def test_features_come_one_by_one_from_the_bytes(draw, encode):
    network = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    tree = LabelTree.from_pairs([("apple", "rust")])
    model = Classifier(Backbone(network, 3, (0.5,) * 3, (0.5,) * 3, "none"), tree, eval_size=8)
    found = extract_features(model, [encode(draw(seed)) for seed in range(3)], "features")
    assert found.shape == (3, 3)
    assert len(np.unique(found[:, 0])) == 3
