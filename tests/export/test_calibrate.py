import numpy as np
import pytest

from catalog.taxonomy import LabelTree
from export.calibrate import answer_threshold, fit_temperatures, fit_thresholds
from train.metrics import Predictions

TREE = LabelTree.from_pairs([("apple", "healthy"), ("apple", "rust"), ("corn", "healthy")])


def test_threshold_is_the_least_probability_whose_answers_are_right_often_enough():
    # 95 right answers at 0.9, then 5 wrong ones at 0.8, then only wrong ones.
    probability = np.array([0.9] * 95 + [0.8] * 5 + [0.5] * 10)
    is_right = np.array([True] * 95 + [False] * 15)
    assert answer_threshold(probability, is_right) == 0.8


def test_too_few_pictures_leave_it_to_the_calibrated_probability():
    assert answer_threshold(np.array([0.9, 0.8]), np.array([True, True])) == 0.95


def test_an_accuracy_that_is_never_reached_does_too():
    assert answer_threshold(np.full(100, 0.9), np.zeros(100, dtype=bool)) == 0.95


def test_an_easy_val_does_not_ask_for_more_than_the_target():
    assert answer_threshold(np.full(100, 0.999), np.ones(100, dtype=bool)) == 0.95


def test_a_species_is_never_asked_for_more_than_its_condition():
    # All are right, so each rank alone would ask for its own least probability, 0.95 and 0.6014.
    species = np.log(np.array([[0.97, 0.03]] * 100))
    condition = np.log(np.array([[0.62, 0.38, 1.0]] * 100))
    joint = condition + species[:, [0, 0, 1]]
    found = Predictions(species, condition, joint, np.array([0] * 100))
    assert fit_thresholds(found, TREE) == pytest.approx({"species": 0.6014, "condition": 0.6014})


def test_temperature_of_an_overconfident_model_brings_confidence_down_to_accuracy():
    # Says 0.99 for apple and for healthy, and is right in 3 of 4: log(0.75/0.25) = log(99)/T.
    species = np.log(np.array([[0.99, 0.01]] * 400))
    condition = np.log(np.array([[0.99, 0.01, 1.0]] * 400))
    truth = np.array([0] * 300 + [2] * 100)
    found = Predictions(species, condition, condition + species[:, [0, 0, 1]], truth)
    temperature, _ = fit_temperatures(found, TREE)
    assert temperature == pytest.approx(np.log(99) / np.log(3), rel=0.05)
