import numpy as np
import pytest

from train.bootstrap import exact_bound, intervals, replicates
from train.metrics import Marks


def marks(right: list[float], **confusions) -> Marks:
    return Marks({"share": np.array(right)}, confusions)


def test_pictures_of_one_group_are_drawn_together():
    groups = np.array(["b", "a", "b", "c"], dtype=object)
    (weights,) = replicates(groups, 50)
    assert weights.shape == (50, 4)
    assert np.array_equal(weights[:, 0], weights[:, 2])
    assert (weights[:, [0, 1, 3]].sum(axis=1) == 3).all()  # as many groups as there are


def test_replicates_are_the_same_in_chunks(monkeypatch):
    groups = np.arange(6)
    (whole,) = replicates(groups, 10)
    monkeypatch.setattr("train.bootstrap.CHUNK_CELLS", 20)
    parts = list(replicates(groups, 10))
    assert [len(part) for part in parts] == [3, 3, 3, 1]
    assert np.array_equal(np.concatenate(parts), whole)


def test_the_interval_of_independent_pictures_is_that_of_the_binomial_distribution():
    right = [1.0] * 80 + [0.0] * 20
    low, high = intervals(marks(right), np.arange(100))["share"]
    # The normal approximation: 0.8 +- 1.96 * sqrt(0.8 * 0.2 / 100).
    assert (low, high) == (pytest.approx(0.722, abs=0.015), pytest.approx(0.878, abs=0.015))


def test_groups_of_ten_widen_the_interval_about_threefold():
    right = [1.0] * 80 + [0.0] * 20
    low, high = intervals(marks(right), np.repeat(np.arange(10), 10))["share"]
    # As of ten pictures: sqrt(10) times as wide.
    assert high - low == pytest.approx(np.sqrt(10) * 0.157, rel=0.15)


def test_where_all_are_right_the_other_end_is_the_exact_bound_for_the_groups():
    found = intervals(marks([1.0, 1.0, 1.0, np.nan]), np.array(["a", "a", "b", "c"]))
    assert found == {"share": (pytest.approx(0.025**0.5), 1.0)}
    assert exact_bound(False, 2) == (0.0, pytest.approx(1 - 0.025**0.5))


def test_a_figure_that_no_picture_counts_for_has_no_interval():
    true, said = np.array([-1, -1]), np.array([0, 1])
    assert intervals(marks([np.nan, np.nan], f1=(true, said)), np.arange(2)) == {}


def test_macro_f1_has_an_interval_around_it():
    true = np.repeat([0, 1], 50)
    said = np.where(np.arange(100) % 5 == 0, 1 - true, true)
    low, high = intervals(marks([1.0, 0.0] * 50, f1=(true, said)), np.arange(100))["f1"]
    assert low < 0.8 < high
    assert high - low == pytest.approx(0.157, rel=0.2)
