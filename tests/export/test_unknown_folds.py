from dataclasses import replace

import numpy as np
import pytest
import torch

from catalog.taxonomy import LabelTree
from export import unknown_folds
from export.unknown_folds import Splits, choose_folds, find_or_train
from leaflake import UsageError
from shards.select import Selection
from train.classifier import Classifier
from train.recipes import cpu
from train.train_run import initial_backbone, initial_classifier

TREE = LabelTree.from_pairs(
    [("apple", "rust"), ("apple", "scab"), ("fig", "rot"), ("no_plant", "background")]
    + [("pear", "rust"), ("plum", "rot")]
)


def selection(*classes: int) -> Selection:
    zeros = np.zeros(len(classes), np.int64)
    keys = tuple(f"{index}-{position}" for position, index in enumerate(classes))
    return Selection(keys, ("set",) * len(classes), np.array(classes), zeros, zeros, zeros, None)


def test_pictures_of_other_species_move_to_the_classes_of_a_smaller_tree():
    splits = Splits(TREE, selection(0, 1, 2, 3, 4, 5), selection(2, 4), selection(1, 0))
    known = splits.without(frozenset({"apple", "pear"}))
    assert [one.species_id for one in known.tree.species] == ["fig", "no_plant", "plum"]
    assert known.train.keys == ("2-2", "3-3", "5-5")
    assert [one.class_index.tolist() for one in (known.train, known.val, known.test)] == [
        [0, 1, 2],
        [0],
        [],
    ]
    assert [one.keys for one in splits.pictures_of("apple")] == [("0-0", "1-1"), ("1-0", "0-1")]


def test_every_plant_is_left_out_once_and_no_plant_never():
    assert choose_folds(TREE, 2) == [{"apple", "pear"}, {"fig", "plum"}]


@pytest.mark.parametrize("num_folds", [0, 1, 5])
def test_folds_that_leave_out_none_or_leave_too_few_are_refused(num_folds):
    with pytest.raises(UsageError, match=f"--folds {num_folds}: of 4 species each fold must"):
        choose_folds(TREE, num_folds)


def test_a_trained_network_is_kept_and_found_for_the_same_recipe_and_pictures(
    tmp_path, monkeypatch
):
    trained = []

    def draw(recipe, splits, folder) -> Classifier:
        trained.append(recipe.seed)
        empty = initial_backbone(recipe, pretrained=False)
        return initial_classifier(recipe, empty, splits.tree).eval()

    monkeypatch.setattr(unknown_folds, "train_classifier", draw)
    splits = Splits(TREE, selection(0, 1, 2, 3, 4, 5), selection(2, 4), selection(1, 0))
    recipe = replace(cpu(), train_size=32, first_size=None, eval_size=32)
    first = find_or_train(recipe, splits, tmp_path / "1")
    torch.manual_seed(7)
    again = find_or_train(recipe, splits, tmp_path / "1")
    assert trained == [recipe.seed]
    for name, value in first.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name
    other = replace(recipe, seed=5)
    find_or_train(other, splits, tmp_path / "1")
    find_or_train(other, replace(splits, train=selection(0, 1, 2, 3, 4)), tmp_path / "1")
    assert trained == [recipe.seed, 5, 5]
    assert [path.name for path in (tmp_path / "1").iterdir()] == ["network.safetensors"]
