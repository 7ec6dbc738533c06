"""What the bot says, of rows that are written out here."""

from __future__ import annotations

from typing import Any

import pytest

from serve.bot_words import describe, refusal, sureness, too_many

APPLE, TOMATO = ("apple", "Apple"), ("tomato", "Tomato")


def condition(species: tuple[str, str], name: str, probability: float) -> dict[str, Any]:
    ids = {"species_id": species[0], "condition_id": name.lower()}
    return {**ids, "species": species[1], "condition": name, "probability": probability}


def row(rank: str, probability: float | None, **more: Any) -> dict[str, Any]:
    named = rank in ("species", "condition")
    answer = {
        "rank": rank,
        "species_id": "apple" if named else None,
        "species": "Apple" if named else None,
        "condition_id": "rust" if rank == "condition" else None,
        "condition": "Rust" if rank == "condition" else None,
        "probability": probability,
    }
    conditions = [
        condition(APPLE, "Rust", 0.6),
        condition(TOMATO, "Blight", 0.3),
        condition(APPLE, "Unknown", 0.2),
        condition(APPLE, "Scab", 0.09),
        condition(APPLE, "Healthy", 0.01),
        condition(TOMATO, "Rust", 0.009),
    ]
    species = [{"species_id": "apple", "species": "Apple", "probability": 0.69}]
    found = {"answer": answer, "species": species, "conditions": conditions, "of_plants": True}
    return {**found, **more}


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (
            row("condition", 0.6),
            "Apple: Rust\nRather sure, 60 %.\n\n"
            "The next likeliest:\nTomato, Blight (30 %)\nApple, Scab (9 %)",
        ),
        (
            row("species", 0.99999),
            "Apple\nVery sure, 99 %. What it has is not clear. A picture of one leaf, close up and "
            "in daylight, often helps.\n\n"
            "What it could have:\nApple, Rust (60 %)\nApple, Scab (9 %)",
        ),
        (
            row("not_sure", 0.69),
            "Not sure\nThe best guess is Apple, 69 %, but that is not sure enough to count. It may "
            "be a plant that this model has not learnt, or a picture that is dark or out of "
            "focus.\n\nWhat it could be:\n"
            "Apple, Rust (60 %)\nTomato, Blight (30 %)\nApple, Scab (9 %)",
        ),
        (
            row("unknown_species", None),
            "Unknown species\nA plant, but none of the species that this model knows. Of those it "
            "is most like Apple.",
        ),
        (
            row("not_a_plant", 0.9, combined="mean of the probabilities of 2 pictures"),
            "Not a plant\nThere seems to be no leaf in this picture. If there is one, move closer, "
            "so that it fills the picture.\n\nFrom the mean of the probabilities of 2 pictures.",
        ),
    ],
)
def test_an_answer_says_how_sure_it_is_and_what_else_it_could_be(given, text) -> None:
    assert describe(given) == text


@pytest.mark.parametrize(
    ("rank", "probability", "text"),
    [
        ("species", 0.9, "Apple\nFairly sure, 90 %.\n\nThe next likeliest:\nTomato (10 %)"),
        (
            "not_sure",
            0.4,
            "Not sure\nThe best guess is Apple, 40 %, but that is not sure enough to count."
            "\n\nWhat it could be:\nApple (90 %)\nTomato (10 %)",
        ),
        ("not_a_plant", None, "None of these\nIt seems to be none of what this model knows."),
    ],
)
def test_what_is_no_plant_is_not_told_as_plants(rank, probability, text) -> None:
    conditions = [condition(APPLE, "Unknown", 0.9), condition(TOMATO, "Unknown", 0.1)]
    given = {**row(rank, probability), "conditions": conditions, "of_plants": False}
    assert describe(given) == text


def test_of_a_plant_without_conditions_none_are_spoken_of() -> None:
    conditions = [condition(APPLE, "Unknown", 0.9), condition(TOMATO, "Unknown", 0.1)]
    said = describe({**row("species", 0.9), "conditions": conditions})
    assert said == "Apple\nFairly sure, 90 %."


def test_sureness_is_in_words() -> None:
    found = [sureness(p) for p in (0.95, 0.949, 0.8, 0.79, 0.6, 0.59)]
    assert found == ["Very sure", *["Fairly sure"] * 2, *["Rather sure"] * 2, "A guess"]


def test_sentences_begin_large_and_end_once() -> None:
    assert refusal("the file is empty", "Send more.") == "The file is empty. Send more."
    assert refusal("It is cut.", "Send more.") == "It is cut. Send more."
    assert too_many(0.2).endswith("Try again in 1 s.")
