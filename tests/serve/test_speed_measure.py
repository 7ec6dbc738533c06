from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
import pytest

from serve import measure as measuring
from serve.golden import Golden
from serve.measure import guess, measure, shares
from serve.model import Model
from serve.speed import Speed

GOLDEN = [Golden("00.jpg", b"a", np.zeros(1)), Golden("01.jpg", b"b", np.zeros(1))]


@dataclass
class Fake:
    """A model whose speed is known: `seconds[threads, spinning]` for a picture alone, and
    `rates[threads]` pictures a second side by side."""

    seconds: dict[tuple[int, bool], float]
    rates: dict[int, float] = field(default_factory=dict)
    opened: tuple[int, bool] = (1, False)

    def with_threads(self, threads: int, *, spinning: bool) -> Fake:
        return replace(self, opened=(threads, spinning))


def speed_of(seconds: dict[tuple[int, bool], float], rates: dict[int, float], cores: int) -> Speed:
    def alone(model: Any, pictures: Sequence[bytes]) -> float:
        return float(model.seconds[model.opened])

    def side_by_side(model: Any, pictures: Sequence[bytes], lanes: int) -> float:
        assert lanes * model.opened[0] == cores
        return float(model.rates[model.opened[0]])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measuring, "alone", alone)
        patch.setattr(measuring, "side_by_side", side_by_side)
        lanes = measure(cast(Model, Fake(seconds, rates)), GOLDEN, cores)
    lanes.close()
    return lanes.speed


@pytest.mark.parametrize(
    ("two", "two_that_spin", "lone"),
    [
        (0.004, 0.004, (2, False)),
        (0.006, 0.003, (2, True)),
        (0.006, 0.0057, (2, False)),
        (0.0095, 0.0095, (1, False)),
        (0.02, 0.02, (1, False)),
    ],
    ids=["two threads", "two that spin", "spinning gains little", "two gain little", "a loss"],
)
def test_lone_picture_gets_the_threads_that_answer_it_clearly_sooner(
    two: float, two_that_spin: float, lone: tuple[int, bool]
) -> None:
    seconds = {(1, False): 0.01, (2, False): two, (2, True): two_that_spin}
    assert speed_of(seconds, {1: 195.02}, 2) == Speed(
        lanes=2,
        threads=1,
        lone_threads=lone[0],
        spinning=lone[1],
        pictures_per_s=195.0,
        lone_ms=round(1000 * seconds[lone], 1),
    )


def test_fewer_wider_lanes_are_chosen_where_they_answer_more() -> None:
    seconds = dict.fromkeys([(1, False), (4, False), (4, True)], 0.005)
    found = speed_of(seconds, {1: 300.0, 2: 310.0}, 4)
    assert (found.lanes, found.threads, found.pictures_per_s) == (2, 2, 310.0)


def test_single_core_needs_no_choice() -> None:
    assert speed_of({(1, False): 0.002}, {1: 400.0}, 1) == Speed(1, 1, 1, False, 400.0, 2.0)


def test_shares_take_up_the_cores_and_leave_more_than_one_lane() -> None:
    assert shares(1) == [(1, 1)]
    assert shares(2) == [(2, 1)]
    assert shares(4) == [(4, 1), (2, 2)]
    assert shares(16) == [(16, 1), (8, 2), (4, 4)]


def test_real_model_without_golden_pictures_is_measured_with_noise(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "SLICE_S", 0.02)
    lanes = measure(model.with_threads(1, spinning=False), [], 2)
    assert lanes.speed.lanes * lanes.speed.threads == 2
    assert lanes.speed.pictures_per_s is not None and lanes.speed.pictures_per_s > 1
    lanes.close()


def test_speed_of_the_next_model_is_guessed_from_the_time_of_processor_that_both_take() -> None:
    @dataclass
    class Busy:
        seconds: float

        def decode(self, data: bytes) -> bytes:
            return data

        def run(self, image: bytes) -> None:
            end = time.thread_time() + self.seconds
            while time.thread_time() < end:
                pass

    old, new = cast(Model, Busy(0.002)), cast(Model, Busy(0.008))
    measured = Speed(2, 1, 2, False, pictures_per_s=200.0, lone_ms=5.0)
    found = guess(measured, old, new, GOLDEN)
    assert (found.lanes, found.threads, found.lone_threads) == (2, 1, 2)
    assert found.pictures_per_s == pytest.approx(50, rel=0.3)
    assert found.lone_ms == pytest.approx(20, rel=0.3)


def test_nothing_is_guessed_from_a_speed_that_was_not_measured(model: Model) -> None:
    plain = Speed(2, 1, 2)
    assert guess(plain, model, model, []) is plain
