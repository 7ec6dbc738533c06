from pathlib import Path

import numpy as np
import pytest

from catalog.lake import create_lake
from catalog.taxonomy import LabelTree
from shards.select import Selection
from train.bench_labels import Trial, bench, plant, try_view
from train.judged import Judged, Pictures
from train.metrics import Predictions
from train.recipes import cpu
from train.run_folder import Run

TREE = LabelTree.from_pairs(
    [("apple", "healthy"), ("apple", "rust"), ("apple", "scab"), ("corn", "rust")]
)
RUN = Run(Path("runs/cpu-1"), cpu(), TREE, Path("lake"), 7, {}, {})


def test_every_planted_label_is_wrong_and_the_others_stay():
    truth = np.tile([0, 1, 2, 3], 50)
    positions = np.arange(0, 200, 3)
    wrong = plant(truth, positions, TREE, np.random.default_rng(0))
    assert np.flatnonzero(wrong != truth).tolist() == positions.tolist()
    # Apples become another condition of apples in half of the cases, and in 2 of 3 of the others.
    stay = wrong[positions][truth[positions] < 3] < 3
    assert stay.mean() == pytest.approx(5 / 6, abs=0.1)


def judged(truth: np.ndarray, label: np.ndarray, p: float) -> Judged:
    """A model that gives each true class the probability `p`."""
    joint = np.full((len(truth), 4), (1 - p) / 3)
    joint[np.arange(len(truth)), truth] = p
    species = np.stack([joint[:, :3].sum(axis=1), joint[:, 3]], axis=1)
    condition = np.log(joint / species[:, list(TREE.class_species())])
    keys = tuple(f"k{number:03}" for number in range(len(truth)))
    nothing = np.zeros(len(truth), np.int64)
    selection = Selection(keys, ("d",) * len(keys), label, nothing, nothing, nothing, Path("s"))
    pictures = Pictures(selection, np.array(keys, dtype=object), keys, keys)
    return Judged(pictures, Predictions(np.log(species), condition, np.log(joint), label))


def test_the_view_is_asked_and_answers_are_counted(tmp_path):
    truth = np.tile([0, 1, 2, 3], 5)
    label = truth.copy()
    label[[4, 9]] = [1, 2]
    with create_lake(tmp_path / "lake") as lake:
        trial = try_view(lake, RUN, judged(truth, label, 0.9), np.array([4, 9]))
        # Asked again about other labels, the lake holds only those.
        label[9] = truth[9]
        again = try_view(lake, RUN, judged(truth, label, 0.9), np.array([4]))
    assert trial == Trial(planted=2, pictures=20, in_top=2, in_first=2)
    assert again == Trial(planted=1, pictures=20, in_top=1, in_first=1)


def test_a_model_that_is_always_right_finds_all_of_them():
    truth = np.tile([0, 1, 2, 3], 30)
    test = judged(truth, truth, 0.97)
    features = np.eye(4, dtype=np.float32)[truth] * 9
    table = bench(RUN, test, test.pictures, features, draws=2)
    assert [line.split("  ")[0] for line in table.splitlines()] == [
        *("labels of", "test, mean of 2", "test", "train, in folds")
    ]
    assert "5.00, all 5 in 2" in table
    assert [line.split()[-3:] for line in table.splitlines()[2:]] == [["6", "6", "6"]] * 2
