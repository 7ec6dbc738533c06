import numpy as np
import pytest
import torch
from PIL import Image

from train.preprocess import Preprocess, triangle_weights


def test_weights_of_halving_are_the_triangle_by_hand():
    # Support 2 around 0.5 and 2.5: distances 0.5, 0.5, 1.5 weigh 0.75, 0.75, 0.25.
    expected = torch.tensor([[0.75, 0.75, 0.25, 0.0], [0.0, 0.25, 0.75, 0.75]]) / 1.75
    assert torch.allclose(triangle_weights(2, 4), expected)


def test_same_size_is_the_identity():
    assert torch.equal(triangle_weights(5, 5), torch.eye(5))


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
