import pytest
import torch

from catalog.taxonomy import LabelTree
from leaflake import UsageError
from train.backbones import Backbone
from train.classifier import Classifier
from train.selftest import check_arithmetic, first_broken_layer

TREE = LabelTree.from_pairs([("apple", "healthy"), ("apple", "rust")])
CPU = torch.device("cpu")


class Attention(torch.nn.Module):
    """Gives NaN from its call number `breaks`, as long as it is fused."""

    def __init__(self, breaks: int) -> None:
        super().__init__()
        self.fused_attn = True
        self.inner = torch.nn.Linear(3, 3)
        self.calls, self.breaks = 0, breaks

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        broken = self.fused_attn and self.calls >= self.breaks
        return self.inner(values) * (torch.nan if broken else 1)


class BrokenGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx, values):
        return values.clone()

    @staticmethod
    def backward(ctx, gradient):
        return gradient * torch.inf


class Broken(torch.nn.Linear):
    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return BrokenGradient.apply(super().forward(values))


def classifier(layer: torch.nn.Module) -> Classifier:
    network = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), layer)
    return Classifier(Backbone(network, 3, (0.5,) * 3, (0.5,) * 3, "none"), TREE, eval_size=8)


def test_sound_arithmetic_leaves_the_network_as_it_was():
    model = classifier(Attention(breaks=99))
    before = {key: value.clone() for key, value in model.state_dict().items()}
    said = check_arithmetic(model, 8, CPU, torch.float32)
    assert said == "20 steps on noise: all numbers finite"
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert model.backbone[2].fused_attn


def test_a_nan_is_found_with_its_layer_and_step():
    found = first_broken_layer(classifier(Attention(breaks=7)), 8, CPU, torch.bfloat16)
    assert found == "the answer of backbone.2 is not finite at step 7"


def test_a_gradient_that_is_not_finite_is_found():
    found = first_broken_layer(classifier(Broken(3, 3)), 8, CPU, torch.float32)
    assert found == "the gradient of backbone.2.weight is not finite at step 1"


def test_fused_attention_that_fails_is_replaced_by_plain_attention():
    model = classifier(Attention(breaks=7))
    said = check_arithmetic(model, 8, CPU, torch.float32)
    assert said == (
        "20 steps on noise: the answer of backbone.2 is not finite at step 7; "
        "with attention that is not fused all are finite"
    )
    assert not model.backbone[2].fused_attn


def test_what_plain_attention_does_not_mend_is_refused():
    with pytest.raises(UsageError, match=r"the gradient of backbone.2.weight .* the processor"):
        check_arithmetic(classifier(Broken(3, 3)), 8, CPU, torch.float32)
