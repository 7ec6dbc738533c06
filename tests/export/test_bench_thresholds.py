import numpy as np
import pytest

from catalog.taxonomy import LabelTree
from export.bench_thresholds import COLUMNS, WAYS, _figures, _round
from export.calibrate import Thresholds
from train.metrics import Predictions

TREE = LabelTree.from_pairs([("apple", "healthy"), ("apple", "rust"), ("corn", "healthy")])
RUST, APPLE, CORN = [0.1, 0.8, 0.1], [0.4, 0.35, 0.25], [0.45, 0.0, 0.55]


def predictions(*kinds: tuple[list[float], int, int]) -> Predictions:
    """Probabilities of the classes, the true class; how many such pictures."""
    joint = np.array([one for one, _, count in kinds for _ in range(count)])
    truth = np.array([true for _, true, count in kinds for _ in range(count)])
    species = np.stack([joint[:, :2].sum(axis=1), joint[:, 2]], axis=1)
    logs = [np.log(np.maximum(one, 1e-9)) for one in (species, joint)]
    return Predictions(logs[0], logs[1] - logs[0][:, [0, 0, 1]], logs[1], truth)


def test_figures_count_answers_of_each_rank_and_what_species_miss():
    thresholds = Thresholds(0.95, np.array([0.7, 0.6]), np.array([0.5, 0.5, 0.6]))
    # 8 conditions, of which 6 are right, then 1 species, right, and 1 that is not sure.
    said = predictions((RUST, 1, 6), (RUST, 0, 2), (APPLE, 0, 1), (CORN, 2, 1))
    expected = (0.8, 0.75, 0.1, 1.0, 0.9, 7 / 9, 0.0, (0.95 * 9 - 7) / 9)
    assert list(_figures(said, TREE, thresholds).values()) == pytest.approx(list(expected))


def test_every_way_is_held_against_pictures_that_it_did_not_see():
    val = predictions((RUST, 1, 200), (APPLE, 0, 60), (CORN, 0, 30))
    test = predictions((RUST, 1, 100), (RUST, 2, 2), (CORN, 0, 30))
    found = _round(val, test, TREE)
    assert list(found) == list(WAYS)
    assert all(tuple(row) == COLUMNS for row in found.values())
    exported = found["pooled (what export does)"]
    assert exported["conditions"] == pytest.approx(102 / 132)
    assert exported["right"] == pytest.approx(100 / 102)
