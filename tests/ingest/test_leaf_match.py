"""Two shots of one leaf are told from two leaves."""

from __future__ import annotations

import numpy as np
import pytest
from leaf_pictures import draw_mottled, turn

from ingest.leaf_features import describe
from ingest.leaf_match import Leaf, as_leaf, count_agreeing, score

BLANK = np.full((64, 64, 3), 128, dtype=np.uint8)


def leaf(image: np.ndarray) -> Leaf:
    return as_leaf(describe(image))


@pytest.mark.parametrize(("degrees", "zoom", "light"), [(40, 1, 1), (170, 0.8, 1), (-75, 1.2, 0.8)])
def test_a_leaf_that_was_turned_is_recognised(degrees, zoom, light) -> None:
    image = draw_mottled(1)
    assert score(leaf(image), leaf(turn(image, degrees, zoom, light))) >= 20


def test_another_leaf_is_not() -> None:
    scores = [score(leaf(draw_mottled(1)), leaf(draw_mottled(seed))) for seed in range(2, 8)]
    assert max(scores) < 10


def test_a_mirrored_leaf_is_another_leaf() -> None:
    image = draw_mottled(1)
    assert score(leaf(image), leaf(np.ascontiguousarray(image[:, ::-1]))) < 10


def test_a_picture_without_features_is_like_none() -> None:
    assert score(leaf(BLANK), leaf(BLANK)) == 0
    assert score(leaf(BLANK), leaf(draw_mottled(1))) == 0
    assert score(leaf(draw_mottled(1)), leaf(BLANK)) == 0


def test_what_stays_where_it_was_is_a_stamp_and_no_evidence() -> None:
    assert count_agreeing(leaf(draw_mottled(1)), leaf(draw_mottled(1))) == 0


def test_other_colours_cost_up_to_six_features() -> None:
    image = draw_mottled(1)
    one, other = leaf(image), leaf(turn(image, 40))
    stranger = Leaf(other.points, other.descriptors, np.zeros_like(other.colours))
    agreeing = count_agreeing(one, other)
    assert score(one, stranger) == pytest.approx(agreeing - 6)
    assert score(one, other) == pytest.approx(
        agreeing + 30 * (float(one.colours @ other.colours) - 0.95)
    )


def test_a_score_under_the_least_is_none() -> None:
    image = draw_mottled(1)
    one, other = leaf(image), leaf(turn(image, 40))
    full = score(one, other)
    assert score(one, other, full - 1) == full
    assert score(one, other, full + 1) == 0
