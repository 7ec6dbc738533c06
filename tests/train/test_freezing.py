import pytest
import timm
import torch
from torch import nn

from catalog.taxonomy import LabelTree
from leaflake import UsageError
from train.backbones import load_backbone
from train.classifier import Classifier
from train.freezing import freeze_first
from train.plain_cnn import PlainCnn

TREE = LabelTree.from_pairs([("apple", "healthy"), ("apple", "rust")])


def small_network() -> nn.Module:
    return timm.create_model("test_efficientnet", num_classes=0)


def test_the_first_stages_keep_their_weights_and_the_others_learn():
    network = small_network()
    names = freeze_first(network, 2)
    assert names == {"conv_stem", "bn1", "blocks.0.0.conv", "blocks.0.0.bn1"}
    owned = tuple(f"{name}." for name in names)
    for name, weight in network.named_parameters():
        assert weight.requires_grad == (not name.startswith(owned)), name


def test_without_a_frozen_stage_everything_learns():
    network = small_network()
    assert freeze_first(network, 0) == frozenset()
    assert all(weight.requires_grad for weight in network.parameters())


def test_a_step_leaves_weights_and_statistics_of_the_frozen_part_as_they_were():
    model = Classifier(load_backbone("test_efficientnet", pretrained=False), TREE, 32)
    model.frozen = freeze_first(model.backbone, 2)
    before = {name: value.clone() for name, value in model.backbone.state_dict().items()}
    model.train()
    found, _ = model.classify(torch.randn(4, 3, 32, 32))
    found.joint.sum().backward()
    torch.optim.SGD(model.parameters(), lr=1.0).step()
    same = {n for n, value in model.backbone.state_dict().items() if torch.equal(value, before[n])}
    assert same == {name for name in before if name.startswith(("conv_stem", "bn1.", "blocks.0."))}


def test_stages_that_nobody_knows_of_are_refused():
    with pytest.raises(UsageError) as refused:
        freeze_first(PlainCnn(), 1)
    assert str(refused.value) == (
        "frozen_stages=1: PlainCnn is not one of timm's networks, so nobody says what its stages "
        "are. Use 0. Nothing was written."
    )


def test_a_network_of_which_nothing_would_learn_is_refused():
    with pytest.raises(UsageError) as refused:
        freeze_first(small_network(), 6)
    assert str(refused.value) == (
        "frozen_stages=6: EfficientNet has 6 stages, of which one at least must learn. Use 0 to 5. "
        "Nothing was written."
    )
