import numpy as np
import onnxruntime
import pytest
import torch

from catalog.taxonomy import LabelTree
from export.tfjs import picture_levels
from export.tfjs_core import OUTPUTS, BrowserCore, _block_index, export_core
from train.backbones import Backbone
from train.classifier import Classifier

TREE = LabelTree.from_pairs(
    [("apple", "rust"), ("apple", "scab"), ("apple", "healthy"), ("corn", "rust"), ("fig", "rot")]
    + [("fig", "healthy")]
)


def classifier(heads: str) -> Classifier:
    """A small network whose answers are far from even, with temperatures of its own."""
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 6, 3, stride=2), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()
    )
    model = Classifier(Backbone(network, 6, (0.5,) * 3, (0.1,) * 3, "none"), TREE, 16, heads)
    model.heads.get_buffer("temperatures").copy_(torch.tensor([1.3, 0.6]))
    return model.eval()


def test_each_species_has_a_row_of_its_classes_filled_up_with_none():
    assert _block_index(np.array([0, 0, 0, 1, 2, 2])).reshape(3, 3).tolist() == [
        [0, 1, 2],
        [3, 6, 6],
        [4, 5, 6],
    ]


@pytest.mark.parametrize("heads", ["hierarchical", "flat"])
def test_the_core_behind_the_resize_says_what_the_classifier_says(heads, draw):
    model, image = classifier(heads), draw(3).copy()
    with torch.inference_mode():
        log_probs, features = model(torch.from_numpy(image))
        found = BrowserCore(model)(torch.from_numpy(picture_levels(model, image)))
    for one, other in zip(found, (log_probs.species, log_probs.joint, features), strict=True):
        assert torch.allclose(one, other, atol=1e-4)


def test_levels_are_the_picture_itself_where_it_has_the_size(draw):
    model = classifier("hierarchical")
    image = draw(0, height=16, width=16).copy()
    levels = picture_levels(model, image)
    assert levels.shape == (1, 3, 16, 16)
    assert np.allclose(levels[0].transpose(1, 2, 0), image, atol=1e-3)


def test_the_onnx_file_has_the_same_answers_and_no_scatter(tmp_path, draw):
    model, image = classifier("hierarchical"), draw(5).copy()
    export_core(model, tmp_path / "core.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "core.onnx")
    assert [one.name for one in session.get_outputs()] == list(OUTPUTS)
    found = session.run(None, {"levels": picture_levels(model, image)})
    with torch.inference_mode():
        log_probs, _ = model(torch.from_numpy(image))
    assert np.allclose(found[0], log_probs.species.numpy(), atol=1e-4)
    assert np.allclose(found[1], log_probs.joint.numpy(), atol=1e-4)
    assert b"Scatter" not in (tmp_path / "core.onnx").read_bytes()
