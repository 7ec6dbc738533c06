"""A trained leaf finder on disk: a folder with finder.safetensors and, last, finder.json."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.torch

from leaflake import UsageError
from train.backbones import load_backbone
from train.finder_net import Found, LeafFinder
from train.recipe import LITE0

WEIGHTS, ABOUT = "finder.safetensors", "finder.json"


@dataclass(frozen=True)
class FinderSettings:
    """What a leaf finder is, and how it learns."""

    backbone: str = LITE0
    """Any of timm's with maps of an eighth, a sixteenth and a thirty-second of the picture."""

    size: int = 224
    """Side of the square that a picture is squeezed to, pixels."""

    minutes: float = 6.0
    """Time for training, if the steps are not done before."""

    max_steps: int | None = None
    """With enough time, these alone decide, and a run repeats exactly; None: the time decides."""

    batch_size: int = 16

    learning_rate: float = 1.5e-3
    """Of the new parts at its highest, after a tenth of the time; then straight to zero."""

    backbone_share: float = 0.2
    """Of that rate, what the backbone learns with: it knows much already."""

    weight_decay: float = 0.02

    frozen_stages: int = 2
    """Of the backbone, its stem being one; see train/freezing.py."""

    light: float = 0.3
    """By how much brightness, contrast and saturation change; see train/augment.py."""

    seed: int = 0


@dataclass(frozen=True)
class TrainedFinder:
    """A leaf finder that can be asked."""

    path: Path
    network: LeafFinder
    threshold: float
    """Certainty from which a box is a leaf."""

    about: dict[str, Any]
    """All of finder.json."""

    def find(self, image: np.ndarray) -> Found:
        """The leaves of one picture, upright RGB uint8 (H, W, 3) of any size. Thread-safe."""
        return self.network.find(image).over(self.threshold)

    def copy_to(self, path: Path) -> None:
        """Copy it into the new folder `path`, for `read_finder`."""
        path.mkdir()
        for name in (WEIGHTS, ABOUT):
            shutil.copyfile(self.path / name, path / name)

    def digest(self) -> str:
        """Which finder this is: the first digits of the sha256 of its weights."""
        return hashlib.sha256((self.path / WEIGHTS).read_bytes()).hexdigest()[:16]


def write_finder(
    path: Path, network: LeafFinder, settings: FinderSettings, about: dict[str, Any]
) -> None:
    """Write a folder that `read_finder` reads; `about` must have the `threshold`."""
    path.mkdir(parents=True)
    state = {key: value.contiguous() for key, value in network.state_dict().items()}
    temporary = path / f"{WEIGHTS}.tmp"
    safetensors.torch.save_file(state, temporary)
    temporary.rename(path / WEIGHTS)
    temporary = path / f"{ABOUT}.tmp"
    text = json.dumps({"settings": asdict(settings), **about}, indent=1, ensure_ascii=False)
    temporary.write_text(text + "\n", encoding="utf-8")
    temporary.rename(path / ABOUT)


def read_finder(path: Path) -> TrainedFinder:
    """Read a folder that `just train leaf-finder` made. Raises UsageError if it is none."""
    try:
        about = json.loads((path / ABOUT).read_text(encoding="utf-8"))
        settings, threshold = FinderSettings(**about["settings"]), float(about["threshold"])
        state = safetensors.torch.load_file(path / WEIGHTS)
    except (OSError, ValueError, KeyError, TypeError, safetensors.SafetensorError) as error:
        raise UsageError(
            f"{path}: not a leaf finder ({type(error).__name__}: {error}). Name a folder that "
            "`just train leaf-finder` made. Nothing was written."
        ) from None
    network = LeafFinder(load_backbone(settings.backbone, pretrained=False), settings.size)
    network.load_state_dict(state)
    return TrainedFinder(path, network.eval(), threshold, about)
