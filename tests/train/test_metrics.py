import numpy as np
import pytest

from catalog.taxonomy import LabelTree
from train.metrics import (
    Predictions,
    condition_rank,
    figures,
    figures_of,
    macro_f1,
    marks,
    species_hits,
)

TREE = LabelTree.from_pairs(
    [
        ("apple", "healthy"),  # class 0
        ("apple", "rust"),  # class 1
        ("no_plant", "background"),  # class 2
        ("peach", "healthy"),  # class 3
    ]
)


def predictions(species: list[list[float]], condition: list[list[float]], truth: list[int]):
    species_log = np.log(np.array(species))
    condition_log = np.log(np.array(condition))
    joint = condition_log + species_log[:, list(TREE.class_species())]
    return Predictions(species_log, condition_log, joint, np.array(truth))


GIVEN = predictions(
    species=[[0.8, 0.1, 0.1], [0.6, 0.1, 0.3], [0.2, 0.1, 0.7], [0.5, 0.4, 0.1]],
    condition=[[0.9, 0.1, 1, 1], [0.9, 0.1, 1, 1], [0.2, 0.8, 1, 1], [0.5, 0.5, 1, 1]],
    truth=[0, 1, 1, 2],
)


def test_figures_count_plants_and_pictures_of_no_plant_apart():
    # Picture 0 all right; 1 right species, wrong condition; 2 wrong species, right condition
    # given the species; 3 shows no plant and is taken for an apple.
    assert figures(GIVEN, TREE) == {
        "pictures": 3,
        "species_top1": 2 / 3,
        "species_top5": 1.0,
        "joint_top1": 1 / 3,
        "joint_top5": 1.0,
        "condition_top1": 2 / 3,
        "condition_top3": 1.0,
        "condition_top1_predicted": 1 / 3,
        "condition_top3_predicted": 2 / 3,
        "no_plant_pictures": 1,
        "no_plant_recognised": 0.0,
        # Apple: 2 right, 1 taken for a peach.
        "species_macro_f1": pytest.approx(2 * 2 / (3 + 2)),
        # Healthy: 1 right, 1 wrongly said; rust never right. Peach is no true class here.
        "joint_macro_f1": pytest.approx((2 * 1 / (1 + 2) + 0) / 2),
    }


def test_top_3_of_large_species_leaves_out_those_that_cannot_miss():
    tree = LabelTree.from_pairs(
        [("apple", name) for name in "abcd"] + [("corn", name) for name in "abc"]
    )
    condition = np.log([[0.4, 0.3, 0.2, 0.1, 0.5, 0.3, 0.2]] * 2)
    species = np.log([[0.5, 0.5]] * 2)
    joint = condition + species[:, list(tree.class_species())]
    found = figures(Predictions(species, condition, joint, np.array([3, 6])), tree)
    assert (found["condition_top3"], found["condition_top3_large"]) == (0.5, 0.0)


def test_macro_f1_is_the_mean_over_true_classes_and_counts_weights():
    true, said = np.array([0, 0, 1, -1]), np.array([0, 1, 1, 2])
    # Class 0: 1 hit, 2 true, 1 said. Class 1: 1 hit, 1 true, 2 said.
    assert macro_f1(true, said) == pytest.approx((2 / 3 + 2 / 3) / 2)
    # Without picture 1 both are perfect; without picture 2 class 1 is not there.
    assert macro_f1(true, said, np.array([1.0, 0, 3, 1])) == 1
    assert macro_f1(true, said, np.array([1.0, 1, 0, 1])) == pytest.approx(2 / 3)


def test_marks_of_a_subset_are_the_subset_of_the_marks():
    mask = np.array([True, False, True, True])
    found, expected = marks(GIVEN, TREE).subset(mask), marks(GIVEN.subset(mask), TREE)
    assert figures_of(found) == figures_of(expected)


def test_rank_counts_only_conditions_of_the_true_species():
    assert condition_rank(GIVEN, TREE).tolist() == [0, 1, 0, 0]


def test_species_hits_compares_the_likeliest():
    assert species_hits(GIVEN, TREE).tolist() == [True, True, False, False]


def test_a_species_with_one_condition_says_nothing_about_conditions():
    only_peach = predictions([[0.1, 0.1, 0.8]], [[0.5, 0.5, 1, 1]], [3])
    found = figures(only_peach, TREE)
    assert found.pop("pictures") == 1
    assert sorted(found) == [
        *("joint_macro_f1", "joint_top1", "joint_top5"),
        *("species_macro_f1", "species_top1", "species_top5"),
    ]
    assert set(found.values()) == {1.0}
