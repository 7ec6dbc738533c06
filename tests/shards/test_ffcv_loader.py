"""ffcv behind the Loader's face: the same batches, and refusals of what it cannot do."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from leaflake import UsageError
from shards.crop import Crops
from shards.ffcv_loader import FfcvLoader, cached_beton, ffcv_loaders
from shards.loader import Loader
from shards.order import Rank
from shards.select import Selection

MEAN, MOST = 1.5, 20
"""Levels, the mean of a picture and any pixel, by which ffcv's pictures may differ. Its inverse DCT
is the fast one of libjpeg-turbo: 1.0 in the mean and 14 at most over 2,000 photographs."""

SIDES = ((48, 64), (64, 48), (33, 95), (300, 310), (20, 25), (128, 128))
"""Height and width; at 8 and at 40 they are enlarged, shrunk, and decoded at a part of it."""


@pytest.fixture(scope="module")
def selection(tmp_path_factory, shards, draw, encode) -> Selection:
    """18 pictures in classes of 6."""
    pictures = [encode(draw(n, *SIDES[n % 6]), quality=90) for n in range(18)]
    return shards(tmp_path_factory.mktemp("ffcv") / "shards", pictures, 8)


@pytest.fixture(scope="module")
def beton(selection, tmp_path_factory) -> Path:
    pytest.importorskip("ffcv", reason="needs the extra `ffcv`")
    return cached_beton(selection, tmp_path_factory.mktemp("betons"))


def kept(loader: Loader, epoch: int) -> list[tuple[tuple[str, ...], list[int], np.ndarray]]:
    """The batches, with copies of their pixels."""
    return [(b.keys, b.class_index.tolist(), b.images.copy()) for b in loader.epoch(epoch)]


def assert_alike(found: list, expected: list) -> None:
    """The same samples in the same batches, with nearly the same pixels."""
    assert [batch[:2] for batch in found] == [batch[:2] for batch in expected]
    for (*_, images), (*_, others) in zip(found, expected, strict=True):
        assert (images.dtype, images.shape) == (others.dtype, others.shape)
        off = np.abs(images.astype(int) - others)
        assert off.mean(axis=(1, 2, 3)).max() <= MEAN
        assert off.max() <= MOST


def assert_same(found: list, expected: list) -> None:
    assert [batch[:2] for batch in found] == [batch[:2] for batch in expected]
    for (*_, images), (*_, others) in zip(found, expected, strict=True):
        np.testing.assert_array_equal(images, others)


@pytest.mark.parametrize("size", [8, 40])  # at 8 a crop is the mean of what it covers
@pytest.mark.parametrize("crops", [Crops(), Crops(area=(0.1, 0.3), turns=1), None])
def test_batches_are_the_loaders_own(selection, beton, size, crops) -> None:
    with (
        FfcvLoader(selection, beton, size=size, batch_size=4, seed=5, crops=crops) as loader,
        Loader(selection, size=size, batch_size=4, seed=5, crops=crops, workers=1) as own,
    ):
        assert loader.num_batches == own.num_batches == 5
        for epoch in (0, 1):
            assert_alike(kept(loader, epoch), kept(own, epoch))


def test_a_small_class_is_repeated_as_by_the_loader(selection, beton) -> None:
    uneven = selection.take(np.array([0, 1, 2, 3, 6, 9, 12, 15]))
    file = cached_beton(uneven, beton.parent)
    settings = {"size": 16, "batch_size": 4, "crops": Crops(), "max_repeat": 3}
    with (
        FfcvLoader(uneven, file, **settings) as loader,
        Loader(uneven, workers=1, **settings) as own,
    ):
        found = kept(loader, 2)
        assert sum(len(keys) for keys, *_ in found) == 6 + 3 + 3
        assert_alike(found, kept(own, 2))


def test_seed_and_epoch_alone_decide_and_not_the_number_of_threads(selection, beton) -> None:
    settings = {"size": 16, "batch_size": 4, "crops": Crops()}
    with (
        FfcvLoader(selection, beton, seed=1, workers=1, **settings) as one,
        FfcvLoader(selection, beton, seed=1, workers=2, **settings) as two,
        FfcvLoader(selection, beton, seed=2, workers=2, **settings) as other,
    ):
        first = kept(one, 3)
        assert_same(kept(two, 3), first)
        assert_same(kept(one, 3), first)
        assert [batch[0] for batch in kept(one, 4)] != [batch[0] for batch in first]
        assert [batch[0] for batch in kept(other, 3)] != [batch[0] for batch in first]


def test_a_saved_state_goes_on_in_the_middle_of_an_epoch(selection, beton) -> None:
    settings = {"size": 16, "batch_size": 4, "crops": Crops()}
    with FfcvLoader(selection, beton, **settings) as loader:
        whole = kept(loader, 0)
        batches = loader.epoch(0)
        next(batches), next(batches)
        state = loader.state_dict()
    with FfcvLoader(selection, beton, **settings) as loader:
        assert loader.load_state_dict(state) == 0
        assert_same(kept(loader, 0), whole[2:])
        assert_same(kept(loader, 0), whole)


def test_an_epoch_that_is_broken_off_leaves_no_thread(selection, beton) -> None:
    threads = threading.active_count()
    with FfcvLoader(selection, beton, size=16, batch_size=1, crops=Crops()) as loader:
        for _ in loader.epoch(0):
            break
        assert threading.active_count() == threads
        batches = loader.epoch(0)
        next(batches)
        assert len(kept(loader, 1)) == 18
        with pytest.raises(RuntimeError, match="another epoch of this loader has begun"):
            next(batches)
        list(zip(loader.epoch(2), range(3), strict=False))
    assert threading.active_count() == threads


def test_two_loaders_run_at_once(selection, beton) -> None:
    with (
        FfcvLoader(selection, beton, size=16, batch_size=2, crops=Crops()) as train,
        FfcvLoader(selection, beton, size=24, batch_size=2) as val,
    ):
        expected = kept(val, 0)
        for _ in train.epoch(0):
            assert_same(kept(val, 0), expected)


def test_an_epoch_may_be_of_smaller_pictures(selection, beton) -> None:
    settings = {"batch_size": 4, "seed": 5, "crops": Crops()}
    with (
        FfcvLoader(selection, beton, size=24, **settings) as loader,
        FfcvLoader(selection, beton, size=16, **settings) as small,
    ):
        smaller = [(b.keys, b.class_index.tolist(), b.images.copy()) for b in loader.epoch(1, 16)]
        assert_same(smaller, kept(small, 1))
        assert kept(loader, 1)[0][2].shape == (4, 24, 24, 3)
        with pytest.raises(ValueError, match="pictures of 25 pixels do not fit"):
            next(loader.epoch(1, 25))


def test_its_figures_count_what_was_handed_out(selection, beton) -> None:
    with FfcvLoader(selection, beton, size=16, batch_size=4) as loader:
        kept(loader, 0)
        stats = loader.stats()
    assert (stats.pictures, stats.encoded_bytes) == (18, int(selection.length.sum()))
    assert 0 < stats.waited_s <= stats.seconds


def test_pytorch_keeps_its_number_of_threads(selection, beton) -> None:
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    with FfcvLoader(selection, beton, size=16, batch_size=4, workers=1) as loader:
        kept(loader, 0)
    assert torch.get_num_threads() == before


def test_a_damaged_picture_is_named(shards, tmp_path, draw, encode) -> None:
    pytest.importorskip("ffcv", reason="needs the extra `ffcv`")
    whole = encode(draw(0))
    selection = shards(tmp_path / "shards", [whole, whole[:-100], whole])
    file = cached_beton(selection, tmp_path)
    with FfcvLoader(selection, file, size=16, batch_size=3) as loader:
        with pytest.raises(RuntimeError, match="ffcv could not decode key 1"):
            kept(loader, 0)
        with pytest.raises(RuntimeError, match="ffcv could not decode key 1"):
            kept(loader, 1)


def test_a_file_is_written_once_for_a_selection(selection, beton, tmp_path) -> None:
    file = cached_beton(selection, tmp_path / "new/cache")
    assert file.read_bytes() == beton.read_bytes()
    before = file.stat().st_mtime_ns
    assert cached_beton(selection.take(np.arange(18)), file.parent) == file
    assert file.stat().st_mtime_ns == before
    other = cached_beton(selection.take(np.arange(17)), file.parent)
    assert sorted(file.parent.iterdir()) == sorted([file, other])


def test_a_file_of_another_selection_is_refused(selection, beton) -> None:
    with pytest.raises(UsageError, match="holds 18 pictures, and the selection has 17. Delete"):
        FfcvLoader(selection.take(np.arange(17)), beton, size=16, batch_size=4)


def test_a_run_reads_crops_whole_pictures_and_val(selection, beton, tmp_path) -> None:
    val = selection.take(np.arange(5))
    settings = {"sizes": (16, 24), "crops": Crops(), "batch_size": 4, "seed": 3, "max_repeat": 1.0}
    with ffcv_loaders(selection, val, tmp_path, workers=2, cache=True, **settings) as loaders:
        found = [(one.crops, one.size, len(one.selection), one.num_batches) for one in loaders]
        assert found == [(Crops(), 16, 18, 5), (None, 16, 18, 5), (None, 24, 5, 2)]
        assert [batch.images.shape for batch in loaders[2].epoch(0)] == [
            (4, 24, 24, 3),
            (1, 24, 24, 3),
        ]
    assert len(list(tmp_path.glob("*.beton"))) == 2


def test_streaming_is_refused_before_a_file_is_written(selection, beton, tmp_path) -> None:
    settings = {"sizes": (16, 24), "crops": Crops(), "batch_size": 4, "seed": 3, "max_repeat": 1.0}
    with (
        pytest.raises(UsageError, match="--loader ffcv cannot stream"),
        ffcv_loaders(selection, selection, tmp_path, workers=2, cache=False, **settings),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_several_processes_are_refused(selection, beton) -> None:
    with pytest.raises(UsageError, match="is for one process, and there are 2"):
        FfcvLoader(selection, beton, size=16, batch_size=4, rank=Rank(0, 2))


def test_without_ffcv_it_says_how_to_install_it(selection, tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "ffcv.loader", None)
    with pytest.raises(UsageError, match=r"pip install leaflake\[ffcv\].*libturbojpeg0-dev"):
        FfcvLoader(selection, tmp_path / "no.beton", size=16, batch_size=4)


def test_repeats_are_for_random_crops(selection, tmp_path) -> None:
    with pytest.raises(ValueError, match="only random crops may be repeated"):
        FfcvLoader(selection, tmp_path / "no.beton", size=16, batch_size=4, max_repeat=2)
