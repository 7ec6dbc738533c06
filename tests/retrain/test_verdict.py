"""Promoted is what is better somewhere beyond chance and worse nowhere that matters."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from export.given import CONDITION, NOT_A_PLANT, NOT_SURE, Given
from retrain.answers import Answers
from retrain.exam import Exam
from retrain.verdict import Candidate, Costs, decide

TREE = {"species": [{"species_id": "apple"}, {"species_id": "fig"}]}
COUNT = 100
NAMES = ("x",) * COUNT
SCORES = np.arange(COUNT) / COUNT
"""0 to 0.99, of no plant."""


def manifest(**changes):
    parts = {"tree": TREE, "files": {}, "rejection": {"not_a_plant": {}}}
    return SimpleNamespace(**{**parts, **changes})


def exam(newest: int = 0) -> Exam:
    """COUNT pictures, the last 20 of figs, each of its own thing; the first `newest` are newer."""
    labels = [("apple", "healthy")] * (COUNT - 20) + [("fig", "healthy")] * 20
    return Exam(
        tuple(map(str, range(COUNT))),
        (b"",) * COUNT,
        tuple(labels),
        np.arange(COUNT).astype(object),
        np.arange(COUNT) < newest,
        COUNT - newest,
        0,
    )


def answers(wrong=()) -> Answers:
    """All right, sure and answered, but for `wrong` rows, of which nothing is said."""
    right = np.ones(COUNT, dtype=bool)
    right[list(wrong)] = False
    kind = np.where(right, CONDITION, NOT_SURE)
    probability = np.where(right, 1.0, 0.0)
    return Answers(right, right, probability, Given(kind, probability, right), NAMES, SCORES)


def candidate(said: Answers, costs: Costs = Costs(10.0, 1000), **about) -> Candidate:  # noqa: B008 - it is frozen
    return Candidate(manifest(**about), said, costs)


def worse(verdict) -> set[str]:
    return {one.name for one in verdict.checks if one.worse}


TEN = tuple(range(10))


def test_ten_more_right_and_nothing_worse_is_promoted() -> None:
    found = decide(exam(), candidate(answers(TEN)), candidate(answers()))
    assert found.promote
    assert found.why == (
        "better beyond chance on the frozen test split (+10.0 points), and worse nowhere"
    )
    assert {one.worse for one in found.checks} == {""}


def test_better_on_the_newest_pictures_is_enough() -> None:
    found = decide(exam(newest=10), candidate(answers(TEN)), candidate(answers()))
    assert found.promote
    assert found.why == (
        "better beyond chance on both together (+10.0 points) and newer test pictures "
        "(+100.0 points), and worse nowhere"
    )


def test_the_same_is_not_promoted() -> None:
    found = decide(exam(), candidate(answers(TEN)), candidate(answers(TEN)))
    assert (found.promote, found.why) == (False, "nowhere better beyond chance")


def test_a_species_that_it_loses_outweighs_what_it_wins() -> None:
    found = decide(exam(), candidate(answers(range(20))), candidate(answers((80, 81, 82, 83, 84))))
    assert not found.promote
    assert worse(found) == {"fig"}
    assert found.why == "worse in 1 of 11 checks: fig, 5 of 20 pictures lost"


def test_two_lost_pictures_of_a_species_may_be_chance() -> None:
    assert decide(exam(), candidate(answers(TEN)), candidate(answers((80, 81)))).promote


def test_losing_the_newest_pictures_outweighs_a_better_test() -> None:
    found = decide(
        exam(newest=20), candidate(answers(range(20, 60))), candidate(answers((1, 2, 3)))
    )
    assert not found.promote
    assert "species and condition, newer test pictures" in worse(found)


def with_given(said: Answers, kind: int, rows, right: bool) -> Answers:
    kinds, is_right = said.given.kind.copy(), said.given.is_right.copy()
    kinds[list(rows)], is_right[list(rows)] = kind, right
    return replace(said, given=Given(kinds, said.given.probability, is_right))


def test_more_plants_turned_away_is_worse() -> None:
    turned = with_given(answers(), NOT_A_PLANT, range(40, 43), False)
    found = decide(exam(), candidate(answers(TEN)), candidate(turned))
    assert "plants that are let in" in worse(found)


def test_more_wrong_answers_are_worse() -> None:
    wrong = with_given(answers(), CONDITION, range(40, 43), False)
    found = decide(exam(), candidate(answers(TEN)), candidate(wrong))
    assert worse(found) == {"answers that are not wrong"}


def test_far_fewer_answers_are_worse() -> None:
    silent = with_given(answers(), NOT_SURE, range(40, 60), False)
    found = decide(exam(), candidate(answers(TEN)), candidate(silent))
    assert worse(found) == {"pictures that get an answer"}


def test_worse_calibration_is_worse() -> None:
    doubting = replace(answers(), probability=np.full(COUNT, 0.7))
    found = decide(exam(), candidate(answers(TEN)), candidate(doubting))
    assert worse(found) == {"calibration error"}


@pytest.mark.parametrize(
    ("costs", "name"),
    [
        (Costs(12.5, 1000), "time of an answer here"),
        (Costs(10.0, 1300), "size of the server's file"),
    ],
)
def test_slower_or_larger_is_worse(costs: Costs, name: str) -> None:
    found = decide(exam(), candidate(answers(TEN)), candidate(answers(), costs))
    assert worse(found) == {name}


def test_a_lost_browsers_model_is_worse() -> None:
    files = {"browser/model.json": {"bytes": 4_000_000}}
    found = decide(exam(), candidate(answers(TEN), files=files), candidate(answers()))
    assert worse(found) == {"browser's model"}


def test_a_species_that_is_no_longer_known_is_worse() -> None:
    tree = {"species": [{"species_id": "apple"}]}
    found = decide(exam(), candidate(answers(TEN)), candidate(answers(), tree=tree))
    assert worse(found) == {"species that it knows"}
    assert "fig" in found.why


def photographs(scores, threshold: float = 0.95) -> dict:
    """A manifest's rejection; of the exam's hundred plants the threshold turns five away."""
    caught = float((np.array(scores) >= threshold).mean())
    record = {
        "threshold": threshold,
        "scores": list(scores),
        "caught": caught,
        "examples": len(scores),
    }
    return {"not_a_plant": record}


CAUGHT = (
    "photographs of no plant, caught where 5.0 % of the plants are turned away "
    "(at its own threshold)"
)
FAR, NEAR = [2.0] * 97, [0.5] * 3


def test_fewer_photographs_of_no_plant_caught_is_worse() -> None:
    old, new = photographs(FAR + NEAR[:1] * 3), photographs(FAR[:90] + NEAR[:1] * 10)
    found = decide(
        exam(), candidate(answers(TEN), rejection=old), candidate(answers(), rejection=new)
    )
    assert worse(found) == {CAUGHT}
    assert "7.0 points fewer" in found.why


def test_fewer_caught_for_fewer_plants_is_not_worse() -> None:
    """The challenger's own threshold turns no plant away, and catches 90 of 100. At 0.95, where it
    would turn five away as the champion does, it catches 97 as well."""
    old = photographs(FAR + NEAR)
    new = photographs(FAR[:90] + [0.97] * 7 + NEAR, threshold=1.0)
    found = decide(
        exam(), candidate(answers(TEN), rejection=old), candidate(answers(), rejection=new)
    )
    assert found.promote
    (check,) = (one for one in found.checks if one.name == CAUGHT)
    assert check.champion == "97.0 % (97.0 %)"
    assert check.challenger == "97.0 % (90.0 %)"


def test_two_photographs_fewer_may_be_chance_though_of_few() -> None:
    old, new = photographs([2.0] * 10), photographs([2.0] * 8 + [0.5] * 2)
    found = decide(
        exam(), candidate(answers(TEN), rejection=old), candidate(answers(), rejection=new)
    )
    assert found.promote


def test_a_champion_that_loses_next_to_no_plant_is_compared_at_a_cost_of_one_in_a_hundred() -> None:
    old, new = photographs(FAR + NEAR, threshold=1.5), photographs(FAR + [0.97] * 3)
    found = decide(
        exam(), candidate(answers(TEN), rejection=old), candidate(answers(), rejection=new)
    )
    (check,) = (one for one in found.checks if one.name.startswith("photographs"))
    assert check.name == CAUGHT.replace("5.0", "1.0")
    # Of the plants 0.99 alone is turned away, so that 0.97 is not caught.
    assert (check.champion[:6], check.challenger[:6]) == ("97.0 %", "97.0 %")


def test_a_challenger_made_without_photographs_is_worse_than_a_champion_with_some() -> None:
    found = decide(
        exam(),
        candidate(answers(TEN), rejection=photographs(FAR)),
        candidate(answers()),
    )
    assert worse(found) == {CAUGHT}
    assert "it was made without photographs of no plant" in found.why
