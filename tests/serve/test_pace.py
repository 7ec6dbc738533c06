from __future__ import annotations

import pytest

from serve.pace import Pace
from serve.speed import Speed


def speed(rate: float | None, lanes: int = 2, threads: int = 1) -> Speed:
    return Speed(lanes, threads, lanes * threads, pictures_per_s=rate)


@pytest.mark.parametrize(
    ("rate", "queue"), [(200.0, 160), (40.1, 33), (2.0, 16), (None, 16)], ids=str
)
def test_queue_is_what_is_answered_in_a_moment_and_never_a_handful(
    rate: float | None, queue: int
) -> None:
    assert Pace(speed(rate)).queue == queue
    assert Pace(speed(rate)).pictures_per_s == rate


def test_lanes_of_several_threads_count_as_so_many_cores() -> None:
    assert Pace(speed(None, lanes=2, threads=4)).queue == 64


@pytest.mark.parametrize(("lane_s", "rate"), [(0.05, 40), (0.005, 400)])
def test_pace_follows_the_pictures_that_are_answered(lane_s: float, rate: float) -> None:
    pace = Pace(speed(200.0))
    pace.note(lane_s)
    assert pace.pictures_per_s == pytest.approx(200, rel=0.2)  # one picture says little
    for _ in range(300):
        pace.note(lane_s)
    assert pace.pictures_per_s == pytest.approx(rate, rel=0.05)
    assert pace.queue == pytest.approx(0.8 * rate, abs=2)


def test_pace_that_nobody_measured_is_that_of_the_first_picture() -> None:
    pace = Pace(speed(None))
    pace.note(0.02)
    assert (pace.pictures_per_s, pace.queue) == (100.0, 80)
