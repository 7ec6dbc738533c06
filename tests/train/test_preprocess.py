import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from train.preprocess import BLOCK, Preprocess, resample, triangle_windows


def triangle_weights(size: int, length: int) -> torch.Tensor:
    """float32 (size, length): what each line of the large picture adds to each of the small one."""
    return resample(torch.eye(length), size)


def test_weights_of_halving_are_the_triangle_by_hand():
    # Support 2 around 0.5 and 2.5: distances 0.5, 0.5, 1.5 weigh 0.75, 0.75, 0.25.
    expected = torch.tensor([[0.75, 0.75, 0.25, 0.0], [0.0, 0.25, 0.75, 0.75]]) / 1.75
    assert torch.allclose(triangle_weights(2, 4), expected)


def test_same_size_is_the_identity():
    assert torch.equal(triangle_weights(5, 5), torch.eye(5))


def test_a_block_reads_only_the_lines_near_it():
    index, weights = triangle_windows(4 * BLOCK, 40 * BLOCK)
    assert index.shape == (4, 10 * BLOCK + 25)
    assert weights.shape == (4, BLOCK, 10 * BLOCK + 25)
    # Ten lines for each of the small picture's, and those that the triangles reach beyond.
    assert index[1, [0, -1]].tolist() == [10 * BLOCK - 5, 20 * BLOCK + 19]


@settings(max_examples=30, deadline=None)
@given(size=st.integers(1, 70), length=st.integers(1, 400))
def test_blocks_are_the_triangle_at_every_size(size, length):
    scale = length / size
    centre = (np.arange(size)[:, None] + 0.5) * scale - 0.5
    expected = np.clip(1 - np.abs(np.arange(length) - centre) / max(scale, 1), 0, None)
    expected /= expected.sum(axis=1, keepdims=True)
    assert np.abs(triangle_weights(size, length).numpy() - expected).max() < 1e-4


@pytest.mark.parametrize("shape", [(40, 60), (224, 224), (300, 17), (13, 12), (500, 375)])
def test_resize_stays_within_one_level_of_pillow(shape):
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    ours = Preprocess(64, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))(torch.from_numpy(image))
    pillow = Image.fromarray(image).resize((64, 64), Image.Resampling.BILINEAR)
    levels = ours[0].permute(1, 2, 0).numpy() * 255
    assert np.abs(levels - np.asarray(pillow, dtype=np.float32)).max() <= 1.01


def test_normalisation_maps_black_and_white_to_the_ends():
    preprocess = Preprocess(8, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    white = preprocess(torch.full((20, 30, 3), 255, dtype=torch.uint8))
    black = preprocess(torch.zeros((20, 30, 3), dtype=torch.uint8))
    assert torch.allclose(white, torch.ones(1, 3, 8, 8))
    assert torch.allclose(black, -torch.ones(1, 3, 8, 8))
