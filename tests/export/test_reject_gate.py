import numpy as np
import torch

from export.reject_gate import Examples, cross_fit, fit_gate
from export.reject_taps import Seen

RANDOM = np.random.default_rng(0)


def seen(count: int, shift: float) -> Seen:
    rows = torch.tensor(RANDOM.normal(size=(count, 5)) + [shift, 0, 0, 0, 0]).float()
    return Seen(rows[:, :2], rows[:, 2:], torch.zeros(count, 1), torch.zeros(count))


def test_the_gate_finds_the_number_that_tells_other_things_from_plants():
    plants, others = seen(400, 0), seen(40, 8)
    gate = fit_gate(plants, others)
    assert bool((gate(plants) < 0).all() and (gate(others) > 0).all())
    weight = gate.get_buffer("weight").flatten().abs()
    assert weight.argmax() == 0


def test_each_whole_picture_is_judged_by_a_gate_that_saw_none_of_its_views():
    plants = seen(400, 0)
    rows = seen(30, 8)
    # The views of picture 0 alone are on the other side of the plants.
    rows.pooled[:3, 0] -= 16
    picture = np.repeat(np.arange(10), 3)
    scores = cross_fit(plants, Examples(rows, picture), seen(100, 0))
    assert scores.shape == (10,)
    assert scores[0] < 0 < scores[1:].min()


def test_the_first_view_of_each_picture_is_the_whole_one():
    examples = Examples(seen(6, 0), np.array([0, 0, 0, 1, 2, 2]))
    assert examples.whole.tolist() == [0, 3, 4]
