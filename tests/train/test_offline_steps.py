"""The steps of `leaflake augment`: what training does, one picture at a time, and their file."""

from __future__ import annotations

import tomllib
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as some

from leaflake import UsageError, main
from shards.crop import Crops, crop_box, resize
from train.augment import jitter_light
from train.offline_list import print_steps, read_steps
from train.offline_steps import STEPS, ChosenStep, all_steps, augment_image, crop, light, turn
from train.recipes import cpu

SMALL = (ChosenStep("crop", {"size": 16, "area": (0.25, 1.0), "aspect": (0.75, 4 / 3)}),)


def draws(seed: int = 3) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_a_crop_is_the_loaders(draw):
    image = draw(0)
    left, top, right, bottom = crop_box(draws().random(4), 48, 64, Crops((0.25, 1.0)))
    expected = np.empty((20, 20, 3), np.uint8)
    resize(image[top:bottom, left:right], expected)
    assert np.array_equal(crop(image, draws(), size=20), expected)


def test_light_is_that_of_a_training_step(draw):
    image = draw(0)
    numbers = torch.from_numpy(draws().random((1, 3), dtype=np.float32))
    levels = torch.tensor(image).permute(2, 0, 1)[None].float()
    expected = jitter_light(levels, numbers)[0].round().permute(1, 2, 0).numpy()
    assert np.array_equal(light(image, draws()), expected)
    assert np.array_equal(light(image, draws(), strength=0.0), image)


def test_turns_are_the_eight_ways_and_two_of_them_only_mirror(draw):
    image = draw(0, 6, 4)
    ways = {turn(image, draws(seed)).tobytes() for seed in range(100)}
    turned = [np.rot90(one, k) for one in (image, image[:, ::-1]) for k in range(4)]
    assert ways == {np.ascontiguousarray(one).tobytes() for one in turned}
    mirrored = {turn(image, draws(seed), turns=2).tobytes() for seed in range(20)}
    assert mirrored == {image.tobytes(), np.ascontiguousarray(image[:, ::-1]).tobytes()}


def test_the_steps_own_numbers_are_those_of_the_cpu_recipe():
    assert [(step.name, step.settings) for step in all_steps()] == [
        (
            "crop",
            {"size": cpu().train_size, "area": (cpu().min_area, 1.0), "aspect": (0.75, 4 / 3)},
        ),
        ("turn", {"turns": 8}),
        ("light", {"strength": 0.3}),
    ]


def test_chance_is_of_seed_path_and_copy_and_no_step_changes_what_another_draws(draw):
    image = draw(0)
    steps = SMALL + all_steps()[1:]
    first = augment_image(image, steps, seed=0, path="a.jpg", copy=1)
    again = augment_image(image, steps, seed=0, path="a.jpg", copy=1)
    assert first.shape == (16, 16, 3) and np.array_equal(first, again)
    others = [(1, "a.jpg", 1), (0, "b.jpg", 1), (0, "a.jpg", 2)]
    for seed, path, copy in others:
        changed = augment_image(image, steps, seed=seed, path=path, copy=copy)
        assert not np.array_equal(changed, first)
    without_light = augment_image(image, steps[:2], seed=0, path="a.jpg", copy=1)
    alone = augment_image(without_light, steps[2:], seed=0, path="a.jpg", copy=1)
    assert np.array_equal(alone, first)


def test_the_printed_file_is_read_back_and_says_what_may_be(tmp_path, capsys):
    assert main(["augment", "--print-steps"]) == 0
    text = capsys.readouterr().out
    assert text == print_steps(all_steps())
    assert "size = 224  # a whole number from 12 to 4096\n" in text
    assert "area = [0.25, 1.0]  # [least, most], two numbers from 0.01 to 1\n" in text
    (tmp_path / "steps.toml").write_text(text)
    assert read_steps(tmp_path / "steps.toml") == all_steps()


def test_a_file_switches_and_orders_steps_and_leaves_other_numbers_as_they_are(tmp_path):
    path = tmp_path / "steps.toml"
    path.write_text('[[step]]\nname = "light"\n[[step]]\nname = "turn"\nturns = 2\n')
    assert read_steps(path) == (
        ChosenStep("light", {"strength": 0.3}),
        ChosenStep("turn", {"turns": 2}),
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[[step]", "cannot be read as TOML"),
        ('name = "crop"', "expected a list of [[step]]"),
        ("step = 3", "expected a list of [[step]]"),
        ("step = []", "there is no step in it"),
        ('[[step]]\nname = "blur"', "no step 'blur'; expected one of crop, turn, light"),
        ('[[step]]\nname = "turn"\n[[step]]\nname = "turn"', "'turn' stands in it twice"),
        ('[[step]]\nname = "turn"\nangle = 3', "turn has no setting 'angle', but turns"),
        ('[[step]]\nname = "turn"\nturns = 9', "turns is 9, expected a whole number from 1 to 8"),
        ('[[step]]\nname = "turn"\nturns = 2.5', "turns is 2.5, expected a whole number"),
        ('[[step]]\nname = "turn"\nturns = true', "turns is True, expected a whole number"),
        ('[[step]]\nname = "light"\nstrength = "a"', "strength is 'a', expected a number from 0"),
        ('[[step]]\nname = "light"\nstrength = nan', "strength is nan, expected a number from 0"),
        ('[[step]]\nname = "crop"\narea = [1.0, 0.5]', "area is [1.0, 0.5], expected [least"),
        ('[[step]]\nname = "crop"\narea = 0.5', "area is 0.5, expected [least, most]"),
    ],
)
def test_a_wrong_file_is_refused_with_what_is_wrong(tmp_path, text, why):
    path = tmp_path / "steps.toml"
    path.write_text(text)
    with pytest.raises(UsageError) as refused:
        read_steps(path)
    assert f"{path}: " in str(refused.value) and why in str(refused.value)
    assert str(refused.value).endswith("--print-steps shows such a file. Nothing was written.")


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(UsageError, match="No such file"):
        read_steps(tmp_path / "none.toml")


@given(
    order=some.permutations(list(STEPS)),
    size=some.integers(12, 4096),
    strength=some.floats(0, 1),
    area=some.tuples(some.floats(0.01, 1), some.floats(0.01, 1)).map(
        lambda two: tuple(sorted(two))
    ),
)
def test_any_list_of_steps_comes_back_from_its_file(tmp_path_factory, order, size, strength, area):
    own = {step.name: step for step in all_steps()}
    own["crop"] = replace(
        own["crop"], settings={**own["crop"].settings, "size": size, "area": area}
    )
    own["light"] = ChosenStep("light", {"strength": strength})
    steps = tuple(own[name] for name in order)
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_text(print_steps(steps))
    assert read_steps(path) == steps
    tomllib.loads(print_steps(steps))
