"""Answers of browser and server are written as letters: c condition, s species, n no plant by its
class, r no plant by the rule, u unknown species, ? not sure; a capital is right."""

import numpy as np
import pytest

from export.given import KINDS, Given
from export.handover import MIN_PICTURES, HandOver, describe_handover, fit_handover

LETTERS = {
    "c": "condition",
    "s": "species",
    "n": "not_a_plant",
    "r": "not_a_plant",
    "u": "unknown_species",
    "?": "not_sure",
}


def given(letters: str, probability: list[float] | float = 0.9) -> Given:
    kind = np.array([KINDS.index(LETTERS[letter.lower()]) for letter in letters])
    by_rule = np.array([letter.lower() in "ru" for letter in letters])
    probability = np.where(by_rule, np.nan, probability)
    return Given(kind, probability, np.array([letter.isupper() for letter in letters]))


FALLING = np.linspace(0.99, 0.6, 40)


@pytest.mark.parametrize(
    ("browser", "server", "kept"),
    [
        ("C" * 40, "C" * 40, 40),
        # Wrong where the server is right: from there on only with as many the other way round.
        ("C" * 30 + "c" + "C" * 9, "C" * 40, 30),
        ("C" * 30 + "cC" + "C" * 8, "C" * 31 + "c" + "C" * 8, 40),
        # Wrong where the server is not sure, or right with it.
        ("C" * 30 + "c" * 10, "C" * 30 + "?" * 10, 30),
        ("C" * 30 + "C" * 10, "C" * 30 + "?" * 10, 40),
        # Wrong both of them.
        ("c" * 40, "c" * 40, 40),
        ("c" * 40, "s" * 40, 40),
        ("c" * 40, "S" * 40, 0),
    ],
)
def test_browser_keeps_what_it_answers_no_worse_than_the_server(browser, server, kept):
    found = fit_handover(given(browser, FALLING), given(server, FALLING), 0.95)
    expected = FALLING[kept - 1] if kept else 1.01
    assert found == HandOver(species=0.95, condition=pytest.approx(expected))


def test_answers_of_one_probability_are_kept_together_or_not_at_all():
    probability = [0.9] * 30 + [0.8] * 10
    found = fit_handover(
        given("C" * 35 + "c" + "C" * 4, probability), given("C" * 40, probability), 0.95
    )
    assert found.condition == 0.9


def test_each_rank_has_its_own_and_few_answers_must_be_as_probable_as_they_shall_be_right():
    few = MIN_PICTURES - 1
    letters = "C" * 20 + "S" * 10 + "N" * 9 + "?" * 5 + "R" * 30
    assert len(letters[20:39]) == few
    found = fit_handover(given(letters, 0.7), given(letters, 0.7), 0.9)
    assert found == HandOver(species=0.9, condition=0.7)
    letters += "s"
    found = fit_handover(given(letters, 0.7), given(letters, 0.7), 0.9)
    assert found == HandOver(species=0.7, condition=0.7)


def test_browser_hands_over_what_it_is_not_sure_of_and_answers_what_its_rule_turns_away():
    handover = HandOver(species=0.8, condition=0.9)
    letters = "ccssnnruu?"
    probability = [0.9, 0.89, 0.8, 0.79, 0.8, 0.79, 0, 0, 0, 0.99]
    kept = handover.keeps(given(letters, probability))
    assert kept.tolist() == [
        *[True, False, True, False, True, False],
        *[True, True, True, False],
    ]


def test_figures_are_of_browser_server_and_the_pair():
    browser, server = given("CcSs?", [0.95, 0.95, 0.5, 0.5, 0.5]), given("CCCCC")
    found = describe_handover(browser, server, HandOver(species=0.9, condition=0.9))
    assert found["escalated"] == pytest.approx(0.6)
    told = {
        name: (one["pictures"], one["answered"], one["right"])
        for name, one in found.items()
        if name != "escalated"
    }
    assert told == {
        "browser": (5, 0.8, 0.5),
        "server": (5, 1.0, 1.0),
        "pair": (5, 1.0, 0.8),
        "kept_browser": (2, 1.0, 0.5),
        "kept_server": (2, 1.0, 1.0),
    }


def test_where_everything_is_handed_over_nothing_is_kept():
    found = describe_handover(given("??"), given("CC"), HandOver(0.5, 0.5))
    assert sorted(found) == ["browser", "escalated", "pair", "server"]
    assert (found["escalated"], found["pair"]["right"]) == (1.0, 1.0)
