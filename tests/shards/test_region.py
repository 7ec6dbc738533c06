from dataclasses import replace

import numpy as np
import pytest

from shards.crop import Cropper, Crops, region_box, squeeze
from shards.decode import decode_image
from shards.format import ShardWriter
from shards.loader import Loader
from shards.select import Selection


@pytest.fixture
def selection(tmp_path, draw, encode) -> Selection:
    """Three pictures of a shard, of each the right half."""
    writer = ShardWriter(tmp_path / "000000.tar")
    places = [writer.add(f"000000-{n:05d}", encode(draw(n, 40, 60)), {}) for n in range(3)]
    writer.close()
    offset, length = np.array(places).T
    keys = tuple(f"000000-{n:05d}" for n in range(3))
    zeros = np.zeros(3, np.int64)
    half = np.tile(np.array([0.5, 0, 1, 1], np.float32), (3, 1))
    return Selection(keys, ("set",) * 3, zeros, zeros, offset, length, tmp_path, half)


def test_a_region_is_whole_pixels_around_its_shares():
    assert region_box(None, 30, 50) == (0, 0, 50, 30)
    assert region_box(np.array([0, 0, 1, 1], np.float32), 30, 50) == (0, 0, 50, 30)
    assert region_box(np.array([0.11, 0.5, 0.21, 0.51], np.float32), 30, 40) == (4, 15, 8, 16)
    assert region_box(np.array([1, 1, 1, 1], np.float32), 30, 50) == (49, 29, 50, 30)


def test_a_random_crop_lies_in_the_region(encode):
    image = np.zeros((64, 64, 3), np.uint8)
    image[16:48, 32:64] = 255
    data = np.frombuffer(encode(image, quality=95), np.uint8)
    out = np.empty((8, 8, 3), np.uint8)
    region = np.array([0.5, 0.25, 1, 0.75], np.float32)
    for seed in range(20):
        draws = np.random.default_rng(seed).random(5)
        Cropper().crop(data, draws, Crops(area=(0.2, 1.0)), out, region)
        assert out.min() > 240


def test_whole_pictures_are_read_as_their_regions(selection, tmp_path, draw, encode):
    with Loader(selection, size=16, batch_size=2, workers=1) as loader:
        images = np.concatenate([batch.images.copy() for batch in loader.epoch(0)])
    for n, image in enumerate(images):
        picture = decode_image(encode(draw(n, 40, 60)))
        assert np.array_equal(image, squeeze(picture[:, 30:], 16))


def test_regions_go_with_their_rows_and_make_another_order(selection):
    taken = selection.take(np.array([2, 0]))
    assert taken.region is not None and taken.region.shape == (2, 4)
    whole = replace(selection, region=None)
    assert whole.take(np.array([1])).region is None
    identities = []
    for one in (selection, whole):
        with Loader(one, size=16, batch_size=2, workers=1) as loader:
            identities.append(loader.state_dict()["of"])
    assert identities[0] != identities[1]
