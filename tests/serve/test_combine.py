"""Several pictures of one plant."""

from __future__ import annotations

import numpy as np
import pytest
from two_plants import TREE

from serve.answer import Answer, Prediction, Question, answer_json
from serve.combine import answer_pictures, describe, which_count
from serve.labels import Kind, Labels, Thresholds

LABELS = Labels.from_tree(TREE)
THRESHOLDS = Thresholds((0.625,) * 3, (0.7,) * 6, rejection=(0.5, 0.25))
ABOUT = {"name": "two-plants"}
# Classes: apple rust, apple healthy, apple unknown, no plant, tomato blight, tomato healthy.
RUST = [1.0, 0.0, 0.0, 0.0, 0.0, 0.0]
HALF_RUST = [0.5, 0.25, 0.0, 0.0, 0.25, 0.0]
SKY = [0.0, 0.0, 0.0, 1.0, 0.0, 0.0]


def prediction(joint: list[float], not_a_plant: float = 0, unknown: float = 0) -> Prediction:
    species = [sum(joint[:3]), joint[3], sum(joint[4:])]
    return Prediction(np.array(species), np.array(joint), np.array([not_a_plant, unknown]))


def answer(kind: Kind) -> Answer:
    return Answer(kind, 0, None, None)


@pytest.mark.parametrize(
    ("kinds", "counted"),
    [
        (["condition", "not_sure"], [0, 1]),
        (["condition", "not_a_plant", "species"], [0, 2]),
        (["unknown_species", "condition"], [1]),
        (["not_a_plant", "unknown_species"], [1]),
        (["not_a_plant", "not_a_plant"], [0, 1]),
        (["unknown_species", "not_a_plant", "unknown_species"], [0, 2]),
    ],
)
def test_pictures_that_were_turned_away_count_only_where_all_were(
    kinds: list[Kind], counted: list[int]
) -> None:
    assert which_count([answer(kind) for kind in kinds]) == counted


def test_probabilities_and_scores_are_averaged() -> None:
    both = [prediction(RUST, 0.25), prediction(HALF_RUST, 0.0, 0.125)]
    row = answer_pictures(both, LABELS, THRESHOLDS, ABOUT, Question(top=3))
    assert row.pop("pictures") == [
        {
            "answer": {
                "rank": "condition",
                "species_id": "apple",
                "species": "Apple",
                "condition_id": "cedar_apple_rust",
                "condition": "Cedar apple rust",
                "probability": 1.0,
            },
            "species": [
                {
                    "species_id": "apple",
                    "species": "Apple",
                    "scientific": "Malus domestica",
                    "probability": 1.0,
                }
            ],
        },
        {
            "answer": {
                "rank": "species",
                "species_id": "apple",
                "species": "Apple",
                "condition_id": None,
                "condition": None,
                "probability": 0.75,
            },
            "species": [
                {
                    "species_id": "apple",
                    "species": "Apple",
                    "scientific": "Malus domestica",
                    "probability": 0.75,
                }
            ],
        },
    ]
    assert row.pop("combined") == "mean of the probabilities of 2 pictures"
    mean = prediction([0.75, 0.125, 0.0, 0.0, 0.125, 0.0], 0.125, 0.0625)
    assert row == answer_json(mean, LABELS, THRESHOLDS, ABOUT, Question(top=3))


def test_picture_of_the_ground_takes_nothing_from_the_others_answer() -> None:
    both = [prediction(SKY, 9.0), prediction(RUST)]
    row = answer_pictures(both, LABELS, THRESHOLDS, ABOUT, Question())
    alone = answer_json(prediction(RUST), LABELS, THRESHOLDS, ABOUT, Question())
    assert {name: row[name] for name in alone} == alone
    assert row["combined"] == "the probabilities of 1 of 2 pictures; one was turned away"


def test_pictures_that_all_show_no_plant_are_no_plant_together() -> None:
    both = [prediction(SKY, 9.0), prediction(RUST, 0.5)]
    row = answer_pictures(both, LABELS, THRESHOLDS, ABOUT, Question())
    assert row["answer"]["rank"] == "not_a_plant"
    assert row["combined"] == "mean of the probabilities of 2 pictures"


def test_one_picture_alone_has_nothing_of_several() -> None:
    row = answer_pictures([prediction(RUST)], LABELS, THRESHOLDS, ABOUT, Question())
    assert row == answer_json(prediction(RUST), LABELS, THRESHOLDS, ABOUT, Question())


def test_more_than_one_that_were_turned_away_are_counted_in_words() -> None:
    assert describe(2, 4) == ("mean of the probabilities of 2 of 4 pictures; 2 were turned away")
