import numpy as np

from catalog.taxonomy import LabelTree
from train.metrics import Predictions, condition_rank, figures, species_hits

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
        "joint_top1": 1 / 3,
        "condition_top1": 2 / 3,
        "condition_top3": 1.0,
        "no_plant_pictures": 1,
        "no_plant_recognised": 0.0,
    }


def test_rank_counts_only_conditions_of_the_true_species():
    assert condition_rank(GIVEN, TREE).tolist() == [0, 1, 0, 0]


def test_species_hits_compares_the_likeliest():
    assert species_hits(GIVEN, TREE).tolist() == [True, True, False, False]


def test_a_species_with_one_condition_says_nothing_about_conditions():
    only_peach = predictions([[0.1, 0.1, 0.8]], [[0.5, 0.5, 1, 1]], [3])
    assert figures(only_peach, TREE) == {"pictures": 1, "species_top1": 1.0, "joint_top1": 1.0}
