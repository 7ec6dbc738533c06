import numpy as np
import torch
from timm.data.mixup import Mixup

from train.augment import jitter_light, light_draws, mix, seed_step
from train.distributed import Team


def draws(seed: int, count: int) -> torch.Tensor:
    return torch.rand(count, 3, generator=torch.Generator().manual_seed(seed))


def test_strength_zero_changes_nothing():
    levels = torch.rand(2, 3, 4, 4) * 255
    assert torch.allclose(jitter_light(levels, draws(0, 2), strength=0.0), levels, atol=1e-3)


def test_levels_stay_in_range_and_depend_on_the_draws_alone():
    levels = torch.rand(8, 3, 4, 4) * 255
    one, again, other = (jitter_light(levels, draws(seed, 8), strength=0.9) for seed in (1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert one.min() >= 0
    assert one.max() <= 255


def test_a_grey_picture_stays_grey():
    levels = torch.full((1, 1, 4, 4), 100.0).expand(1, 3, 4, 4)
    found = jitter_light(levels, draws(3, 1))
    assert torch.allclose(found[:, 0], found[:, 1], atol=1e-3)
    assert torch.allclose(found[:, 1], found[:, 2], atol=1e-3)


def test_several_processes_and_parts_draw_the_light_that_one_process_draws():
    whole = light_draws(seed=3, step=5, first=0, count=7, team=Team())
    # Places 0, 2, 4, 6 and 1, 3, 5; the first process computes its four in two parts.
    one = [light_draws(3, 5, first, count, Team(0, 2)) for first, count in ((0, 3), (3, 1))]
    other = light_draws(3, 5, 0, 3, Team(1, 2))
    assert torch.equal(torch.cat(one), whole[0::2])
    assert torch.equal(other, whole[1::2])
    assert not torch.equal(light_draws(3, 6, 0, 7, Team()), whole)


def test_chance_depends_on_seed_step_and_process():
    def draw(seed: int, step: int, team: Team) -> tuple[float, float]:
        seed_step(seed, step, team)
        return torch.rand(1).item(), np.random.rand()

    first = draw(1, 2, Team())
    assert draw(1, 2, Team()) == first
    others = [draw(2, 2, Team()), draw(1, 3, Team()), draw(1, 2, Team(1, 2))]
    assert len({first, *others}) == 4
    assert len({values[1] for values in [first, *others]}) == 4


def test_mixed_pictures_have_the_shares_of_both_as_targets_and_the_odd_one_stays():
    np.random.seed(0)
    levels = torch.arange(3.0)[:, None, None, None].expand(3, 3, 2, 2).clone()
    targets = mix(levels, torch.tensor([0, 2, 1]), Mixup(1.0, num_classes=4, label_smoothing=0.0))
    share = targets[0, 0].item()
    assert 0 < share < 1
    other = 1 - share
    expected = [[share, 0, other, 0], [other, 0, share, 0], [0, 1, 0, 0]]
    assert torch.allclose(targets, torch.tensor(expected))
    assert torch.allclose(levels[:, 0, 0, 0], torch.tensor([other, share, 2.0]))


def test_a_single_picture_is_not_mixed():
    levels = torch.ones(1, 3, 2, 2)
    targets = mix(levels, torch.tensor([1]), Mixup(1.0, num_classes=2, label_smoothing=0.0))
    assert targets.tolist() == [[0, 1]]
    assert torch.equal(levels, torch.ones(1, 3, 2, 2))
