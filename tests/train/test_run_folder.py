import json

import pytest
import safetensors.torch
import torch

from catalog.taxonomy import LabelTree
from leaflake import UsageError
from train.backbones import load_backbone
from train.classifier import Classifier
from train.recipes import RECIPES, cpu
from train.run_folder import (
    append_row,
    find_finished,
    finish_run,
    read_run,
    save_weights,
    start_run,
)
from train.train_cli import RECIPE_NAMES

TREE = LabelTree.from_pairs([("apple", "healthy"), ("apple", "rust")])


def test_a_finished_run_is_read_back_with_its_weights(tmp_path):
    recipe = cpu()
    model = Classifier(load_backbone(recipe.backbone, pretrained=False), TREE, recipe.eval_size)
    path = start_run(tmp_path / "runs", recipe, TREE, tmp_path / "lake", 7, "none")
    append_row(path, {"stage": "heads", "loss": 1.5})
    finish_run(path, model, {"minutes": 1.0})
    run = read_run(path)
    assert (run.recipe, run.tree, run.snapshot) == (recipe, TREE, 7)
    assert run.metrics == {"minutes": 1.0}
    weights, read = model.state_dict(), run.load_model().state_dict()
    assert all((weights[key] == read[key]).all() for key in weights)
    assert json.loads((path / "metrics.jsonl").read_text()) == {"stage": "heads", "loss": 1.5}


def test_only_the_same_settings_on_the_same_snapshot_count_as_done(tmp_path):
    recipe = cpu()
    path = start_run(tmp_path / "runs", recipe, TREE, tmp_path / "lake", 7, "none")
    lake = tmp_path / "lake"
    assert find_finished(tmp_path / "runs", recipe, lake, 7) is None  # not finished yet
    (path / "metrics.json").write_text("{}")
    assert find_finished(tmp_path / "runs", recipe, lake, 7) == path
    assert find_finished(tmp_path / "runs", recipe, lake, 8) is None
    assert find_finished(tmp_path / "runs", recipe, tmp_path / "other", 7) is None


def test_an_unfinished_run_and_a_foreign_folder_are_refused(tmp_path):
    path = start_run(tmp_path / "runs", cpu(), TREE, tmp_path / "lake", 7, "none")
    with pytest.raises(UsageError, match="did not finish"):
        read_run(path)
    with pytest.raises(UsageError, match="not a run"):
        read_run(tmp_path)


def test_an_interrupted_run_has_its_best_weights_and_is_not_complete(tmp_path):
    path = start_run(tmp_path / "runs", cpu(), TREE, tmp_path / "lake", 7, "none")
    save_weights(path, {"weight": torch.tensor([1.0])})
    save_weights(path, {"weight": torch.tensor([2.0])})
    assert safetensors.torch.load_file(path / "best.safetensors") == {"weight": torch.tensor([2.0])}
    assert sorted(p.name for p in path.iterdir()) == ["best.safetensors", "config.json"]
    assert find_finished(tmp_path / "runs", cpu(), tmp_path / "lake", 7) is None


def test_a_run_of_a_version_with_other_settings_is_refused_and_never_reused(tmp_path):
    path = start_run(tmp_path / "runs", cpu(), TREE, tmp_path / "lake", 7, "none")
    config = json.loads((path / "config.json").read_text())
    config["recipe"]["hue"] = 0.2
    (path / "config.json").write_text(json.dumps({**config, "commit": "abc123"}))
    (path / "metrics.json").write_text("{}")
    with pytest.raises(UsageError, match=r"'hue'.*the version that trained it \(commit abc123\)"):
        read_run(path)
    assert find_finished(tmp_path / "runs", cpu(), tmp_path / "lake", 7) is None


def test_the_command_line_knows_every_recipe():
    assert set(RECIPE_NAMES) == set(RECIPES)
    assert {name: make().name for name, make in RECIPES.items()} == {name: name for name in RECIPES}
