"""What a classifier sees of pictures, one after another as a server gets them.

In: a classifier and decoded pictures. Out: Seen, on the processor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from tqdm import tqdm

from export.reject_taps import Seen, look
from shards.decode import decode_image
from train.classifier import Classifier
from train.predict import num_cores, one_thread_each

MIN_SIDE = 0.4
"""Of a crop, as a share of the picture's side. Smaller ones seldom show anything."""


@dataclass(frozen=True)
class LabelledPictures:
    """Pictures of known classes."""

    encoded: Sequence[bytes]
    class_index: np.ndarray
    """int64 (N,), as in a Selection."""


def see(
    classifier: Classifier,
    encoded: Sequence[bytes],
    stages: tuple[int, ...],
    what: str,
    views: Callable[[np.ndarray, int], Iterable[np.ndarray]] = lambda image, number: (image,),
) -> Seen:
    """What the classifier sees of each view of each picture, picture after picture.

    `views` makes them of a decoded picture and its number. Each core takes a picture at a time
    (train/predict.py says why).
    """
    classifier.eval()

    def see_one(numbered: tuple[int, bytes]) -> list[Seen]:
        number, data = numbered
        with torch.inference_mode():
            return [
                see_image(classifier, image, stages) for image in views(decode_image(data), number)
            ]

    with one_thread_each(), ThreadPoolExecutor(num_cores()) as pool:
        found = pool.map(see_one, enumerate(encoded))
        rows = list(tqdm(found, desc=what, unit="picture", total=len(encoded)))
    return join([one for views_of_one in rows for one in views_of_one])


def see_image(classifier: Classifier, image: np.ndarray, stages: tuple[int, ...]) -> Seen:
    """The same of one uint8 (H, W, 3); N is 1."""
    # A copy, since a decoded picture may be read-only and a mirrored one has its own strides.
    pixels = classifier.preprocess(torch.tensor(image.copy()))
    pooled, features = look(classifier.backbone, pixels, stages)
    said = classifier.heads(features)
    return Seen(pooled, features, said.species, said.energy)


def join(parts: Sequence[Seen]) -> Seen:
    """One after another."""
    return Seen(*(torch.cat(columns) for columns in zip(*parts, strict=True)))


def random_views(count: int, seed: int = 0) -> Callable[[np.ndarray, int], list[np.ndarray]]:
    """For `see`: the picture itself, then `count` random crops, every other one mirrored."""

    def make(image: np.ndarray, number: int) -> list[np.ndarray]:
        random = np.random.default_rng((seed, number))
        return [image, *(_crop(image, random, mirrored=n % 2 == 0) for n in range(count))]

    return make


def _crop(image: np.ndarray, random: np.random.Generator, mirrored: bool) -> np.ndarray:
    sides = np.maximum(1, (np.array(image.shape[:2]) * random.uniform(MIN_SIDE, 1, 2)).astype(int))
    top, left = (int(random.integers(0, room + 1)) for room in np.array(image.shape[:2]) - sides)
    part = image[top : top + sides[0], left : left + sides[1]]
    return part[:, ::-1] if mirrored else part
