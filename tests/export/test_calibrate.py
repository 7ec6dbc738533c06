import numpy as np
import pytest

from catalog.taxonomy import LabelTree
from export.calibrate import answer_threshold, fit_thresholds
from train.metrics import Predictions

TREE = LabelTree.from_pairs([("apple", "healthy"), ("apple", "rust"), ("corn", "healthy")])


def answers(*runs: tuple[int, float, bool]) -> tuple[np.ndarray, np.ndarray]:
    """So many answers of a probability, right or wrong."""
    probability = [p for count, p, _ in runs for _ in range(count)]
    is_right = [right for count, _, right in runs for _ in range(count)]
    return np.array(probability), np.array(is_right)


def test_threshold_is_the_least_probability_whose_answers_are_right_often_enough():
    found = answers((95, 0.9, True), (5, 0.8, False), (10, 0.5, False))
    assert answer_threshold(*found) == 0.8


def test_a_model_that_is_right_only_when_very_sure_is_asked_for_that():
    found = answers((20, 0.99, True), (1, 0.98, True), (80, 0.97, False))
    assert answer_threshold(*found) == 0.98


def test_answers_of_one_probability_are_given_together_or_not_at_all():
    # The first 21 at 0.9 would pass, but a threshold cannot tell them from the wrong ones.
    found = answers((20, 0.99, True), (1, 0.9, True), (80, 0.9, False))
    assert answer_threshold(*found) == 0.99


@pytest.mark.parametrize("right", [True, False])
def test_too_few_pictures_leave_it_to_the_calibrated_probability(right):
    assert answer_threshold(*answers((19, 0.6, right))) == 0.95
    assert answer_threshold(np.array([]), np.array([], dtype=bool)) == 0.95


def test_from_twenty_pictures_on_val_decides():
    assert answer_threshold(*answers((20, 0.6, True))) == 0.6
    assert answer_threshold(*answers((20, 0.6, False))) == 1.01


def test_an_accuracy_that_is_never_reached_is_never_answered():
    assert answer_threshold(*answers((100, 0.9, False))) == 1.01
    assert answer_threshold(*answers((19, 0.99, True), (100, 0.9, False))) == 1.01


def test_an_easy_val_does_not_ask_for_more_than_the_target():
    assert answer_threshold(*answers((100, 0.999, True))) == 0.95


def test_a_species_is_never_asked_for_more_than_its_condition():
    # All are right, so each rank alone would ask for its own least probability, 0.95 and 0.6014.
    species = np.log(np.array([[0.97, 0.03]] * 100))
    condition = np.log(np.array([[0.62, 0.38, 1.0]] * 100))
    joint = condition + species[:, [0, 0, 1]]
    found = Predictions(species, condition, joint, np.array([0] * 100))
    assert fit_thresholds(found, TREE) == pytest.approx({"species": 0.6014, "condition": 0.6014})


def test_where_no_condition_can_be_answered_the_species_keeps_its_threshold():
    species = np.log(np.array([[0.9, 0.1]] * 100))
    condition = np.log(np.array([[0.6, 0.4, 1.0]] * 100))
    joint = condition + species[:, [0, 0, 1]]
    found = Predictions(species, condition, joint, np.array([1] * 100))
    assert fit_thresholds(found, TREE) == pytest.approx({"species": 0.9, "condition": 1.01})


def test_conditions_are_judged_below_the_best_species_and_only_where_they_would_be_given():
    tree = LabelTree.from_pairs(
        [
            ("apple", "healthy"),  # class 0
            ("apple", "rust"),  # class 1
            ("corn", "unknown"),  # class 2
            ("no_plant", "background"),  # class 3
        ]
    )
    # species, then joint; the truth; how many such pictures
    kinds = [
        # Apple is the best species, though corn has the likeliest class of all: answered rightly.
        ([0.58, 0.42, 0.0], [0.30, 0.28, 0.42, 0.0], 0, 30),
        # Wrong, but corn's condition and no plant's are never given.
        ([0.1, 0.8, 0.1], [0.05, 0.05, 0.8, 0.1], 0, 30),
        ([0.1, 0.0, 0.9], [0.05, 0.05, 0.0, 0.9], 0, 30),
    ]
    rows = [kind for kind in kinds for _ in range(kind[3])]
    with np.errstate(divide="ignore"):
        species, joint = (np.log(np.array([row[i] for row in rows])) for i in (0, 1))
    found = Predictions(species, np.zeros_like(joint), joint, np.array([row[2] for row in rows]))
    # By species alone: 0.9 and 0.8 are all wrong, so none is ever right often enough.
    assert fit_thresholds(found, tree) == pytest.approx({"species": 0.3, "condition": 0.3})
