import numpy as np
import pytest

from export.harm import divergence, harm
from export.said import Said


def test_divergence_is_that_of_kullback_and_leibler():
    exact, said = np.log([[0.5, 0.5], [1.0, 1e-30]]), np.log([[0.25, 0.75], [1.0, 1e-30]])
    expected = (0.5 * np.log(0.5 / 0.25) + 0.5 * np.log(0.5 / 0.75)) / 2
    assert divergence(exact, said) == pytest.approx(expected)
    assert divergence(exact, exact) == 0.0


def test_a_moved_rejection_score_is_harm_in_units_of_its_spread():
    joint = np.log([[0.5, 0.5], [0.5, 0.5]])
    exact = Said(joint, joint, np.array([[0.0, 10.0], [2.0, 10.0]]))  # spreads 1 and 0
    moved = Said(joint, joint, np.array([[1.0, 10.0], [2.0, 10.0]]))
    assert harm(exact, moved) == pytest.approx(0.5 * 1**2 / 2, rel=1e-5)
    assert harm(exact, exact) == 0.0
