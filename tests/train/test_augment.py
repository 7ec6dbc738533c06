import torch

from train.augment import jitter_light


def test_strength_zero_changes_nothing():
    levels = torch.rand(2, 3, 4, 4) * 255
    same = jitter_light(levels, torch.Generator().manual_seed(0), strength=0.0)
    assert torch.allclose(same, levels, atol=1e-3)


def test_levels_stay_in_range_and_depend_on_the_seed_alone():
    levels = torch.rand(8, 3, 4, 4) * 255
    one = jitter_light(levels, torch.Generator().manual_seed(1), strength=0.9)
    again = jitter_light(levels, torch.Generator().manual_seed(1), strength=0.9)
    other = jitter_light(levels, torch.Generator().manual_seed(2), strength=0.9)
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert one.min() >= 0
    assert one.max() <= 255


def test_a_grey_picture_stays_grey():
    levels = torch.full((1, 1, 4, 4), 100.0).expand(1, 3, 4, 4)
    found = jitter_light(levels, torch.Generator().manual_seed(3))
    assert torch.allclose(found[:, 0], found[:, 1], atol=1e-3)
    assert torch.allclose(found[:, 1], found[:, 2], atol=1e-3)
