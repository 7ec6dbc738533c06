from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from two_plants import RUST

from serve import shrink as module
from serve.model import Model
from serve.shrink import shrink


@pytest.mark.parametrize("size", [(64, 64), (16, 128), (63, 65), (128, 1)])
def test_picture_that_is_not_too_large_stays_as_it_is(size: tuple[int, int]) -> None:
    image = np.zeros((*size, 3), np.uint8)
    assert shrink(image, 32) is image


@pytest.mark.parametrize(
    ("size", "found"),
    [
        ((65, 65), (33, 33)),
        ((320, 320), (32, 32)),
        ((319, 320), (36, 32)),
        ((20, 3200), (20, 32)),
        ((1, 129), (1, 33)),
        ((3200, 20), (32, 20)),
        ((40, 2000), (40, 33)),
    ],
)
def test_each_side_is_divided_by_a_whole_number_and_stays_long_enough(
    size: tuple[int, int], found: tuple[int, int]
) -> None:
    assert shrink(np.zeros((*size, 3), np.uint8), 32).shape == (*found, 3)


def test_pixels_are_the_means_of_whole_boxes() -> None:
    image = np.random.default_rng(0).integers(0, 256, (100, 150, 3), dtype=np.uint8)
    found = shrink(image, 25)  # by 4 and by 6
    means = image.reshape(25, 4, 25, 6, 3).mean(axis=(1, 3))
    assert np.abs(found - means).max() <= 0.5 + 1e-6


def test_strips_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    image = np.random.default_rng(1).integers(0, 256, (101, 157, 3), dtype=np.uint8)
    whole = shrink(image, 25)
    monkeypatch.setattr(module, "STRIP_PIXELS", 3 * 157)
    assert (shrink(image, 25) == whole).all()


@pytest.mark.parametrize("format", ["PNG", "WEBP", "JPEG"])
def test_no_picture_reaches_the_graph_with_many_pixels(model: Model, format: str) -> None:
    out = io.BytesIO()
    Image.new("RGB", (100, 9000), RUST).save(out, format)
    image = model.decode(out.getvalue())
    assert image.shape[0] * image.shape[1] <= 4 * model.reduce_to**2
    assert min(image.shape[:2]) >= model.reduce_to
