from dataclasses import replace

import pytest

from train.recipes import RECIPES, cpu


@pytest.mark.parametrize(
    ("progress", "size"),
    [(0, 128), (0.16, 128), (0.17, 160), (0.34, 192), (0.5, 224), (0.67, 224), (0.99, 224)],
)
def test_crops_grow_in_equal_steps_over_two_thirds_of_a_run(progress, size):
    assert replace(cpu(), first_size=128, train_size=224).crop_size(progress) == size


def test_crops_have_the_loaders_size_where_no_first_one_is_given():
    recipe = replace(cpu(), first_size=None)
    assert [recipe.crop_size(progress) for progress in (0, 0.5, 1)] == [None, None, None]


def test_recipes_are_called_as_they_are_asked_for():
    assert {name: recipe().name for name, recipe in RECIPES.items()} == {
        name: name for name in RECIPES
    }
