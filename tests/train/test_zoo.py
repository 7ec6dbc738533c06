import re
import sys
from dataclasses import replace

import pytest

from leaflake import UsageError
from train import compare, zoo
from train.backbones import Backbone
from train.zoo import BACKBONES, main, train_zoo, zoo_recipe


def test_the_zoo_has_what_was_promised():
    assert list(BACKBONES) == [
        "plain_cnn", "mobilenetv2_100", "tf_efficientnet_lite0",
        "efficientnet_b0", "efficientnet_b1", "efficientnet_b2", "efficientnet_b3",
        "efficientnet_b4", "convnext_tiny", "swin_tiny_patch4_window7_224",
        "vit_small_patch16_224", "vgg19",
    ]  # fmt: skip


def test_all_get_the_same_settings():
    one, other = (zoo_recipe(name, 5, 224) for name in ("vgg19", "plain_cnn"))
    assert replace(one, name="", backbone="") == replace(other, name="", backbone="")


def test_backbones_are_trained_evaluated_compared_and_not_trained_again(
    small_lake, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(compare, "ROUND_S", 0.001)
    monkeypatch.setattr(zoo, "evaluate", lambda path, **settings: None)  # test is empty there
    command = ["zoo", "--lake", str(small_lake), "--out", str(tmp_path), "--minutes", "0.005"]
    command += ["--only", "test_convnext,plain_cnn", "--size", "32", "--random"]
    monkeypatch.setattr(sys, "argv", command)
    assert main() == 0
    runs = sorted(path.name for path in tmp_path.iterdir())
    named = [re.sub(r"-\d{8}-\d{6}$", "", name) for name in runs]  # without date and time
    assert named == ["compare", "zoo-plain_cnn", "zoo-test_convnext"]
    assert (tmp_path / "compare/compare.png").is_file()
    assert main() == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == runs
    assert "== 2/2: plain_cnn" in capsys.readouterr().out


def test_without_a_network_the_first_refusal_is_shown_and_none_is_tried_after_it(
    small_lake, tmp_path, monkeypatch, capsys
):
    asked, recipes = [], []

    def load(name: str, *, pretrained: bool = True) -> Backbone | None:
        if not pretrained:
            return Backbone(None, 1, (), (), "none")
        asked.append(name)
        raise UsageError(f"{name}: could not download.")

    def train(recipe, lake, out, at):
        recipes.append((recipe.backbone, recipe.pretrained, recipe.heads_first))
        return tmp_path

    monkeypatch.setattr(zoo, "load_backbone", load)
    monkeypatch.setattr(zoo, "train_run", train)
    monkeypatch.setattr(zoo, "evaluate", lambda path, **settings: None)
    train_zoo(small_lake, tmp_path, ("resnet18", "vgg11"), 1, 32, False)
    assert asked == ["resnet18"]
    assert recipes == [("resnet18", False, False), ("vgg11", False, False)]
    assert "resnet18: could not download. This network and those" in capsys.readouterr().err


def test_an_unknown_backbone_is_refused_before_anything_is_trained(small_lake, tmp_path):
    with pytest.raises(UsageError, match="knows no such backbone"):
        train_zoo(small_lake, tmp_path, ("plain_cnn", "vgg9"), 1, 32, True)
    assert list(tmp_path.iterdir()) == []
