import numpy as np
import pytest

from catalog.taxonomy import LabelTree
from train.calibration import fit_temperatures, reliability, with_temperatures
from train.metrics import Predictions

TREE = LabelTree.from_pairs([("apple", "healthy"), ("apple", "rust"), ("corn", "healthy")])


def predictions(species: list[float], condition: list[float], truth: list[int]) -> Predictions:
    """The same answer to every picture."""
    log_species = np.log(np.array([species] * len(truth), dtype=np.float32))
    log_condition = np.log(np.array([condition] * len(truth), dtype=np.float32))
    joint = log_condition + log_species[:, list(TREE.class_species())]
    return Predictions(log_species, log_condition, joint, np.array(truth))


def test_temperature_of_an_overconfident_model_brings_confidence_down_to_accuracy():
    # Says 0.99 for apple and for healthy, and is right in 3 of 4: log(0.75/0.25) = log(99)/T.
    said = predictions([0.99, 0.01], [0.99, 0.01, 1.0], [0] * 300 + [2] * 100)
    temperature, _ = fit_temperatures(said, TREE)
    assert temperature == pytest.approx(np.log(99) / np.log(3), rel=0.05)


def test_temperatures_divide_the_logits_of_each_rank():
    said = predictions([0.8, 0.2], [0.9, 0.1, 1.0], [0])
    scaled = with_temperatures(said, TREE, (2.0, 0.5))
    # sqrt(0.8) : sqrt(0.2) = 2 : 1, and 0.9 ** 2 : 0.1 ** 2 = 81 : 1.
    assert np.exp(scaled.species[0]).tolist() == pytest.approx([2 / 3, 1 / 3])
    assert np.exp(scaled.condition[0]).tolist() == pytest.approx([81 / 82, 1 / 82, 1])
    expected = [2 / 3 * 81 / 82, 2 / 3 / 82, 1 / 3]
    assert np.exp(scaled.joint[0]).tolist() == pytest.approx(expected)


def test_temperatures_of_one_change_nothing():
    said = predictions([0.8, 0.2], [0.9, 0.1, 1.0], [0, 1])
    assert with_temperatures(said, TREE, (1.0, 1.0)).joint == pytest.approx(said.joint, abs=1e-6)


def test_calibration_error_is_the_gap_of_each_bin_by_its_answers():
    # Three answers in the bin to 1.0, two of them right; one in the bin from 0.2 to 0.267, wrong.
    found = reliability(np.array([0.95, 0.97, 0.99, 0.25]), np.array([True, True, False, False]))
    assert found.pictures.tolist() == [0] * 3 + [1] + [0] * 10 + [3]
    assert found.error == pytest.approx((3 * (0.97 - 2 / 3) + 1 * 0.25) / 4)


def test_a_probability_on_an_edge_belongs_to_the_lower_bin():
    bins = reliability(np.array([0.0, 0.2, 1.0]), np.array([True, True, True])).pictures
    assert np.flatnonzero(bins).tolist() == [0, 2, 14]


def test_the_temperature_of_conditions_is_fitted_within_the_true_species():
    # Of apples 0.99 healthy is said and 3 of 4 are; corn has no choice, and tells nothing.
    said = predictions([0.5, 0.5], [0.99, 0.01, 1.0], [0] * 300 + [1] * 100 + [2] * 200)
    _, temperature = fit_temperatures(said, TREE)
    assert temperature == pytest.approx(np.log(99) / np.log(3), rel=0.05)
