"""Runs without labels, or with few: real ones, of a second each."""

from __future__ import annotations

import json

import numpy as np
import pytest
import safetensors.torch
import torch

from leaflake import UsageError
from shards.select import UNLABELLED
from train.data import open_data, open_loaders
from train.recipes import RECIPES, barlow_twins
from train.run_folder import read_run
from train.settings import refuse_contradictions, with_settings
from train.train_run import resume_run, train_run
from train.training import seen_counts

TWINS = {
    "twins": 1.0, "unlabelled": "true", "heads_first": False, "projector": 8, "max_epochs": 2,
}  # fmt: skip


@pytest.fixture(scope="module")
def alone(small_lake, small_recipe, tmp_path_factory):
    return train_run(small_recipe(**TWINS), small_lake, tmp_path_factory.mktemp("alone"))


def rows(run) -> list[dict]:
    return [json.loads(row) for row in (run / "metrics.jsonl").read_text().splitlines()]


def test_a_run_without_labels_leaves_a_backbone_and_its_last_epoch(alone, small_recipe):
    weights = safetensors.torch.load_file(alone / "best.safetensors")
    assert {key.partition(".")[0] for key in weights} == {"preprocess", "backbone"}
    metrics = json.loads((alone / "metrics.json").read_text())
    assert metrics["val"] == {"epoch": 2}
    epochs = [row for row in rows(alone) if row["stage"] == "fine-tune"]
    # 22 pictures in two crops, four crops a step
    assert [(row["epoch"], row["steps"]) for row in epochs] == [(1, 11), (2, 22)]
    assert all(0 <= row["accuracy"] <= 1 and "val_loss" not in row for row in epochs)
    assert read_run(alone).recipe == small_recipe(**TWINS)
    assert (alone / "metrics.png").is_file()


def test_another_run_begins_with_its_backbone_alone(alone, small_lake, small_recipe, tmp_path):
    recipe = small_recipe(init=str(alone), minutes=1e-9, heads_first=False)
    run = train_run(recipe, small_lake, tmp_path)
    before, after = (
        safetensors.torch.load_file(path / "best.safetensors") for path in (alone, run)
    )
    backbone = [key for key in before if key.startswith("backbone.")]
    assert all(torch.equal(before[key], after[key]) for key in backbone)
    assert read_run(run).config["initial_weights"].startswith(str(alone))


def test_a_run_that_was_stopped_goes_on_to_the_same_end(alone, small_lake, small_recipe, tmp_path):
    class Enough(Exception):
        pass

    def stop(progress: float, found: dict) -> None:
        raise Enough

    with pytest.raises(Enough):
        train_run(small_recipe(**TWINS), small_lake, tmp_path, after_epoch=stop)
    (run,) = tmp_path.iterdir()
    assert resume_run(run) == run
    one, other = (safetensors.torch.load_file(path / "best.safetensors") for path in (alone, run))
    assert all(torch.equal(one[key], other[key]) for key in one)


def test_a_backbone_without_heads_is_not_evaluated(alone):
    with pytest.raises(UsageError) as refused:
        read_run(alone).load_model()
    assert str(refused.value) == (
        f"{alone}: was trained without labels, and names nothing. Begin a run with it: "
        f"leaflake train cpu --init {alone}. Nothing was written."
    )


def test_without_labels_the_lake_needs_none_and_val_and_test_are_left_out(small_lake, small_recipe):
    data = open_data(small_recipe(**TWINS), small_lake, None)
    assert (data.tree.num_classes, len(data.val)) == (0, 0)
    assert len(data.train) == 22  # six more are of val
    assert set(data.train.class_index) == {UNLABELLED}
    with pytest.raises(UsageError, match="no picture outside val and test matches 'false'"):
        open_data(small_recipe(**{**TWINS, "unlabelled": "false"}), small_lake, None)


def test_few_labels_and_pictures_without_any_are_learnt_from_together(
    small_lake, small_recipe, tmp_path
):
    recipe = small_recipe(
        twins=0.5, projector=8, labels="species = 'apple'", unlabelled="true", max_epochs=1
    )
    data = open_data(recipe, small_lake, None)
    assert np.bincount(data.train.class_index + 1).tolist() == [10, 6, 6]
    assert data.train.offset.tolist() == sorted(data.train.offset)
    with open_loaders(recipe, data.train, data.val, tmp_path) as (crops, still, judged):
        assert (len(crops.selection), len(still.selection)) == (22, 12)
        assert set(still.selection.class_index) == {0, 1}
        assert seen_counts(crops, data.tree, 2.0).tolist() == [10, 10, 0, 0, 0]
    run = train_run(recipe, small_lake, tmp_path)
    assert read_run(run).load_model()  # no projector is missing or left over
    last = rows(run)[-1]
    assert last["steps"] == 11 and 0 < last["joint_top1"] <= 1


def test_a_teacher_answers_pictures_that_have_no_label(small_lake, small_recipe, tmp_path):
    teacher = train_run(small_recipe(max_epochs=1), small_lake, tmp_path / "teacher")
    recipe = small_recipe(
        teacher=str(teacher), labels="species = 'apple'", unlabelled="true", max_epochs=1
    )
    run = train_run(recipe, small_lake, tmp_path / "pupil")
    # 22 pictures, of which 12 have a label
    assert (rows(run)[-1]["steps"], read_run(run).tree.num_species) == (6, 2)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (["twins=2"], "twins=2 is no share; it is at most 1"),
        (["unlabelled=true"], "pictures without labels teach nothing here; set twins, or name"),
        (["twins=0.5", "unlabelled=true", "mixup=0.2"], "mixup and cutmix mix labels"),
        (["twins=0.5", "loader=ffcv"], "the loader ffcv knows neither two crops"),
        (["twins=1"], "twins=1 trains no heads; set heads_first=no"),
        (["twins=1", "heads_first=no", "teacher=x"], "twins=1 learns from pictures alone"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(given, why):
    with pytest.raises(UsageError) as refused:
        refuse_contradictions(with_settings(RECIPES["cpu"](), given))
    assert str(refused.value).startswith(f"recipe cpu: {why}")
    assert str(refused.value).endswith(" Nothing was written.")


def test_a_step_that_would_cut_a_pair_is_refused(small_lake, small_recipe, tmp_path):
    with pytest.raises(UsageError, match="1 processes, 4 parts each of 2 crops a picture"):
        train_run(small_recipe(**TWINS, accumulate=4), small_lake, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_every_recipe_is_free_of_contradictions():
    for make in RECIPES.values():
        refuse_contradictions(make())
    assert barlow_twins().views == 2
