import onnxruntime
import pytest
import torch

from catalog.taxonomy import LabelTree
from export.onnx_graph import export_onnx
from export.reject import Rejection
from export.reject_scores import MaxSoftmax
from export.released import OUTPUT_NAMES, Released
from train.backbones import load_backbone
from train.classifier import Classifier

TREE = LabelTree.from_pairs([("apple", "healthy"), ("apple", "rust"), ("pear", "scab")])


def a_classifier(heads: str) -> Classifier:
    torch.manual_seed(0)
    return Classifier(load_backbone("test_convnext", pretrained=False), TREE, 32, heads).eval()


@pytest.mark.parametrize("heads", ["hierarchical", "flat"])
def test_heads_of_both_kinds_add_up_over_the_tree_and_export_as_they_are(heads, tmp_path):
    model = a_classifier(heads)
    image = torch.randint(0, 256, (40, 50, 3), dtype=torch.uint8)
    with torch.no_grad():
        found, features = model(image)
    assert (found.species.shape, found.joint.shape, features.shape) == ((1, 2), (1, 3), (1, 64))
    joint = found.joint.exp()[0]
    species = torch.stack([joint[:2].sum(), joint[2]])
    assert torch.allclose(species, found.species.exp()[0], atol=1e-6)
    export_onnx(Released(model, Rejection((), MaxSoftmax(), MaxSoftmax())), tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    answers = session.run(OUTPUT_NAMES[:3], {"image": image.numpy()})
    for answer, expected in zip(answers, (found.species, found.joint, features), strict=True):
        assert torch.allclose(torch.from_numpy(answer), expected[0], atol=1e-4)


@pytest.mark.parametrize("heads", ["hierarchical", "flat"])
def test_under_autocast_the_heads_compute_in_float32(heads):
    model = a_classifier(heads)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        found, features = model.classify(torch.randn(2, 3, 32, 32))
    with torch.no_grad():
        exact = model.heads(features)
    assert torch.equal(found.joint, exact.joint)
    assert {found.species.dtype, found.condition.dtype, found.joint.dtype} == {torch.float32}


def test_an_unknown_kind_of_heads_is_a_bug_of_the_caller():
    with pytest.raises(ValueError, match="'flta' are not one of hierarchical, flat"):
        a_classifier("flta")
