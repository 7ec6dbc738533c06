"""From a run's classifier to the released network, and what PyTorch says with it.

In: a classifier and Material. Out: Released, its rule's record and its answers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from export.manifest import REJECTIONS
from export.material import Material
from export.reject import fit_rejection
from export.reject_seen import LabelledPictures
from export.released import Released
from export.said import Said
from shards.decode import decode_image
from shards.select import read_encoded
from train.calibration import fit_temperatures
from train.classifier import Classifier
from train.leaf_preprocess import LeafPreprocess, see_whole
from train.predict import num_cores, one_thread_each, predict_pictures


@dataclass(frozen=True)
class Release:
    """What every file of the bundle shall compute."""

    network: Released

    temperatures: dict[str, float]
    """Of `species` and `condition`; they are in the network already."""

    rejection: dict[str, Any]
    """The manifest's `rejection`."""

    @property
    def crops(self) -> bool:
        """Whether the network finds the leaf first, and looks at that alone."""
        return isinstance(self.network.classifier.preprocess, LeafPreprocess)

    @property
    def whole(self) -> Released:
        """The network about whole pictures, which is what the browser's model computes."""
        if not self.crops:
            return self.network
        return Released(see_whole(self.network.classifier), self.network.rejection).eval()

    @property
    def rejection_thresholds(self) -> np.ndarray:
        """float64 (2,), of the two scores."""
        return np.array([self.rejection[name]["threshold"] for name in REJECTIONS])


def calibrate(classifier: Classifier, material: Material) -> dict[str, float]:
    """Set the temperatures that make val likeliest into the classifier's heads; gives them."""
    said = predict_pictures(classifier, material.val.encoded, material.val.class_index, "val")
    found = fit_temperatures(said, material.tree)
    classifier.heads.get_buffer("temperatures").copy_(torch.tensor(found))
    return dict(zip(("species", "condition"), found, strict=True))


def release(classifier: Classifier, material: Material, temperatures: dict[str, float]) -> Release:
    """Fit the rejection rule of a calibrated classifier."""
    fitted = fit_rejection(
        classifier,
        LabelledPictures(read_encoded(material.train), material.train.class_index),
        LabelledPictures(material.val.encoded, material.val.class_index),
        material.not_plants,
        material.tree,
    )
    network = Released(classifier, fitted.rejection).float().eval()
    record: dict[str, Any] = {name: without_nan(fitted.record[name]) for name in REJECTIONS}
    return Release(network, temperatures, record)


def without_nan(value: Any) -> Any:
    """The same plain values with None for what is no number, such as a precision of no answers:
    JSON has no word for it."""
    if isinstance(value, dict):
        return {key: without_nan(one) for key, one in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value


def ask_torch(network: Released, encoded: Sequence[bytes], what: str) -> Said:
    """What PyTorch says, picture by picture as a server gets them; `what` names the bar."""

    def answer(data: bytes) -> tuple[np.ndarray, ...]:
        with torch.inference_mode():
            species, joint, _, rejection = network(torch.from_numpy(decode_image(data)))
        return species.numpy(), joint.numpy(), rejection.numpy()

    with one_thread_each(), ThreadPoolExecutor(num_cores()) as pool:
        rows = list(tqdm(pool.map(answer, encoded), desc=what, unit="picture", total=len(encoded)))
    return Said.stack(rows)
