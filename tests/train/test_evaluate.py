import argparse
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from catalog.taxonomy import LabelTree
from shards.decode import decode_image
from train.backbones import Backbone
from train.classifier import Classifier
from train.evaluate import LABORATORY, by_dataset, is_laboratory, predict_pictures
from train.evaluate_cli import add_evaluate, run_evaluate
from train.metrics import Predictions

TREE = LabelTree.from_pairs([("apple", "rust"), ("corn", "rust")])


@pytest.mark.parametrize("name", ["plantvillage", "PlantVillage-Dataset", "PV_color", "cherry_ci"])
def test_datasets_on_a_board_are_known_in_any_case(name):
    assert is_laboratory(name, LABORATORY)


def test_patterns_of_the_user_count_in_any_case_too():
    assert is_laboratory("boards", ("Board*",))
    assert not is_laboratory("plantdoc", ("Board*",))


def test_a_dataset_with_the_name_of_a_summary_row_has_a_row_of_its_own():
    # Picture 0 is right, 1 and 2 are wrong.
    log = np.log(np.array([[0.9, 0.1], [0.1, 0.9], [0.1, 0.9]]))
    said = Predictions(log, np.zeros((3, 2)), log, np.array([0, 0, 0]))
    found = by_dataset(TREE, said, np.array(["all", "other", "PV_1"]), LABORATORY)
    assert {row: (one["pictures"], one["species_top1"]) for row, one in found.items()} == {
        "all": (3, pytest.approx(1 / 3)),
        "laboratory": (1, 0.0),
        "other": (2, 0.5),
        "PV_1": (1, 0.0),
        "dataset all": (1, 1.0),
        "dataset other": (1, 0.0),
    }


def test_pictures_are_predicted_one_by_one_from_their_bytes(draw, encode):
    network = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    model = Classifier(Backbone(network, 3, (0.5,) * 3, (0.5,) * 3, "none"), TREE, eval_size=8)
    encoded = [encode(draw(0)), encode(draw(1, height=30))]
    images = [torch.from_numpy(decode_image(data)) for data in encoded]
    found = predict_pictures(model, encoded, np.array([0, 1]), "test")
    with torch.inference_mode():
        expected = [model(image)[0].joint[0].numpy() for image in images]
    assert np.array_equal(found.joint, np.stack(expected))
    assert found.class_index.tolist() == [0, 1]


def arguments(run: Path, *more: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_evaluate(parser)
    return parser.parse_args([str(run), "--reuse", *more])


@pytest.mark.parametrize("more", [["--lake", "other"], ["--at", "3"], ["--laboratory", "pv_*"]])
def test_figures_are_reused_only_for_the_same_question(tmp_path, more, monkeypatch, capsys):
    (tmp_path / "evaluation.json").write_text(json.dumps({"all": {"pictures": 1}}))
    fresh = {"all": {"pictures": 2}}
    monkeypatch.setattr("train.evaluate.evaluate", lambda *_, **__: fresh)
    assert run_evaluate(arguments(tmp_path)) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["all"] == {"pictures": 1}
    assert run_evaluate(arguments(tmp_path, *more)) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["all"] == {"pictures": 2}
