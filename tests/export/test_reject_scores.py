import math

import numpy as np
import pytest
import torch
from torch import nn

from export.reject_distance import Mahalanobis, OnTaps, RelativeMahalanobis, floored
from export.reject_scores import Energy, Gate, MaxSoftmax, Neighbours, Sum, Vim
from export.reject_taps import Seen

RANDOM = np.random.default_rng(0)


def seen(features, species=None, pooled=None, energy=None) -> Seen:
    """What a network saw, from nested lists; where they do not matter, nothing."""
    features = torch.tensor(np.asarray(features), dtype=torch.float32)
    parts = [torch.zeros(len(features), 0) if part is None else torch.tensor(part) for part in
             (pooled, species, energy)]  # fmt: skip
    return Seen(parts[0], features, *parts[1:])


def linear(weight, bias) -> nn.Linear:
    layer = nn.Linear(len(weight[0]), len(weight))
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(weight))
        layer.bias.copy_(torch.tensor(bias))
    return layer


def test_max_softmax_is_higher_the_less_likely_the_likeliest_species_is():
    said = MaxSoftmax()(seen([[0.0]] * 2, species=np.log([[0.9, 0.1], [0.5, 0.5]])))
    assert said.exp().tolist() == pytest.approx([1 / 0.9, 2.0])


def test_energy_is_that_of_the_heads():
    assert Energy()(seen([[1.0], [200.0]], energy=[-3.5, -401.0])).tolist() == [-3.5, -401.0]


def test_mahalanobis_is_the_squared_distance_to_the_nearest_centre_in_spreads_within_groups():
    spread = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 3.0], [0.0, -3.0]])  # variances 0.5 and 4.5
    features = np.concatenate([spread, spread + [10, 0]])
    score = Mahalanobis(features, np.repeat([3, 8], 4))
    shrunk = np.array([0.5, 4.5]) + 0.05 * 2.5
    found = score(seen([[0.0, 0.0], [10.0, 0.0], [12.0, 0.0], [5.0, 6.0]])).tolist()
    expected = [0, 0, 4 / shrunk[0], 25 / shrunk[0] + 36 / shrunk[1]]
    assert found == pytest.approx(expected, abs=1e-4)


def test_few_directions_see_only_what_varies_most():
    features = RANDOM.normal(size=(500, 3)) * [5, 3, 0.1]
    score = Mahalanobis(features, np.zeros(500, np.int64), 2)
    mean = features.mean(axis=0)
    far = score(seen([mean + [0, 0, 9], mean + [0, 9, 0]]))
    assert far[0] < 0.5 < 5 < far[1]
    assert score.get_buffer("projection").shape == (3, 2)


def test_relative_mahalanobis_takes_away_what_is_far_from_everything():
    features = np.concatenate([RANDOM.normal(size=(50, 2)) + [shift, 0] for shift in (0, 20)])
    group = np.repeat([0, 1], 50)
    here = seen([[10.0, 0.0]])
    near = Mahalanobis(features, group)(here)
    far = Mahalanobis(features, np.zeros(100, np.int64))(here)
    assert RelativeMahalanobis(features, group)(here).tolist() == pytest.approx(
        (near - far).tolist()
    )


def test_the_distance_on_taps_also_sees_what_the_features_have_forgotten():
    pooled, features = RANDOM.normal(size=(2, 200, 3))
    known = seen(features, pooled=(1000 * pooled).astype(np.float32))
    score = OnTaps(known, lambda rows: Mahalanobis(rows, np.zeros(200, np.int64), 6))
    strange = seen([[0.0] * 3] * 2, pooled=np.float32([[0, 0, 0], [0, 9000, 0]]))
    plain, odd = score(strange).tolist()
    assert plain < 1 < 50 < odd


def test_a_number_that_hardly_moved_does_not_outweigh_the_others():
    assert floored(np.array([1.0, 2.0, 0.0])).tolist() == [1.0, 2.0, 0.05]
    assert floored(np.zeros(2)).tolist() == [1e-6, 1e-6]


def test_vim_is_higher_outside_the_space_that_training_pictures_fill():
    features = np.zeros((100, 3), np.float32)
    features[:, :2] = RANDOM.normal(size=(100, 2))
    score = Vim(linear([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], [0.0, 0.0]), features, 2)
    energy = [-math.log(2 * math.e)] * 2
    places = seen([[1.0, 1.0, 0.0], [1.0, 1.0, 5.0]], energy=energy)
    inside, outside = score(places).tolist()
    assert inside == pytest.approx(-math.log(2 * math.e), abs=1e-3)
    assert outside == pytest.approx(inside + 5 * score.scale, abs=1e-3)


def test_neighbours_is_the_distance_to_the_tenth_of_those_in_the_same_direction():
    known = np.float32([[1, 0]] * 9 + [[0, 1]] * 9)
    found = Neighbours(known)(seen([[5.0, 0.0]]))
    assert found.tolist() == pytest.approx([math.sqrt(2)])
    assert Neighbours(known[:3])(seen([[5.0, 0.0]])).tolist() == [0.0]


def test_a_sum_counts_each_score_in_its_deviations_among_known_pictures():
    known = seen([[1.0], [3.0]], pooled=np.float32([[0], [0]]))
    line = Gate(np.array([0.0, 2.0]), 1.0)  # 3 and 7 of the known ones
    total = Sum([line, line], known)
    assert total(seen([[3.0], [5.0]], pooled=np.float32([[0], [0]]))).tolist() == [2.0, 6.0]
