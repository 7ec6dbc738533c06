import numpy as np
import pytest
import timm
import torch
from torch import nn

from catalog.taxonomy import LabelTree
from train.backbones import Backbone
from train.classifier import Classifier
from train.heat_map import heat_map
from train.mistakes import overlay
from train.plain_cnn import PlainCnn

TREE = LabelTree.from_pairs([("apple", "rust"), ("corn", "rust")])


def classifier(network: nn.Module, num_features: int, size: int) -> Classifier:
    torch.manual_seed(0)
    return Classifier(Backbone(network, num_features, (0.5,) * 3, (0.5,) * 3, "none"), TREE, size)


class Corner(nn.Module):
    """Features: mean red and mean blue, of a map of 4 x 4 places."""

    def __init__(self) -> None:
        super().__init__()
        self.places = nn.AvgPool2d(8)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.places(pixels))[:, [0, 2]].mean(dim=(2, 3))


def test_the_heat_is_where_the_evidence_is():
    model = classifier(Corner(), 2, 32)
    with torch.no_grad():
        model.heads.species_head.weight.copy_(torch.tensor([[5.0, 0.0], [0.0, 5.0]]))
    image = np.zeros((64, 64, 3), np.uint8)
    image[:16, :16, 0] = 255  # red, an apple, in the first place of 4 x 4
    image[48:, 48:, 2] = 255  # blue, corn, in the last
    for class_index, place in ((0, (0, 0)), (1, (3, 3))):
        found = heat_map(model, image, class_index)
        assert found.shape == (4, 4)
        assert np.unravel_index(found.argmax(), found.shape) == place
        assert found.max() == 1


@pytest.mark.parametrize(
    ("name", "options", "size", "shape"),
    [
        ("tf_efficientnet_lite0", {}, 64, (2, 2)),
        ("resnet10t", {}, 96, (3, 3)),
        ("convnext_atto", {}, 64, (2, 2)),
        ("vit_tiny_patch16_224", {"img_size": 64, "depth": 2}, 64, (4, 4)),
        (
            "vit_tiny_patch16_224",
            {"img_size": 64, "depth": 2, "global_pool": "avg"},
            64,
            (4, 4),
        ),
        ("swin_tiny_patch4_window7_224", {"img_size": 64, "window_size": 2}, 64, (2, 2)),
    ],
)
def test_convolutions_and_token_maps_of_timm_have_a_heat_map(draw, name, options, size, shape):
    torch.manual_seed(1)
    network = timm.create_model(name, num_classes=0, **options)
    width = getattr(network, "head_hidden_size", network.num_features)
    model = classifier(network, width, size)
    # Of random weights the evidence for one of two species is against the other.
    maps = [heat_map(model, draw(0).copy(), class_index) for class_index in (0, 1)]
    found = [one for one in maps if one is not None]
    assert found
    for one in found:
        assert one.shape == shape
        assert one.dtype == np.float32
        assert (float(one.min()) >= 0, float(one.max())) == (True, 1.0)


def test_the_plain_network_has_a_heat_map_of_its_last_places(draw):
    model = classifier(PlainCnn(), PlainCnn.num_features, 64)
    maps = [heat_map(model, draw(0).copy(), class_index) for class_index in (0, 1)]
    assert {one.shape for one in maps if one is not None} == {(2, 2)}


def test_a_network_without_places_has_no_heat_map(draw):
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 5))
    assert heat_map(classifier(network, 5, 8), draw(0).copy(), 0) is None


def test_a_picture_stays_as_it_is_where_there_is_no_evidence(draw):
    image = draw(0, 40, 60)
    evidence = np.zeros((5, 5), np.float32)
    assert np.array_equal(overlay(image, evidence), image)
    evidence[0, 0] = 1
    found = overlay(image, evidence)
    assert (found.shape, found.dtype) == (image.shape, np.uint8)
    assert not np.array_equal(found[:5, :5], image[:5, :5])
    assert np.array_equal(found[-5:, -5:], image[-5:, -5:])
