import numpy as np
import onnxruntime
import torch
from torch import nn

from catalog.taxonomy import LabelTree
from export.onnx_graph import export_onnx
from export.reject import Rejection
from export.reject_distance import RelativeMahalanobis
from export.reject_scores import Gate, MaxSoftmax, Sum
from export.reject_seen import see_image
from export.reject_taps import Seen, choose_stages
from export.released import OUTPUT_NAMES, Released
from train.backbones import Backbone
from train.classifier import Classifier

TREE = LabelTree.from_pairs([("apple", "rust"), ("apple", "healthy"), ("fig", "healthy")])


class Tappable(nn.Module):
    """Two convolutions, with what timm's networks offer to tap them."""

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.ModuleList([nn.Conv2d(3, 4, 3, stride=2), nn.Conv2d(4, 6, 3, stride=2)])
        self.feature_info = [{"num_chs": 4}, {"num_chs": 6}]

    def forward_intermediates(self, pixels, indices):
        maps = []
        for stage in self.stages:
            pixels = stage(pixels).relu()
            maps.append(pixels)
        return pixels, [maps[index] for index in indices]

    def forward_head(self, last):
        return last.mean(dim=(2, 3))

    def forward(self, pixels):
        return self.forward_head(self.forward_intermediates(pixels, [])[0])


def released() -> Released:
    """A network and a rule that taps it, with random numbers."""
    torch.manual_seed(0)
    random = np.random.default_rng(0)
    classifier = Classifier(Backbone(Tappable(), 6, (0.5,) * 3, (0.2,) * 3, "none"), TREE, 16)
    stages = choose_stages(classifier.backbone, 16)
    pooled, features, species = (torch.randn(30, width) for width in (20, 6, 2))
    known = Seen(pooled, features, species.log_softmax(dim=1), species[:, 0])
    relative = RelativeMahalanobis(features.numpy(), random.integers(0, 3, 30), 3)
    gate = Gate(random.normal(size=26), 0.5)
    rule = Rejection(stages, Sum([gate], known), Sum([MaxSoftmax(), relative], known))
    return Released(classifier.eval(), rule).eval()


def test_one_picture_and_a_batch_of_pixels_have_the_same_answers(draw):
    network, image = released(), torch.from_numpy(draw(1).copy())
    with torch.inference_mode():
        one = network(image)
        pixels = network.classifier.preprocess(image)
        both = network.from_pixels(torch.cat([pixels, pixels]))
        log_probs, features = network.classifier(image)
        scores = network.rejection(see_image(network.classifier, image.numpy(), (0, 1)))
    for found, batch in zip(one, both, strict=True):
        assert torch.allclose(found, batch[1], atol=1e-5)
    expected = (log_probs.species[0], log_probs.joint[0], features[0], scores[0])
    for found, wanted in zip(one, expected, strict=True):
        assert torch.allclose(found, wanted, atol=1e-5)


def test_onnx_runtime_computes_the_rule_as_torch_does(draw, tmp_path):
    network = released()
    export_onnx(network, tmp_path / "released.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "released.onnx")
    assert tuple(one.name for one in session.get_outputs()) == OUTPUT_NAMES
    image = draw(2, 30, 50).copy()
    with torch.inference_mode():
        expected = network(torch.from_numpy(image))
    for found, wanted in zip(session.run(None, {"image": image}), expected, strict=True):
        assert np.allclose(found, wanted.numpy(), atol=1e-4)
