"""The loader: every picture once, an order that the seed decides, crops that stay inside."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shards.decode import decode_image
from shards.format import ShardWriter
from shards.loader import Batch, CropRange, Loader, crop_box, squeeze, turn
from shards.select import Selection

NUM_PICTURES = 11


@pytest.fixture(scope="module")
def pictures(draw, encode) -> list[bytes]:
    return [encode(draw(seed, height=30 + seed, width=50)) for seed in range(NUM_PICTURES)]


@pytest.fixture(scope="module")
def selection(pictures, tmp_path_factory) -> Selection:
    """Eleven pictures in two shards; the class is the position modulo 3."""
    folder: Path = tmp_path_factory.mktemp("loader")
    writers = [ShardWriter(folder / f"00000{shard}.tar") for shard in (0, 1)]
    shard = np.arange(NUM_PICTURES) // 6
    keys = tuple(f"key {n}" for n in range(NUM_PICTURES))
    places = [
        writers[shard[n]].add(f"{shard[n]:06d}-{n:05d}", data, {})
        for n, data in enumerate(pictures)
    ]
    for writer in writers:
        writer.close()
    offset, length = np.array(places).T
    class_index = np.arange(NUM_PICTURES) % 3
    return Selection(keys, ("set",) * NUM_PICTURES, class_index, shard, offset, length, folder)


def load(selection: Selection, epoch: int = 0, **settings) -> list[Batch]:
    settings = {"size": 16, "batch_size": 4, "crops": CropRange(), **settings}
    return list(Loader(selection, **settings).epoch(epoch))


def keys(batches: list[Batch]) -> list[str]:
    return [key for batch in batches for key in batch.keys]


def same(one: list[Batch], other: list[Batch]) -> bool:
    return keys(one) == keys(other) and all(
        np.array_equal(a.images, b.images) and np.array_equal(a.class_index, b.class_index)
        for a, b in zip(one, other, strict=True)
    )


def test_each_epoch_has_every_picture_once(selection) -> None:
    for epoch in range(3):
        batches = load(selection, epoch)
        assert [len(batch.keys) for batch in batches] == [4, 4, 3]
        assert sorted(keys(batches)) == sorted(selection.keys)


def test_batches_are_uint8_squares_with_their_class(selection) -> None:
    batches = load(selection, size=20)
    assert [batch.images.shape for batch in batches] == [(4, 20, 20, 3)] * 2 + [(3, 20, 20, 3)]
    assert {batch.images.dtype for batch in batches} == {np.dtype(np.uint8)}
    for batch in batches:
        assert batch.class_index.tolist() == [int(key.split()[1]) % 3 for key in batch.keys]


def test_the_number_of_batches_is_known_before(selection) -> None:
    sizes = {
        size: Loader(selection, size=8, batch_size=size).num_batches for size in (1, 4, 11, 12)
    }
    assert sizes == {1: 11, 4: 3, 11: 1, 12: 1}


def test_threads_change_nothing(selection) -> None:
    one = load(selection, threads=1)
    assert same(one, load(selection, threads=5))


def test_the_same_seed_and_epoch_give_the_same_pixels(selection) -> None:
    assert same(load(selection, epoch=3, seed=8), load(selection, epoch=3, seed=8))


@pytest.mark.parametrize("change", [{"seed": 1}, {"epoch": 1}])
def test_another_seed_or_epoch_gives_another_order_and_other_crops(selection, change) -> None:
    one, other = load(selection), load(selection, **change)
    assert keys(one) != keys(other)
    of_first = {k: i for b in one for k, i in zip(b.keys, b.images, strict=True)}
    of_other = {k: i for b in other for k, i in zip(b.keys, b.images, strict=True)}
    assert not any(np.array_equal(of_first[key], of_other[key]) for key in selection.keys)


def test_an_epoch_does_not_depend_on_the_ones_before(selection) -> None:
    loader = Loader(selection, size=16, batch_size=4, crops=CropRange())
    list(loader.epoch(0))
    assert same(list(loader.epoch(1)), load(selection, epoch=1))


def test_crops_of_one_picture_do_not_depend_on_the_batch_size(selection) -> None:
    pixels = [
        {k: i.tobytes() for b in batches for k, i in zip(b.keys, b.images, strict=True)}
        for batches in (load(selection, batch_size=4), load(selection, batch_size=11))
    ]
    assert pixels[0] == pixels[1]


def test_whole_pictures_come_in_the_order_of_the_selection(selection, pictures) -> None:
    batches = load(selection, epoch=5, seed=9, crops=None)
    assert keys(batches) == list(selection.keys)
    images = np.concatenate([batch.images for batch in batches])
    assert np.array_equal(images, [squeeze(decode_image(data), 16) for data in pictures])


def test_bytes_that_were_read_before_are_not_read_again(selection, pictures) -> None:
    elsewhere = replace(selection, shards_folder=Path("nowhere"))
    assert same(load(selection), load(elsewhere, data=pictures))


def test_an_epoch_may_be_left_early(selection) -> None:
    batches = Loader(selection, size=16, batch_size=2, threads=1).epoch(0)
    assert next(batches).keys == ("key 0", "key 1")
    batches.close()


ranges = st.tuples(st.floats(0.05, 1), st.floats(0.05, 1)).map(sorted).map(tuple)
aspects = st.tuples(st.floats(0.2, 5), st.floats(0.2, 5)).map(sorted).map(tuple)


@given(st.integers(0, 2**32), st.integers(12, 5_000), st.integers(12, 5_000), ranges, aspects)
def test_a_crop_stays_inside_and_is_not_empty(seed, height, width, area, aspect) -> None:
    random = np.random.default_rng(seed)
    left, top, right, bottom = crop_box(random, (height, width), CropRange(area, aspect))
    assert 0 <= left < right <= width + 1e-9
    assert 0 <= top < bottom <= height + 1e-9
    assert (right - left) * (bottom - top) <= area[1] * height * width * (1 + 1e-9)


@given(st.integers(0, 2**32), st.integers(12, 400), st.integers(12, 400))
def test_pillow_takes_every_crop(seed, height, width) -> None:
    box = crop_box(np.random.default_rng(seed), (height, width), CropRange((1.0, 1.0), (0.2, 5.0)))
    assert squeeze(np.zeros((height, width, 3), np.uint8), 8, box).shape == (8, 8, 3)


def test_crops_of_a_square_cover_the_share_that_was_asked() -> None:
    boxes = [crop_box(np.random.default_rng(n), (100, 100), CropRange()) for n in range(500)]
    shares = np.array([(r - left) * (b - t) / 10_000 for left, t, r, b in boxes])
    assert 0.35 <= shares.min() < 0.37
    assert 0.95 < shares.max() <= 1.0


def test_the_eight_turns_by_hand() -> None:
    corners = np.array([[1, 2], [3, 4]], dtype=np.uint8)[:, :, None].repeat(3, axis=2)
    assert [turn(corners, variant)[:, :, 0].tolist() for variant in range(8)] == [
        [[1, 2], [3, 4]],
        [[3, 4], [1, 2]],
        [[2, 1], [4, 3]],
        [[4, 3], [2, 1]],
        [[1, 3], [2, 4]],
        [[2, 4], [1, 3]],
        [[3, 1], [4, 2]],
        [[4, 2], [3, 1]],
    ]


def test_squeezing_to_the_same_size_changes_nothing(draw) -> None:
    image = draw(1, height=16, width=16)
    assert np.array_equal(squeeze(image, 16), image)


def test_squeezing_a_box_takes_that_box() -> None:
    image = np.zeros((40, 40, 3), np.uint8)
    image[10:20, 20:30] = (10, 200, 30)
    squeezed = squeeze(image, 4, (20, 10, 30, 20))
    # The outermost row and column see a little of what lies beside the box.
    inside, border = squeezed[1:3, 1:3], squeezed[0]
    assert np.unique(inside.reshape(-1, 3), axis=0).tolist() == [[10, 200, 30]]
    assert border[:, 1].min() > 100
