import json
import sys

import numpy as np

from catalog.taxonomy import LabelTree
from train.backbones import load_backbone
from train.finder_file import FinderSettings, write_finder
from train.finder_net import Found, LeafFinder
from train.judged import read_pictures
from train.metrics import Predictions
from train.train_run import train_run
from train.two_step import compare_ways, crop, main, mean_of

TREE = LabelTree.from_pairs([("apple", "healthy"), ("apple", "rust"), ("pear", "healthy")])
CLASS_SPECIES = np.array([0, 0, 1])


def said(species: list[float], conditions: list[float]):
    joint = np.array(species)[CLASS_SPECIES] * conditions
    return tuple(np.log(np.array(one, np.float32)) for one in (species, conditions, joint))


def test_the_mean_is_of_probabilities_and_conditions_follow_from_it():
    found = mean_of(said([1, 1e-9], [0.5, 0.5, 1]), said([0.5, 0.5], [1, 1e-9, 1]), CLASS_SPECIES)
    species, condition, joint = (np.exp(one) for one in found)
    assert np.allclose(species, [0.75, 0.25])
    assert np.allclose(joint, [0.5, 0.25, 0.25])
    assert np.allclose(condition, [2 / 3, 1 / 3, 1])


def test_a_picture_without_a_leaf_is_asked_about_whole():
    image = np.zeros((40, 60, 3), np.uint8)
    none = Found(np.empty((0, 4), np.float32), np.empty(0, np.float32))
    assert crop(image, none, "first") is image
    half = Found(np.array([[0, 0, 0.5, 1]], np.float32), np.ones(1, np.float32))
    assert crop(image, half, "first").shape == (40, 32, 3)


def test_a_change_is_told_with_its_interval():
    def predictions(*answers: int) -> Predictions:
        rows = [said([0.9, 0.1], [0.5, 0.5, 1]) if one == 0 else said([0.1, 0.9], [0.5, 0.5, 1])
                for one in answers]  # fmt: skip
        return Predictions(*(np.stack(part) for part in zip(*rows, strict=True)), np.array([2] * 4))

    asked = {"whole picture": predictions(0, 0, 1, 1), "crop": predictions(1, 1, 1, 1)}
    rows = compare_ways(asked, np.array(["field"] * 4), np.array(list("abcd")), TREE)
    assert rows["all"]["whole picture"]["species_top1"] == {"value": 0.5}
    row = rows["all"]["crop"]["species_top1"]
    assert (row["value"], row["change"]) == (1.0, 0.5)
    assert 0 <= row["low"] < 0.5 < row["high"] <= 1


def test_a_run_is_asked_about_crops(small_lake, small_recipe, tmp_path, monkeypatch, capsys):
    run = train_run(small_recipe(max_epochs=1, heads_first=False), small_lake, tmp_path)
    settings = FinderSettings(backbone="test_efficientnet", size=64)
    network = LeafFinder(load_backbone(settings.backbone, pretrained=False), settings.size)
    write_finder(tmp_path / "finder", network, settings, {"threshold": 0.01})
    monkeypatch.setattr(sys, "argv", ["bench-crop", str(run), str(tmp_path / "finder")])
    monkeypatch.setattr(  # test is empty there
        "train.two_step.read_pictures",
        lambda lake, where, tree: read_pictures(lake, "split = 'val'", tree),
    )
    assert main() == 0
    written = json.loads((run / "two-step.json").read_text())
    assert written["found"] == 6
    assert list(written["test"]["all"]) == [
        "whole picture", "most certain leaf", "all leaves",
        "whole + most certain leaf", "whole + all leaves",
    ]  # fmt: skip
    assert "A leaf was found in 6 of 6 pictures" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["bench-crop", str(run), str(tmp_path)])
    assert main() == 2
