"""Two steps in one preprocessing: find the leaf, then squeeze that part of the picture alone.

In: upright RGB uint8 of any size. Out: what the backbone sees. Like train/preprocess.py it is part
of the exported graph, without branches and with shapes that depend on the picture's size alone.
"""

from __future__ import annotations

import copy

import numpy as np
import torch

from shards.crop import region_box
from shards.decode import MIN_SIDE
from train.classifier import Classifier
from train.finder_crop import MARGIN
from train.finder_file import TrainedFinder
from train.finder_net import SAME_LEAF, LeafFinder
from train.preprocess import Preprocess

SHARP = 8.0
"""Places of the map of middles that mean one leaf vote for its box by exp(SHARP * logit): a place
that is less certain by a third of a logit counts for a fourteenth."""

NO_VOTE = -1e9
"""Its exponential is 0, and unlike -inf it cannot become a NaN."""


class LeafPreprocess(Preprocess):
    """The most certain leaf of a picture, with a margin; the whole picture where no place of it is
    certain enough."""

    def __init__(
        self, plain: Preprocess, finder: LeafFinder, threshold: float, digest: str
    ) -> None:
        """`plain` is what squeezes whole pictures; `threshold` and `digest` are the finder's."""
        super().__init__(plain.size, (0.0,) * 3, (1.0,) * 3)
        for name in ("mean", "std"):
            self.register_buffer(name, plain.get_buffer(name))
        self.plain = plain
        self.finder = finder.eval().requires_grad_(False)
        self.threshold = threshold
        self.digest = digest

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.normalise(self.levels(image, self.edges(image)))

    def edges(self, image: torch.Tensor) -> torch.Tensor:
        """Left, top, right and bottom of what is seen, float32 (4,), in pixels and fractions."""
        middle, sides = self.finder(self.finder.preprocess(image))
        box, certainty = most_certain(middle[0, 0], sides[0])
        ends = torch.cat([torch.ones(1) * image.shape[1], torch.ones(1) * image.shape[0]])
        centre = (box[:2] + box[2:]) / 2 * ends
        half = ((box[2:] - box[:2]) * (1 + MARGIN) / 2 * ends).clamp(min=MIN_SIDE / 2)
        leaf = torch.cat([(centre - half).clamp(min=0), torch.minimum(centre + half, ends)])
        return torch.where(certainty >= self.threshold, leaf, torch.cat([ends * 0, ends]))

    def region(self, image: np.ndarray) -> np.ndarray:
        """The same of uint8 (H, W, 3), as shares of the picture. Thread-safe."""
        with torch.inference_mode():
            edges = self.edges(torch.tensor(image)).numpy()  # a copy: it may be read-only
        return edges / np.array([image.shape[1], image.shape[0]] * 2, np.float32)

    def part(self, image: np.ndarray) -> np.ndarray:
        left, top, right, bottom = region_box(self.region(image), *image.shape[:2])
        return image[top:bottom, left:right]


def most_certain(middle: torch.Tensor, sides: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits (H, W) and distances (4, H, W) -> the box of the most certain leaf, float32 (4,), see
    train/finder_boxes.py, and its certainty, a scalar.

    The map of a large leaf has a flat top, and which place of it is highest may differ between two
    runtimes that sum up in another order. So the places there vote, as in Gidaris and Komodakis,
    "Object detection via a multi-region and semantic segmentation-aware CNN model" (2015), section
    5: those whose box is the same leaf's as the highest one's.
    """
    height, width = middle.shape
    x = ((torch.arange(width) + 0.5) / width).repeat(height)
    y = ((torch.arange(height) + 0.5) / height).repeat_interleave(width)
    logits = middle.reshape(-1)
    left, top, right, bottom = sides.reshape(4, -1)
    boxes = torch.stack([x - left, y - top, x + right, y + bottom], dim=1).clamp(0, 1)
    best = boxes.index_select(0, logits.argmax().reshape(1))  # (1, 4)
    low = torch.maximum(boxes[:, :2], best[:, :2])
    high = torch.minimum(boxes[:, 2:], best[:, 2:])
    shared = (high - low).clamp(min=0).prod(dim=1)
    area, best_area = ((one[:, 2:] - one[:, :2]).prod(dim=1) for one in (boxes, best))
    is_same = shared > SAME_LEAF * (area + best_area - shared)
    votes = torch.where(is_same, SHARP * logits, NO_VOTE).softmax(dim=0)
    return votes @ boxes, logits.max().sigmoid()


def crop_first(model: Classifier, finder: TrainedFinder) -> Classifier:
    """The same network, which looks at the most certain leaf of a picture alone."""
    return _behind(model, leaf_preprocess(see_whole(model).preprocess, finder))


def leaf_preprocess(plain: Preprocess, finder: TrainedFinder) -> LeafPreprocess:
    """Both steps: `finder` and then `plain` of what it found."""
    return LeafPreprocess(plain, finder.network, finder.threshold, finder.digest())


def see_whole(model: Classifier) -> Classifier:
    """The same network, which looks at whole pictures; `model` itself where it does."""
    seen = model.preprocess
    return _behind(model, seen.plain) if isinstance(seen, LeafPreprocess) else model


def _behind(model: Classifier, preprocess: Preprocess) -> Classifier:
    """A copy of `model` behind another preprocessing."""
    other = copy.deepcopy(model)
    other.preprocess = preprocess
    return other
