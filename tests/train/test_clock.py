import time

import pytest

from train.clock import Clock, rate_share
from train.recipes import cpu


def test_rate_rises_straight_and_falls_as_half_a_cosine():
    recipe = cpu()  # warms up over 5 per cent
    shares = [rate_share(progress, recipe) for progress in (0, 0.025, 0.05, 0.525, 1)]
    assert shares == pytest.approx([0, 0.5, 1, 0.5, 0])


def test_progress_is_steps_or_minutes_whichever_is_further():
    assert Clock(max_steps=200, max_minutes=None, step=50).progress() == 0.25
    assert Clock(max_steps=200, max_minutes=1e9, step=50).progress() == 0.25
    assert Clock(max_steps=200, max_minutes=1e-12).progress() == 1.0


def test_minutes_that_were_spent_before_an_interruption_count():
    now = time.monotonic()
    clock = Clock(max_steps=200, max_minutes=10, before_s=240, started=now - 60)
    assert clock.progress() == pytest.approx(0.5, abs=0.01)
    assert clock.left_s(0.5) == pytest.approx(300, abs=5)
    assert clock.left_s(0) == float("inf")
