import copy
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch

from catalog.taxonomy import LabelTree
from shards.format import ShardWriter
from shards.loader import Loader
from shards.select import Selection
from train.backbones import Backbone
from train.best import Best
from train.classifier import Classifier
from train.clock import Clock
from train.fine_tune import FineTune
from train.loop import Training
from train.recipe import Recipe
from train.recipes import cpu
from train.teacher import Teacher

TREE = LabelTree.from_pairs([("apple", "healthy"), ("apple", "rust")])


@pytest.fixture(scope="module")
def loader(draw, encode, tmp_path_factory) -> Iterator[Loader]:
    """Two batches of two pictures."""
    folder = tmp_path_factory.mktemp("loop")
    writer = ShardWriter(folder / "000000.tar")
    places = [writer.add(f"000000-{n:05d}", encode(draw(n)), {}) for n in range(4)]
    writer.close()
    offset, length = np.array(places).T
    keys = ("a", "b", "c", "d")
    selection = Selection(
        keys, ("set",) * 4, np.arange(4) % 2, np.zeros(4, np.int64), offset, length, folder
    )
    with Loader(selection, size=8, batch_size=2, workers=1) as loader:
        yield loader


def small(**settings) -> Recipe:
    plain = {"first_size": None, "frozen_stages": 0, "mixup": 0.0, "cutmix": 0.0}
    return replace(cpu(), **{"batch_size": 2, "precision": "float32", **plain, **settings})


class Record:
    """What a training handed on: its rows, and the weights that it wanted kept."""

    def __init__(self) -> None:
        self.rows: list[dict] = []
        self.kept: list[dict] = []

    def training(self, recipe: Recipe, loader: Loader) -> Training:
        network = torch.nn.Sequential(
            torch.nn.Conv2d(3, 4, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()
        )
        backbone = Backbone(network, 4, (0.5,) * 3, (0.5,) * 3, "none")
        model = Classifier(backbone, TREE, eval_size=8)
        log, keep = self.rows.append, self.kept.append
        return Training(recipe, TREE, model, loader, loader, loader, log=log, keep=keep)


def equal(one: dict, other: dict) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def test_epochs_without_minutes_are_done_in_full_and_the_best_weights_kept(loader):
    record = Record()
    training = record.training(small(max_epochs=3, minutes=None), loader)
    best = FineTune(training).run()
    assert [(row["epoch"], row["steps"]) for row in record.rows] == [(1, 2), (2, 4), (3, 6)]
    assert all(row["pictures_per_s"] > 0 and row["cache_hit_share"] == 1 for row in record.rows)
    assert best["joint_top1"] == max(row["joint_top1"] for row in record.rows)
    assert equal(record.kept[-1], training.model.state_dict())


def test_without_time_for_a_step_the_weights_after_the_heads_are_judged_and_kept(loader):
    record = Record()
    training = record.training(small(minutes=1e-12), loader)
    before = {key: value.clone() for key, value in training.model.state_dict().items()}
    assert FineTune(training).run() == {"epoch": 0, **training.judge(training.model)}
    assert record.rows == []
    assert len(record.kept) == 1
    assert equal(record.kept[0], before)
    assert equal(training.model.state_dict(), before)


def test_the_first_weights_stay_the_best_where_no_epoch_is_as_good(loader):
    record = Record()
    training = record.training(small(max_epochs=2, minutes=None), loader)
    before = {key: value.clone() for key, value in training.model.state_dict().items()}
    tuning = FineTune(training)
    tuning.offer(0, {"joint_top1": 1.5})
    assert tuning.run() == {"epoch": 0, "joint_top1": 1.5}
    assert [row["epoch"] for row in record.rows] == [1, 2]
    assert len(record.kept) == 1
    assert equal(training.model.state_dict(), before)


def test_time_that_ends_between_epochs_adds_no_row(loader, monkeypatch):
    # Asked before the run, after each of two steps, and when val is judged.
    answers = iter([0.1, 0.2, 0.5, 1.0])
    monkeypatch.setattr(Clock, "progress", lambda clock: next(answers))
    record = Record()
    best = FineTune(record.training(small(), loader)).run()
    assert [row["epoch"] for row in record.rows] == [1]
    assert best["epoch"] == 1


@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_loss_that_is_not_finite_stops_the_run_with_the_keys_of_its_pictures(
    loader, accumulate, monkeypatch
):
    record = Record()
    settings = small(batch_size=2 * accumulate, accumulate=accumulate, minutes=None)
    training = record.training(settings, loader)
    plain = training.criterion.forward

    def planted(found, targets):
        return plain(found, targets) * (torch.nan if targets.tolist() == [0, 1] else 1)

    monkeypatch.setattr(training.criterion, "forward", planted)
    with pytest.raises(FloatingPointError, match=r"the loss is nan for the pictures \('a', 'b'\)"):
        FineTune(training).run()
    assert record.kept == []


def test_lines_within_an_epoch_say_rate_loss_accuracy_waiting_and_what_is_left(loader, monkeypatch):
    monkeypatch.setattr("train.fine_tune.LINE_EVERY_S", 0.0)
    record = Record()
    FineTune(record.training(small(max_epochs=1, minutes=None), loader)).run()
    lines = [row for row in record.rows if row["stage"] == "steps"]
    assert [(row["epoch"], row["steps"]) for row in lines] == [(1, 1), (1, 2)]
    for row in lines:
        assert row.keys() == {
            "stage", "epoch", "steps", "learning_rate", "left_s", "loss", "accuracy",
            "pictures_per_s", "waiting_share",
        }  # fmt: skip
        assert row["pictures_per_s"] > 0
        assert 0 <= row["accuracy"] <= 1
    assert lines[-1]["left_s"] == 0


def test_a_teacher_is_copied_and_stays_as_it_is(loader):
    record = Record()
    teacher = record.training(small(), loader).model.eval().requires_grad_(False)
    before = {key: value.clone() for key, value in teacher.state_dict().items()}
    recipe = small(teacher="runs/a", teacher_share=1.0, max_epochs=1, minutes=None)
    training = record.training(recipe, loader)
    training.teacher = Teacher(teacher, 16, torch.arange(2))
    FineTune(training).run()
    assert 0 < record.rows[-1]["loss"] < 1
    assert equal(before, teacher.state_dict())


def test_later_weights_win_when_they_are_as_good():
    best = Best()
    network = torch.nn.Linear(1, 1)
    kept: list[float] = []
    for epoch, (accuracy, weight) in enumerate([(0.5, 1.0), (0.5, 2.0), (0.4, 3.0)]):
        torch.nn.init.constant_(network.weight, weight)
        found = {"joint_top1": accuracy, "epoch": epoch}
        best.offer(network, found, lambda state: kept.append(state["weight"].item()))
    assert best.figures == {"joint_top1": 0.5, "epoch": 1}
    assert best.state["weight"].item() == 2.0
    assert kept == [1.0, 2.0]


def test_crops_that_grow_are_asked_of_the_loader_epoch_by_epoch(loader, monkeypatch):
    asked = []
    epoch = loader.epoch
    monkeypatch.setattr(
        loader, "epoch", lambda number, size=None: asked.append(size) or epoch(number, size)
    )
    monkeypatch.setattr("train.recipe.SIZE_STEP", 2)
    recipe = small(max_epochs=3, minutes=None, train_size=8, first_size=4)
    FineTune(Record().training(recipe, loader)).run()
    assert [size for size in asked if size is not None] == [4, 6, 8]


def test_a_run_stopped_between_the_last_step_of_an_epoch_and_its_judging_judges_it_then(loader):
    recipe = small(max_epochs=2, minutes=None, save_minutes=0.0)
    states: list[dict] = []
    training = Record().training(recipe, loader)
    training.save = lambda state: states.append(copy.deepcopy(state))
    FineTune(training).run()
    state = next(state for state in states if state["fine_tune"]["step"] == 2)
    again = Record()
    training = again.training(recipe, loader)
    training.model.load_state_dict(state["model"])
    going_on = FineTune(training)
    going_on.load_state_dict(state["fine_tune"])
    going_on.run()
    assert [(row["epoch"], row["steps"]) for row in again.rows] == [(1, 2), (2, 4)]
