"""What training does to a picture by chance, one picture at a time, for `leaflake augment`.

In: upright RGB uint8 (H, W, 3) and a random generator. Out: another such picture. Each step is a
named function, whose keyword arguments are its settings, and whose arithmetic is the loader's
(shards/crop.py) or the training step's (train/augment.py). Mixing is not among them: a blend of two
pictures has no one label that a file could hold.
"""

from __future__ import annotations

import inspect
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import torch

from shards.crop import WAYS, Crops, crop_box, resize
from shards.crop import turn as lay
from shards.decode import MIN_SIDE
from train.augment import jitter_light
from train.recipes import cpu

RECIPE = cpu()
"""Whose numbers are the steps' own."""

LARGEST = 4096
"""Pixels of a side; a larger square is rather a slip of the hand."""


@dataclass(frozen=True)
class Within:
    """The numbers that a setting may have, both ends included."""

    least: float
    most: float


Side = Annotated[int, Within(MIN_SIDE, LARGEST)]
Ways = Annotated[int, Within(1, len(WAYS))]
Strength = Annotated[float, Within(0, 1)]
Share = Annotated[tuple[float, float], Within(0.01, 1)]
Aspect = Annotated[tuple[float, float], Within(0.1, 10)]


def crop(
    image: np.ndarray,
    random: np.random.Generator,
    *,
    size: Side = RECIPE.train_size,
    area: Share = (RECIPE.min_area, 1.0),
    aspect: Aspect = Crops.aspect,
) -> np.ndarray:
    """A random part, resized to a square of `size` pixels: `area` is its share of the picture,
    `aspect` its width over height."""
    height, width = image.shape[:2]
    left, top, right, bottom = crop_box(random.random(4), height, width, Crops(area, aspect))
    out = np.empty((size, size, 3), np.uint8)
    resize(image[top:bottom, left:right], out)
    return out


def turn(
    image: np.ndarray, random: np.random.Generator, *, turns: Ways = Crops.turns
) -> np.ndarray:
    """One of the first `turns` of the eight ways to lay a picture on a table: 2 only mirrors it
    left to right, 8 are all."""
    variant = WAYS[int(random.random() * turns)]
    height, width = image.shape[:2]
    out = np.empty((width, height, 3) if variant & 4 else (height, width, 3), np.uint8)
    lay(image, variant, out)
    return out


def light(
    image: np.ndarray, random: np.random.Generator, *, strength: Strength = 0.3
) -> np.ndarray:
    """Brightness, contrast and saturation, each changed by up to `strength`; no hue, as colours
    tell diseases apart."""
    levels = torch.from_numpy(image).permute(2, 0, 1).unsqueeze(0).float()  # (1, 3, H, W)
    draws = torch.from_numpy(random.random((1, 3), dtype=np.float32))
    changed = jitter_light(levels, draws, strength)[0].round().to(torch.uint8)
    return np.ascontiguousarray(changed.permute(1, 2, 0).numpy())


Step = Callable[..., np.ndarray]

STEPS: dict[str, Step] = {"crop": crop, "turn": turn, "light": light}
"""In the order in which training has them."""


@dataclass(frozen=True)
class ChosenStep:
    """A step with its numbers."""

    name: str
    """A key of STEPS."""

    settings: Mapping[str, Any]
    """All of its keyword arguments."""


def settings_of(step: Step) -> dict[str, Any]:
    """The keyword arguments of a step, with the values that they have of themselves."""
    parameters = inspect.signature(step).parameters.values()
    return {one.name: one.default for one in parameters if one.kind is one.KEYWORD_ONLY}


def all_steps() -> tuple[ChosenStep, ...]:
    """Every step, with its own numbers."""
    return tuple(ChosenStep(name, settings_of(step)) for name, step in STEPS.items())


def augment_image(
    image: np.ndarray, steps: Sequence[ChosenStep], *, seed: int, path: str, copy: int
) -> np.ndarray:
    """Variant number `copy` of uint8 (H, W, 3), through `steps` in their order.

    Chance depends on seed, path, copy and the step's name alone: not on the other pictures, nor on
    the other steps, so that one can be left out without changing what the others draw.
    """
    for step in steps:
        place = (seed, zlib.crc32(path.encode()), copy, zlib.crc32(step.name.encode()))
        image = STEPS[step.name](image, np.random.default_rng(place), **step.settings)
    return image
