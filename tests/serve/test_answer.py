from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from two_plants import TREE

from serve.answer import Answer, Prediction, Question, answer_json, decide, judge
from serve.labels import Labels, Thresholds

LABELS = Labels.from_tree(TREE)
# Classes: apple rust, apple healthy, apple unknown, no plant, tomato blight, tomato healthy.
RUST = [0.75, 0.125, 0.0, 0.0625, 0.0625, 0.0]
HALF_HALF = [0.5, 0.375, 0.0, 0.0625, 0.0625, 0.0]
UNKNOWN = [0.0, 0.125, 0.75, 0.0625, 0.0625, 0.0]
SPREAD = [0.25, 0.25, 0.0, 0.0, 0.375, 0.125]
NO_PLANT = [0.125, 0.0, 0.0, 0.75, 0.125, 0.0]


def thresholds(
    species: float = 0.625, condition: float = 0.7, *, others: float = 0.99
) -> Thresholds:
    """Of apple and its rust; of all other nodes `others`, or of no plant as of apple."""
    return Thresholds((species, species, others), (condition, *[others] * 5), rejection=(0.5, 0.25))


THRESHOLDS = thresholds()


def prediction(joint: list[float], rejection: Sequence[float] = (0.0, 0.0)) -> Prediction:
    species = [sum(joint[:3]), joint[3], sum(joint[4:])]
    return Prediction(np.array(species), np.array(joint), np.array(rejection))


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
    exactly = thresholds(species=0.875, condition=0.75)
    assert decide(prediction(RUST), LABELS, exactly).kind == "condition"
    assert decide(prediction(HALF_HALF), LABELS, exactly).kind == "species"


def test_every_node_has_a_threshold_of_its_own() -> None:
    blight = [0.0, 0.0625, 0.0, 0.0625, 0.75, 0.125]
    assert decide(prediction(blight), LABELS, THRESHOLDS) == Answer("not_sure", 2, None, 0.875)
    low = thresholds(others=0.75)
    assert decide(prediction(blight), LABELS, low) == Answer("condition", 2, 4, 0.75)
    healthy = [0.25, 0.625, 0.0, 0.0625, 0.0625, 0.0]
    assert decide(prediction(healthy), LABELS, THRESHOLDS) == Answer("species", 0, None, 0.875)


def test_no_plant_that_is_not_sure_enough_is_not_sure() -> None:
    strict = thresholds(species=0.8, condition=0.8)
    assert decide(prediction(NO_PLANT), LABELS, strict) == Answer("not_sure", 1, None, 0.75)


def test_condition_that_is_sure_enough_needs_no_other_threshold() -> None:
    # A species is asked for more than its condition where the pictures without one are hard.
    hard = thresholds(species=0.9, condition=0.75)
    assert decide(prediction(RUST), LABELS, hard) == Answer("condition", 0, 0, 0.75)


def test_condition_is_looked_for_in_the_likeliest_species_only() -> None:
    # The likeliest class is tomato's, but apple's two halves make apple the likelier plant.
    low = thresholds(species=0.4, condition=0.3, others=0.3)
    assert decide(prediction(SPREAD), LABELS, low) == Answer("species", 0, None, 0.5)


@pytest.mark.parametrize(
    ("joint", "rejection", "kind"),
    [
        (RUST, [0.49, 0.24], "condition"),
        (RUST, [0.5, 0.0], "not_a_plant"),
        (RUST, [0.0, 0.25], "unknown_species"),
        (RUST, [9.0, 9.0], "not_a_plant"),
        (SPREAD, [0.0, 0.25], "unknown_species"),
    ],
)
def test_rejection_rule_is_asked_first(
    joint: list[float], rejection: list[float], kind: str
) -> None:
    rejected = prediction(joint, rejection)
    probability = 0.75 if kind == "condition" else None
    answer = decide(rejected, LABELS, THRESHOLDS)
    assert (answer.kind, answer.probability) == (kind, probability)


@pytest.mark.parametrize("joint", [RUST, HALF_HALF, UNKNOWN, SPREAD, NO_PLANT])
def test_without_the_rule_the_answer_is_that_of_the_probabilities(joint: list[float]) -> None:
    rejected = decide(prediction(joint, [9.0, 9.0]), LABELS, THRESHOLDS, reject=False)
    assert rejected == decide(prediction(joint), LABELS, THRESHOLDS)


def test_what_is_likeliest_no_plant_is_never_called_an_unknown_plant() -> None:
    unlike_all = prediction(NO_PLANT, [0.0, 9.0])
    assert decide(unlike_all, LABELS, THRESHOLDS) == Answer("not_a_plant", 1, None, 0.75)
    strict = thresholds(species=0.8)
    assert decide(unlike_all, LABELS, strict) == Answer("not_sure", 1, None, 0.75)


ABOUT = {
    "name": "two-plants",
    "version": "2026-01-31T12:00:00Z",
    "sha256": "00ff",
    "file": "server.fp32.onnx",
}


def row(
    joint: list[float], rejection: Sequence[float] = (0.0, 0.0), **question: Any
) -> dict[str, Any]:
    asked = prediction(joint, rejection)
    return answer_json(asked, LABELS, THRESHOLDS, ABOUT, Question(**question))


def test_answer_is_written_whole() -> None:
    assert row(RUST, [0.125, -2.5], top=2) == {
        "answer": {
            "rank": "condition",
            "species_id": "apple",
            "species": "Apple",
            "condition_id": "cedar_apple_rust",
            "condition": "Cedar apple rust",
            "probability": 0.75,
        },
        "species": [
            {
                "species_id": "apple",
                "species": "Apple",
                "scientific": "Malus domestica",
                "probability": 0.875,
            },
            {
                "species_id": "no_plant",
                "species": "No plant",
                "scientific": "",
                "probability": 0.0625,
            },
        ],
        "conditions": [
            {
                "species_id": "apple",
                "species": "Apple",
                "condition_id": "cedar_apple_rust",
                "condition": "Cedar apple rust",
                "probability": 0.75,
            },
            {
                "species_id": "apple",
                "species": "Apple",
                "condition_id": "healthy",
                "condition": "Healthy",
                "probability": 0.125,
            },
        ],
        "rejection": {"not_a_plant": 0.125, "unknown_species": -2.5},
        "of_plants": True,
        "model": ABOUT,
    }


NOTHING = {"species_id": None, "species": None, "condition_id": None, "condition": None}


@pytest.mark.parametrize(
    ("joint", "rejection", "expected"),
    [
        (
            HALF_HALF,
            [0.0, 0.0],
            {
                "rank": "species",
                "species_id": "apple",
                "species": "Apple",
                "condition_id": None,
                "condition": None,
                "probability": 0.875,
            },
        ),
        (SPREAD, [0.0, 0.0], {"rank": "not_sure", **NOTHING, "probability": 0.5}),
        (NO_PLANT, [0.0, 0.0], {"rank": "not_a_plant", **NOTHING, "probability": 0.75}),
        (RUST, [9.0, 0.0], {"rank": "not_a_plant", **NOTHING, "probability": None}),
        (RUST, [0.0, 9.0], {"rank": "unknown_species", **NOTHING, "probability": None}),
    ],
)
def test_species_and_condition_are_null_unless_they_are_the_answer(
    joint: list[float], rejection: list[float], expected: dict[str, Any]
) -> None:
    assert row(joint, rejection)["answer"] == expected


def test_rejected_picture_has_its_likeliest_species_and_its_scores_all_the_same() -> None:
    rejected, kept = (row(RUST, [0.0, 0.5], reject=reject) for reject in (True, False))
    assert (rejected.pop("answer")["rank"], kept.pop("answer")["rank"]) == (
        "unknown_species",
        "condition",
    )
    assert rejected == kept


def test_equal_candidates_come_in_the_order_of_the_tree() -> None:
    said = row(SPREAD, top=3)
    assert [(one["species_id"], one["condition_id"]) for one in said["conditions"]] == [
        ("tomato", "early_blight"),
        ("apple", "cedar_apple_rust"),
        ("apple", "healthy"),
    ]
    assert [one["species_id"] for one in said["species"]] == ["apple", "tomato", "no_plant"]


def of_species(row: dict[str, Any]) -> list[tuple[str, float]]:
    return [(one["species_id"], one["probability"]) for one in row["species"]]


def test_species_asked_about_share_the_probability_with_no_plant() -> None:
    said = row(SPREAD, species=frozenset({"tomato"}))
    assert (said["answer"]["rank"], said["answer"]["species_id"]) == ("species", "tomato")
    assert of_species(said) == [("tomato", 1.0), ("no_plant", 0.0)]
    found = [(one["condition_id"], one["probability"]) for one in said["conditions"]]
    assert found == [("early_blight", 0.75), ("healthy", 0.25), ("background", 0.0)]


def test_species_that_is_named_can_be_answered_where_it_was_not_sure() -> None:
    assert row(SPREAD)["answer"]["rank"] == "not_sure"
    either = row(SPREAD, species=frozenset({"apple"}))
    assert (either["answer"]["rank"], either["answer"]["probability"]) == ("species", 1.0)


def test_plant_that_was_ruled_out_but_is_surely_there_is_an_unknown_species() -> None:
    tomato = frozenset({"tomato"})
    said = row(RUST, species=tomato)
    assert said["answer"] == {"rank": "unknown_species", **NOTHING, "probability": None}
    assert of_species(said) == [("no_plant", 0.5), ("tomato", 0.5)]
    assert row(RUST, species=tomato, reject=False)["answer"]["rank"] == "not_sure"
    assert row(RUST, [9.0, 0.0], species=tomato)["answer"]["rank"] == "not_a_plant"


def test_no_plant_stays_possible_whatever_species_are_named() -> None:
    said = row(NO_PLANT, species=frozenset({"tomato"}))
    assert said["answer"]["rank"] == "not_a_plant"
    assert said["answer"]["probability"] == pytest.approx(6 / 7)


def test_species_of_no_probability_at_all_is_not_divided_by() -> None:
    certain = prediction([1.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    question = Question(species=frozenset({"tomato"}), reject=False)
    given, answer = judge(certain, LABELS, THRESHOLDS, question)
    assert answer == Answer("not_sure", 1, None, 0.5)
    assert given.species_probs.tolist() == [0.0, 0.5, 0.5]


GOOD = {
    "thresholds": {"species": [0.5, 0.6, 0.7], "condition": [0.1, 0.2, 0.3, 0.4, 0.5, 1.01]},
    "rejection": {"not_a_plant": {"threshold": 2}, "unknown_species": {"threshold": -1.5}},
}


def test_thresholds_are_read_in_the_order_of_the_tree_and_of_the_scores() -> None:
    assert Thresholds.from_manifest(**GOOD, labels=LABELS) == Thresholds(
        (0.5, 0.6, 0.7), (0.1, 0.2, 0.3, 0.4, 0.5, 1.01), (2.0, -1.5)
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"thresholds": {"species": [0.5] * 3}},
        {"thresholds": {"species": [0.5] * 2, "condition": [0.5] * 6}},
        {"thresholds": {"species": [0.5] * 3, "condition": [0.5] * 7}},
        {"thresholds": {"species": 0.5, "condition": 0.5}},
        {"thresholds": {"species": [0.5, None, 0.5], "condition": [0.5] * 6}},
        {"thresholds": {"species": [0.5, float("nan"), 0.5], "condition": [0.5] * 6}},
        {"rejection": {"not_a_plant": {"threshold": 1.0}}},
        {"rejection": {"not_a_plant": {}, "unknown_species": {"threshold": 1.0}}},
        {"rejection": {"not_a_plant": 1.0, "unknown_species": {"threshold": 1.0}}},
    ],
)
def test_thresholds_that_are_not_the_trees_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        Thresholds.from_manifest(**{**GOOD, **changes}, labels=LABELS)
