from __future__ import annotations

import numpy as np
import pytest
from two_plants import TREE

from serve.answer import Answer, Labels, Prediction, Thresholds, answer_json, decide

LABELS = Labels.from_tree(TREE)
# Classes: apple rust, apple healthy, apple unknown, no plant, tomato blight, tomato healthy.
RUST = [0.75, 0.125, 0.0, 0.0625, 0.0625, 0.0]
HALF_HALF = [0.5, 0.375, 0.0, 0.0625, 0.0625, 0.0]
UNKNOWN = [0.0, 0.125, 0.75, 0.0625, 0.0625, 0.0]
SPREAD = [0.25, 0.25, 0.0, 0.0, 0.375, 0.125]
NO_PLANT = [0.125, 0.0, 0.0, 0.75, 0.125, 0.0]
THRESHOLDS = Thresholds(species=0.625, condition=0.7)


def prediction(joint: list[float]) -> Prediction:
    species = [sum(joint[:3]), joint[3], sum(joint[4:])]
    return Prediction(np.array(species), np.array(joint))


@pytest.mark.parametrize(
    ("joint", "expected"),
    [
        (RUST, Answer("condition", 0, 0, 0.75)),
        (HALF_HALF, Answer("species", 0, None, 0.875)),
        (UNKNOWN, Answer("species", 0, None, 0.875)),
        (SPREAD, Answer("not_sure", 0, None, 0.5)),
        (NO_PLANT, Answer("not_a_plant", 1, None, 0.75)),
    ],
)
def test_deepest_node_that_is_sure_enough_is_the_answer(
    joint: list[float], expected: Answer
) -> None:
    assert decide(prediction(joint), LABELS, THRESHOLDS) == expected


def test_probability_equal_to_its_threshold_is_enough() -> None:
    exactly = Thresholds(species=0.875, condition=0.75)
    assert decide(prediction(RUST), LABELS, exactly).kind == "condition"


def test_no_plant_that_is_not_sure_enough_is_not_sure() -> None:
    strict = Thresholds(species=0.8, condition=0.8)
    assert decide(prediction(NO_PLANT), LABELS, strict) == Answer("not_sure", 1, None, 0.75)


def test_condition_is_never_answered_below_a_species_that_is_not_sure_enough() -> None:
    odd = Thresholds(species=0.9, condition=0.5)
    assert decide(prediction(RUST), LABELS, odd).kind == "not_sure"


def test_condition_is_looked_for_in_the_likeliest_species_only() -> None:
    # The likeliest class is tomato's, but apple's two halves make apple the likelier plant.
    low = Thresholds(species=0.4, condition=0.3)
    assert decide(prediction(SPREAD), LABELS, low) == Answer("species", 0, None, 0.5)


def test_answer_is_written_whole() -> None:
    about = {"name": "two-plants", "file": "server.fp32.onnx"}
    assert answer_json(prediction(RUST), LABELS, THRESHOLDS, about, top=2) == {
        "answer": "condition",
        "species": "Apple",
        "condition": "Cedar apple rust",
        "probability": 0.75,
        "best_guess": "Apple",
        "candidates": [
            {
                "species": "Apple",
                "species_id": "apple",
                "condition": "Cedar apple rust",
                "condition_id": "cedar_apple_rust",
                "probability": 0.75,
            },
            {
                "species": "Apple",
                "species_id": "apple",
                "condition": "Healthy",
                "condition_id": "healthy",
                "probability": 0.125,
            },
        ],
        "model": about,
    }


@pytest.mark.parametrize(("joint", "guess"), [(SPREAD, "Apple"), (NO_PLANT, "No plant")])
def test_species_is_null_unless_it_is_the_answer(joint: list[float], guess: str) -> None:
    row = answer_json(prediction(joint), LABELS, THRESHOLDS, {})
    assert (row["species"], row["condition"], row["best_guess"]) == (None, None, guess)


def test_equal_candidates_come_in_class_order() -> None:
    row = answer_json(prediction(SPREAD), LABELS, THRESHOLDS, {}, top=3)
    assert [(one["species_id"], one["condition_id"]) for one in row["candidates"]] == [
        ("tomato", "early_blight"),
        ("apple", "cedar_apple_rust"),
        ("apple", "healthy"),
    ]
