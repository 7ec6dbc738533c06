import numpy as np

from train.coverage import coverage_curve


def test_accuracy_of_the_surest_answers_rises_with_what_is_withheld():
    found = coverage_curve(np.array([0.4, 0.9, 0.6, 0.8]), np.array([False, True, True, False]))
    assert found.coverage.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert found.accuracy.tolist() == [1.0, 0.5, 2 / 3, 0.5]
    assert found.threshold.tolist() == [0.9, 0.8, 0.6, 0.4]


def test_answers_of_one_probability_are_given_together():
    found = coverage_curve(np.array([0.5, 0.9, 0.5]), np.array([True, True, False]))
    assert found.coverage.tolist() == [1 / 3, 1.0]
    assert found.accuracy.tolist() == [1.0, 2 / 3]


def test_a_point_covers_at_least_what_is_asked():
    found = coverage_curve(np.arange(10, 0, -1) / 10, np.array([True] * 9 + [False]))
    assert found.at(0.9) == {"coverage": 0.9, "accuracy": 1.0, "threshold": 0.2}
    assert found.at(0.91) == {"coverage": 1.0, "accuracy": 0.9, "threshold": 0.1}
