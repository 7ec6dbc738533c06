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
from train.classifier import Classifier
from train.loop import Best, Clock, Training, fine_tune, rate_share
from train.recipes import Recipe, cpu

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


def test_rate_rises_straight_and_falls_as_half_a_cosine():
    recipe = cpu()  # warms up over 5 per cent
    shares = [rate_share(progress, recipe) for progress in (0, 0.025, 0.05, 0.525, 1)]
    assert shares == pytest.approx([0, 0.5, 1, 0.5, 0])


def test_progress_is_steps_or_minutes_whichever_is_further():
    assert Clock(max_steps=200, max_minutes=None, step=50).progress() == 0.25
    assert Clock(max_steps=200, max_minutes=1e9, step=50).progress() == 0.25
    assert Clock(max_steps=200, max_minutes=1e-12).progress() == 1.0


def test_epochs_without_minutes_are_done_in_full_and_the_best_weights_kept(loader):
    record = Record()
    training = record.training(replace(cpu(), max_epochs=3, minutes=None), loader)
    best = fine_tune(training)
    assert [(row["epoch"], row["steps"]) for row in record.rows] == [(1, 2), (2, 4), (3, 6)]
    assert all(row["pictures_per_s"] > 0 and row["cache_hit_share"] == 1 for row in record.rows)
    assert best["joint_top1"] == max(row["joint_top1"] for row in record.rows)
    assert equal(record.kept[-1], training.model.state_dict())


def test_without_time_for_a_step_the_weights_after_the_heads_are_judged_and_kept(loader):
    record = Record()
    training = record.training(replace(cpu(), minutes=1e-12), loader)
    before = {key: value.clone() for key, value in training.model.state_dict().items()}
    assert fine_tune(training) == {"epoch": 0, **training.judge(training.model)}
    assert record.rows == []
    assert len(record.kept) == 1
    assert equal(record.kept[0], before)
    assert equal(training.model.state_dict(), before)


def test_time_that_ends_between_epochs_adds_no_row(loader, monkeypatch):
    # Asked before epoch 1 and its two steps, before epoch 2, and before that one's first step.
    answers = iter([0.1, 0.1, 0.2, 0.4, 0.5, 0.6, 1.0, 1.0])
    monkeypatch.setattr(Clock, "progress", lambda clock: next(answers))
    record = Record()
    best = fine_tune(record.training(cpu(), loader))
    assert [row["epoch"] for row in record.rows] == [1]
    assert best["epoch"] == 1


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
