"""What the leaf finder learns from. In: pictures of a lake. Out: batches of pictures with boxes.

Chance depends on the seed and the number of the example alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch

from shards.crop import Crops, crop_box, resize, turn
from shards.decode import decode_image
from train.finder_boxes import WHOLE, clip_boxes, turn_boxes
from train.finder_paste import cut_leaf, leaf_mask, mask_box, paste
from train.predict import num_cores

KINDS = ("drawn", "pasted", "board", "empty")
"""Of examples: pictures with boxes that people drew; leaves on other backgrounds; leaves on their
board; no leaf."""

SHARES = (0.5, 0.3, 0.1, 0.1)
"""How often each kind comes, where there are pictures for it."""

VISIBLE = 0.3
"""Share of a leaf that must be seen, or it is none. Much of a leaf is covered in field pictures,
and people drew a box all the same."""

MOST_LEAVES = 4
"""That are pasted on one background."""

LENGTHS = (0.15, 0.95)
"""Of the longer side of a pasted leaf, as a share of the picture: from a twelfth of the area that a
leaf has in PlantDoc to more than most."""

CROPS = Crops(area=(0.4, 1.0))
"""Of pictures with drawn boxes and of backgrounds."""


@dataclass(frozen=True)
class Example:
    """One picture with its leaves."""

    image: np.ndarray
    """RGB uint8 (size, size, 3)."""

    boxes: np.ndarray
    """float32 (M, 4), see train/finder_boxes.py; none is an answer, too."""


@dataclass(frozen=True)
class Sources:
    """Encoded pictures that examples are made of."""

    drawn: tuple[tuple[bytes, np.ndarray], ...]
    """With the boxes that people drew."""

    leaves: tuple[bytes, ...]
    """One leaf on a grey board each; those that are not are passed over."""

    backgrounds: tuple[bytes, ...]
    """Without a leaf."""

    def kinds(self) -> dict[str, float]:
        """Kind -> its share of the examples, for those of which there are pictures."""
        there = {
            "drawn": bool(self.drawn),
            "pasted": bool(self.leaves and self.backgrounds),
            "board": bool(self.leaves),
            "empty": bool(self.backgrounds),
        }
        shares = {kind: share for kind, share in zip(KINDS, SHARES, strict=True) if there[kind]}
        return {kind: share / sum(shares.values()) for kind, share in shares.items()}


def make_example(sources: Sources, size: int, random: np.random.Generator) -> Example:
    """A random example of a random kind."""
    kinds = sources.kinds()
    kind = str(random.choice(list(kinds), p=list(kinds.values())))
    if kind == "drawn":
        data, boxes = sources.drawn[random.integers(len(sources.drawn))]
        return turned(cropped(decode_image(data), boxes, size, random), random)
    if kind == "board" and (on_board := board_example(_any(sources.leaves, random), size)):
        return turned(on_board, random)
    if not sources.backgrounds:  # what should be a leaf on its board is none
        return Example(np.full((size, size, 3), 127, np.uint8), WHOLE[None][:0])
    background = cropped(
        decode_image(_any(sources.backgrounds, random)), WHOLE[None][:0], size, random
    )
    return pasted(background.image, sources, random) if kind == "pasted" else background


def cropped(
    image: np.ndarray, boxes: np.ndarray, size: int, random: np.random.Generator
) -> Example:
    """A random crop, squeezed to a square, with the boxes that are left in it."""
    height, width = image.shape[:2]
    left, top, right, bottom = crop_box(random.random(4), height, width, CROPS)
    square = np.empty((size, size, 3), np.uint8)
    resize(np.ascontiguousarray(image[top:bottom, left:right]), square)
    window = (left / width, top / height, right / width, bottom / height)
    return Example(square, clip_boxes(boxes, window, VISIBLE))


def board_example(data: bytes, size: int) -> Example | None:
    """A leaf on its board, as it is; None where the leaf cannot be told from it."""
    square = np.empty((size, size, 3), np.uint8)
    resize(decode_image(data), square)
    mask = leaf_mask(square)
    return None if mask is None else Example(square, mask_box(mask)[None])


def pasted(background: np.ndarray, sources: Sources, random: np.random.Generator) -> Example:
    """One to MOST_LEAVES leaves on a background, RGB uint8 (size, size, 3). A later one may cover
    an earlier one; what is covered too much is no leaf."""
    image, size = background.copy(), len(background)
    masks: list[np.ndarray] = []
    for _ in range(random.integers(1, MOST_LEAVES + 1)):
        leaf = cut_leaf(decode_image(_any(sources.leaves, random)))
        if leaf is None:
            continue
        low, high = np.log(LENGTHS)
        length = size * math.exp(random.uniform(low, high))
        x, y = random.uniform(0, size, 2)
        mask = paste(image, leaf, length=length, angle=random.uniform(0, 360), centre=(x, y))
        expected = length**2 * (leaf.mask > 0).sum() / max(leaf.mask.shape) ** 2
        if (mask > 0).sum() >= VISIBLE * expected:
            masks = [_uncovered(before, mask) for before in masks] + [mask]
    boxes = [mask_box(mask) for mask in masks if mask.any()]
    return Example(image, np.stack(boxes) if boxes else WHOLE[None][:0])


def _uncovered(mask: np.ndarray, cover: np.ndarray) -> np.ndarray:
    """What is left of a mask below another; nothing where it is less than VISIBLE."""
    left = np.where(cover > 0, 0, mask).astype(np.uint8)
    return left if (left > 0).sum() >= VISIBLE * (mask > 0).sum() else np.zeros_like(mask)


def turned(example: Example, random: np.random.Generator) -> Example:
    """Laid in one of the eight ways: leaves have no up."""
    variant = int(random.integers(8))
    image = np.empty_like(example.image)
    turn(example.image, variant, image)
    return Example(image, turn_boxes(example.boxes, variant))


def batches(
    sources: Sources, size: int, batch_size: int, seed: int
) -> Iterator[tuple[torch.Tensor, list[np.ndarray]]]:
    """Levels uint8 (N, 3, size, size) with their boxes, without end. The next batches are made
    while the last one is learnt."""

    def make(number: int) -> Example:
        return make_example(sources, size, np.random.default_rng((seed, number)))

    with ThreadPoolExecutor(num_cores()) as pool:
        waiting = [pool.submit(make, number) for number in range(2 * batch_size)]
        number = len(waiting)
        while True:
            examples = [one.result() for one in waiting[:batch_size]]
            waiting = waiting[batch_size:]
            waiting += [pool.submit(make, number + step) for step in range(batch_size)]
            number += batch_size
            images = np.stack([one.image for one in examples])
            yield torch.from_numpy(images).permute(0, 3, 1, 2), [one.boxes for one in examples]


def _any(pictures: tuple[bytes, ...], random: np.random.Generator) -> bytes:
    return pictures[random.integers(len(pictures))]
