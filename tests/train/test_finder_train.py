"""The leaf finder, from a lake to its folder: tiny pictures, a tiny network, a second."""

import json
import sys

import numpy as np
import pytest
import torch

from catalog.lake import create_lake
from catalog.taxonomy import NO_PLANT
from shards.format import ShardWriter
from train import finder_train
from train.finder_cli import main
from train.finder_data import Sources
from train.finder_file import FinderSettings, read_finder
from train.finder_lake import backgrounds_of
from train.finder_net import LeafFinder
from train.finder_train import learn, rate_share

from leaf_scenes import leaf_on_board, sky  # isort: skip

SPLITS = ("train", "val", "test")


@pytest.fixture(scope="module")
def leaf_lake(tmp_path_factory, encode):
    """In each split two leaves on a board and one sky, of the dataset pv_set."""
    folder = tmp_path_factory.mktemp("leaves") / "lake"
    with create_lake(folder) as lake:
        (folder / "shards").mkdir()
        writer = ShardWriter(lake.shard_path(0))
        rows = []
        for n in range(9):
            leaf = n % 3 < 2
            picture = leaf_on_board(centre=(24 + 2 * n, 32)) if leaf else sky(n)
            name = f"000000-{n:05d}"
            place = writer.add(name, encode(picture), {})
            species = "apple" if leaf else NO_PLANT
            path = f"/pictures/pv_set/folder/{n}.jpg"
            rows.append((name, "pv_set", species, "healthy" if leaf else "none", SPLITS[n // 3],
                         "ok", name, name, path, 0, *place))  # fmt: skip
        writer.close()
        with lake.commit("rows") as connection:
            connection.executemany(
                'INSERT INTO samples ("key", dataset, species, "condition", split, status, '
                'group_id, sha256, source_path, shard, "offset", length) VALUES '
                "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                rows,
            )
    return folder


def command(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["finder", *map(str, arguments)])
    monkeypatch.setattr(finder_train, "JUDGED_PASTED", 4)
    return main()


def test_a_finder_is_trained_and_judged_on_both_kinds_of_pictures(
    leaf_lake, tmp_path, monkeypatch, capsys
):
    boxes = tmp_path / "boxes.tsv"
    boxes.write_text(
        "file\tcx\tcy\tw\th\n" + "".join(f"folder/{n}.jpg\t0.5\t0.5\t0.6\t0.4\n" for n in (0, 3, 6))
    )
    common = ("--lake", leaf_lake, "--out", tmp_path / "runs", "--minutes", 0.005, "--size", 64)
    with monkeypatch.context() as patch:
        patch.setattr(finder_train, "load_backbone", random_backbone(finder_train.load_backbone))
        given = (*common, "--boxes", boxes, "--backbone", "test_efficientnet")
        assert command(patch, *given) == 0
    out = capsys.readouterr().out
    assert "train 1 pictures with 1 drawn boxes, 1 leaves on a board, 1 backgrounds" in out
    path = next((tmp_path / "runs").iterdir())
    assert out.splitlines()[-1] == str(path)
    about = json.loads((path / "finder.json").read_text())
    assert about["steps"] >= 1
    assert {kind: list(ways) for kind, ways in about["test"].items()} == {
        kind: ["leaf finder", "green excess", "centre crop", "whole picture"]
        for kind in ("drawn", "pasted")
    }
    assert np.allclose(about["test"]["drawn"]["whole picture"]["mean_iou"], 0.24)
    assert read_finder(path).threshold == about["threshold"]


def random_backbone(load):
    return lambda name, init=None: load(name, pretrained=False)


def test_it_learns_where_leaves_are(encode):
    """On two pictures, 40 steps bring the loss to less than half."""
    settings = FinderSettings(
        backbone="test_efficientnet", size=64, minutes=60, max_steps=40, batch_size=4,
        frozen_stages=0, backbone_share=1.0, learning_rate=3e-3,
    )  # fmt: skip
    torch.manual_seed(0)
    sources = Sources((), tuple(encode(leaf_on_board(centre=(x, 32))) for x in (24, 40)), ())
    network = LeafFinder(random_backbone(finder_train.load_backbone)("test_efficientnet"), 64)
    losses = []
    measured = finder_train.finder_loss

    def kept(*arguments):
        loss = measured(*arguments)
        losses.append(loss.item())
        return loss

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(finder_train, "finder_loss", kept)
        assert learn(network, sources, settings) == 40
    assert np.mean(losses[-5:]) < np.mean(losses[:5]) / 2


def test_the_rate_rises_and_falls():
    assert np.allclose([rate_share(one) for one in (0, 0.05, 0.1, 0.55, 1)], [0, 0.5, 1, 0.5, 0])


def test_backgrounds_are_in_one_split_each():
    backgrounds = tuple(bytes([n]) for n in range(10))
    parts = {split: backgrounds_of(backgrounds, split) for split in SPLITS}
    assert [len(parts[split]) for split in SPLITS] == [6, 2, 2]
    assert sorted(one for part in parts.values() for one in part) == list(backgrounds)


def test_what_cannot_be_trained_on_is_refused(leaf_lake, tmp_path, monkeypatch, capsys):
    common = ("--lake", leaf_lake, "--out", tmp_path / "runs")
    assert command(monkeypatch, *common, "--laboratory", "other") == 2
    assert "train has no picture with a drawn box" in capsys.readouterr().err
    assert command(monkeypatch, *common, "--backgrounds", tmp_path / "none") == 2
    assert "there is no such folder" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty/list.txt").write_text("a")
    assert command(monkeypatch, *common, "--backgrounds", tmp_path / "empty") == 2
    assert "no file in it is a JPEG, PNG or WebP" in capsys.readouterr().err
    assert command(monkeypatch, *common, "--size", 100) == 2
    assert "expected a multiple of 32" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()
