from pathlib import Path

import numpy as np
import pytest

from catalog.taxonomy import LabelTree
from shards.select import Selection
from train.breakdown import (
    LABORATORY,
    answers,
    by_condition,
    by_dataset,
    by_species,
    is_laboratory,
    kind_masks,
    summary,
)
from train.judged import Judged, Pictures
from train.metrics import Predictions

TREE = LabelTree.from_pairs([("apple", "healthy"), ("apple", "rust"), ("corn", "rust")])


def judged(
    species: list[list[float]], condition: list[list[float]], truth: list[int], datasets: list[str]
) -> Judged:
    log_species, log_condition = (np.log(np.array(one)) for one in (species, condition))
    joint = log_condition + log_species[:, list(TREE.class_species())]
    nothing = np.zeros(len(truth), np.int64)
    keys = tuple(f"k{number}" for number in range(len(truth)))
    index = np.array(truth)
    selection = Selection(keys, tuple(datasets), index, nothing, nothing, nothing, Path("shards"))
    groups = np.array(keys, dtype=object)
    pictures = Pictures(selection, groups, ("f",) * len(truth), ("p",) * len(truth))
    return Judged(pictures, Predictions(log_species, log_condition, joint, index))


# Picture 0 is right; 1 has another disease; 2 another species; 3 is right.
GIVEN = judged(
    [[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.2, 0.8]],
    [[0.9, 0.1, 1], [0.9, 0.1, 1], [0.9, 0.1, 1], [0.5, 0.5, 1]],
    [0, 1, 0, 2],
    ["pv_a", "pv_a", "field", "all"],
)


@pytest.mark.parametrize("name", ["plantvillage", "PlantVillage-Dataset", "PV_color", "cherry_ci"])
def test_datasets_on_a_board_are_known_in_any_case(name):
    assert is_laboratory(name, LABORATORY)


def test_patterns_of_the_user_count_in_any_case_too():
    assert is_laboratory("boards", ("Board*",))
    assert not is_laboratory("plantdoc", ("Board*",))


def test_where_one_kind_is_missing_there_is_only_the_row_of_all():
    assert list(kind_masks(np.array(["field", "a"]), LABORATORY)) == ["all"]
    assert list(kind_masks(np.array(["pv_a", "pv_b"]), LABORATORY)) == ["all"]
    assert {
        kind: mask.tolist()
        for kind, mask in kind_masks(np.array(["pv_a", "a"]), LABORATORY).items()
    } == {"all": [True, True], "laboratory": [True, False], "other": [False, True]}


def test_rows_of_all_laboratory_and_other_sets():
    rows = summary(GIVEN, GIVEN, TREE, LABORATORY)
    assert {name: (row["pictures"], row["species_top1"]) for name, row in rows.items()} == {
        "all": (4, 0.75),
        "laboratory": (2, 1.0),
        "other": (2, 0.5),
    }
    # Species: 0.9 right, 0.8 right, 0.7 wrong, 0.8 right; each probability in a bin of its own.
    gaps = [0.1, 2 * 0.2, 0.7]
    assert rows["all"]["species_ece"] == pytest.approx(sum(gaps) / 4)
    assert rows["all"]["species_ece_scaled"] == rows["all"]["species_ece"]
    points = {point["asked"]: point for point in rows["all"]["coverage"]["species"]}
    assert (points[1.0]["accuracy"], points[0.5]["accuracy"]) == (0.75, 1.0)
    assert points[0.5]["coverage"] == 0.75  # both of 0.8 are answered, or neither


def test_a_dataset_that_is_called_like_a_row_of_the_summary_is_a_dataset():
    rows = by_dataset(GIVEN, TREE)
    assert {name: row["joint_top1"] for name, row in rows.items()} == {
        "all": 1.0,
        "field": 0.0,
        "pv_a": 0.5,
    }


def test_species_and_conditions_have_recall_and_precision_by_kind():
    apple = by_species(GIVEN, TREE, LABORATORY)["apple"]
    assert apple == {
        "pictures": 3,
        "recall": 2 / 3,
        "precision": 1.0,
        "f1": 2 * 2 / 5,
        "laboratory_pictures": 2,
        "laboratory_recall": 1.0,
        "other_pictures": 1,
        "other_recall": 0.0,
        "condition_top1": 2 / 3,
        "condition_top3": 1.0,
        "joint_top1": 1 / 3,
    }
    conditions = by_condition(GIVEN, TREE, LABORATORY)
    assert list(conditions) == ["apple/healthy", "apple/rust", "corn/rust"]
    rust = conditions["apple/rust"]
    assert (rust["recall"], rust["precision"], rust["f1"]) == (0.0, None, 0.0)
    assert conditions["corn/rust"]["precision"] == 0.5


def test_answers_are_the_likeliest_species_and_the_likeliest_class():
    found = answers(GIVEN.predictions, TREE)
    assert found["species"][0].tolist() == pytest.approx([0.9, 0.8, 0.7, 0.8])
    assert found["species"][1].tolist() == [True, True, False, True]
    assert found["joint"][0].tolist() == pytest.approx([0.81, 0.72, 0.7, 0.8])
    assert found["joint"][1].tolist() == [True, False, False, True]
