import math

import pytest
import torch

from train.loop import Best, Clock, rate_share
from train.recipes import cpu


def test_rate_rises_straight_and_falls_as_half_a_cosine():
    recipe = cpu()  # warms up over 5 per cent
    shares = [rate_share(progress, recipe) for progress in (0, 0.025, 0.05, 0.525, 1)]
    assert shares == pytest.approx([0, 0.5, 1, 0.5, 0])


def test_progress_is_steps_or_minutes_whichever_is_further():
    clock = Clock(max_steps=200, max_seconds=math.inf)
    clock.step = 50
    assert clock.progress() == 0.25
    assert Clock(max_steps=200, max_seconds=1e-9).progress() == 1.0


def test_later_weights_win_when_they_are_as_good():
    best = Best()
    network = torch.nn.Linear(1, 1)
    for epoch, (accuracy, weight) in enumerate([(0.5, 1.0), (0.5, 2.0), (0.4, 3.0)]):
        torch.nn.init.constant_(network.weight, weight)
        best.offer(network, {"joint_top1": accuracy, "epoch": epoch})
    assert best.figures == {"joint_top1": 0.5, "epoch": 1}
    assert best.state["weight"].item() == 2.0
