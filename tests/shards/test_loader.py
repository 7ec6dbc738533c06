"""The loader: every picture once, an order that the seed decides, and what a break leaves."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from catalog.storage import publish
from leaflake import UsageError
from shards.crop import Crops, squeeze
from shards.decode import decode_image
from shards.loader import Batch, Loader
from shards.order import Rank
from shards.select import Selection
from shards.workers import WorkerError, Workers

NUM_PICTURES = 11


@pytest.fixture(scope="module")
def pictures(draw, encode) -> list[bytes]:
    return [encode(draw(seed, height=30 + seed, width=50)) for seed in range(NUM_PICTURES)]


@pytest.fixture(scope="module")
def selection(pictures, shards, tmp_path_factory) -> Selection:
    """Eleven pictures in three shards; the class is the position modulo 3."""
    return shards(tmp_path_factory.mktemp("loader"), pictures)


@pytest.fixture(scope="module")
def pool() -> Iterator[Workers]:
    """Two processes for all tests that do not harm them."""
    with Workers(2) as workers:
        yield workers


@pytest.fixture
def load(selection, pool):
    """load(**settings) -> loader, closed after the test."""
    opened = []

    def load(rows: Selection = selection, **settings) -> Loader:
        settings = {"size": 16, "batch_size": 4, "crops": Crops(), "workers": pool, **settings}
        opened.append(Loader(rows, **settings))
        return opened[-1]

    yield load
    for loader in opened:
        loader.close()


def keys(batches: list[Batch]) -> list[str]:
    return [key for batch in batches for key in batch.keys]


def same(one: list[Batch], other: list[Batch]) -> bool:
    return keys(one) == keys(other) and all(
        np.array_equal(a.images, b.images) and np.array_equal(a.class_index, b.class_index)
        for a, b in zip(one, other, strict=True)
    )


CACHE_OR_STREAM = pytest.mark.parametrize("cache", [True, False], ids=["cache", "stream"])


@CACHE_OR_STREAM
def test_each_epoch_has_every_picture_once(load, selection, cache) -> None:
    loader = load(cache=cache)
    for epoch in range(3):
        batches = list(loader.epoch(epoch))
        assert [len(batch.keys) for batch in batches] == [4, 4, 3]
        assert sorted(keys(batches)) == sorted(selection.keys)


@CACHE_OR_STREAM
def test_whole_pictures_come_in_order_and_exactly_as_they_are_judged(load, pictures, cache) -> None:
    [batch] = load(crops=None, batch_size=20, cache=cache).epoch(0)
    assert batch.keys == tuple(f"key {n}" for n in range(NUM_PICTURES))
    assert batch.class_index.tolist() == [n % 3 for n in range(NUM_PICTURES)]
    for image, data in zip(batch.images, pictures, strict=True):
        assert np.array_equal(image, squeeze(decode_image(data), 16))


@CACHE_OR_STREAM
def test_a_crop_of_everything_is_the_picture(load, shards, tmp_path, draw, encode, cache) -> None:
    data = [encode(draw(seed, height=20, width=20)) for seed in range(5)]
    whole = Crops(area=(1.0, 1.0), aspect=(1.0, 1.0), turns=1)
    rows = shards(tmp_path / "squares", data, per_shard=2)
    batches = list(load(rows, size=20, crops=whole, cache=cache).epoch(0))
    found = {k: i for b in batches for k, i in zip(b.keys, b.images, strict=True)}
    assert len(found) == 5
    for n in range(5):
        assert np.array_equal(found[f"key {n}"], decode_image(data[n]))


def test_batches_are_uint8_squares_with_their_class(load) -> None:
    batches = list(load(size=20).epoch(0))
    assert [batch.images.shape for batch in batches] == [(4, 20, 20, 3)] * 2 + [(3, 20, 20, 3)]
    assert {batch.images.dtype for batch in batches} == {np.dtype(np.uint8)}
    for batch in batches:
        assert batch.class_index.tolist() == [int(key.split()[1]) % 3 for key in batch.keys]


def test_the_number_of_batches_is_known_before(load) -> None:
    sizes = {size: load(size=8, batch_size=size).num_batches for size in (1, 4, 11, 12)}
    assert sizes == {1: 11, 4: 3, 11: 1, 12: 1}


@CACHE_OR_STREAM
def test_the_number_of_workers_changes_nothing(load, cache) -> None:
    two = list(load(cache=cache).epoch(0))
    with Workers(1) as alone:
        assert same(two, list(load(workers=alone, cache=cache).epoch(0)))


@pytest.mark.parametrize("change", [{"seed": 1}, {"epoch": 1}])
def test_another_seed_or_epoch_gives_another_order_and_other_crops(load, selection, change) -> None:
    one = list(load().epoch(0))
    other = list(load(seed=change.get("seed", 0)).epoch(change.get("epoch", 0)))
    assert keys(one) != keys(other)
    of_one, of_other = (
        {k: i for b in batches for k, i in zip(b.keys, b.images, strict=True)}
        for batches in (one, other)
    )
    assert not any(np.array_equal(of_one[key], of_other[key]) for key in selection.keys)


def test_an_epoch_does_not_depend_on_the_ones_before(load) -> None:
    loader = load()
    list(loader.epoch(0))
    assert same(list(loader.epoch(1)), list(load().epoch(1)))


def test_what_is_kept_is_not_written_over(load) -> None:
    loader = load(batch_size=1)
    kept = list(loader.epoch(0))
    copies = [batch.images.copy() for batch in kept]
    for epoch in (1, 2):
        list(loader.epoch(epoch))
    assert all(np.array_equal(b.images, copy) for b, copy in zip(kept, copies, strict=True))
    del kept
    gc.collect()
    assert same(list(loader.epoch(3)), list(load(batch_size=1).epoch(3)))


def test_an_epoch_may_be_left_in_its_middle(load) -> None:
    loader = load(batch_size=1)
    for _ in range(20):
        assert len(next(loader.epoch(0)).keys) == 1
    assert same(list(loader.epoch(0)), list(load(batch_size=1).epoch(0)))


def test_two_epochs_of_one_loader_do_not_run_at_once(load) -> None:
    loader = load(batch_size=2)
    first = loader.epoch(0)
    next(first)
    next(loader.epoch(1))
    with pytest.raises(RuntimeError, match="another epoch of this loader has begun"):
        next(first)


def test_two_loaders_share_their_workers(load) -> None:
    one, other = load(size=16), load(size=24)
    pairs = list(zip(one.epoch(0), other.epoch(0), strict=True))
    assert [(a.images.shape[1], b.images.shape[1]) for a, b in pairs] == [(16, 24)] * 3


@CACHE_OR_STREAM
def test_small_classes_are_repeated_with_other_crops(load, selection, cache) -> None:
    rows = replace(selection, class_index=np.array([0] * 9 + [1] * 2))
    batches = list(load(rows, max_repeat=3, cache=cache).epoch(0))
    seen = keys(batches)
    assert {key: seen.count(key) for key in selection.keys} == {
        **{f"key {n}": 1 for n in range(9)}, "key 9": 3, "key 10": 3,
    }  # fmt: skip
    tens = [i.tobytes() for b in batches for k, i in zip(b.keys, b.images, strict=True)
            if k == "key 10"]  # fmt: skip
    assert len(set(tens)) == 3


def test_pictures_to_judge_on_are_not_repeated(load) -> None:
    with pytest.raises(ValueError, match="only random crops may be repeated"):
        load(crops=None, max_repeat=2)


@CACHE_OR_STREAM
@pytest.mark.parametrize("taken", [0, 1, 2, 3])
def test_an_epoch_goes_on_where_its_state_was_saved(load, taken, cache) -> None:
    settings = {"batch_size": 4, "cache": cache, "window": 5}
    full = list(load(**settings).epoch(5))
    loader = load(**settings)
    batches = loader.epoch(5)
    for _ in range(taken):
        next(batches)
    state = loader.state_dict() if taken else {**loader.state_dict(), "epoch": 5}
    with Workers(1) as alone:
        resumed = load(**settings, workers=alone)
        epoch = resumed.load_state_dict(state)
        assert epoch == (6 if taken == 3 else 5)
        rest = list(resumed.epoch(epoch))
        assert same(rest, full[taken:] if taken < 3 else list(load(**settings).epoch(6)))
        assert resumed.state_dict()["batch"] == 3


@pytest.mark.parametrize(
    "change", [{"seed": 1}, {"batch_size": 5}, {"cache": False}, {"rank": Rank(0, 2)}]
)
def test_a_state_of_other_settings_is_refused(load, change) -> None:
    state = load().state_dict()
    with pytest.raises(UsageError, match="of another selection, seed, batch size"):
        load(**change).load_state_dict(state)


def test_stats_say_where_time_went(load, selection) -> None:
    loader = load()
    loader.cache.wait()
    for _ in loader.epoch(0):
        time.sleep(0.05)
    stats = loader.stats()
    assert (stats.pictures, stats.cache_hits) == (11, 11)
    assert stats.encoded_bytes == selection.length.sum()
    assert stats.seconds > 0.15
    assert stats.waited_s <= stats.seconds - 0.14
    assert stats.row() == {
        "pictures_per_s": round(11 / stats.seconds, 1),
        "waiting_share": round(stats.waited_s / stats.seconds, 4),
        "cache_hit_share": 1.0,
        "encoded_mb": round(selection.length.sum() / 1e6, 1),
    }


def test_an_epoch_of_smaller_pictures_is_that_of_a_loader_of_their_size(load) -> None:
    loader = load(size=24)
    assert same(list(loader.epoch(1, size=16)), list(load(size=16).epoch(1)))
    assert next(loader.epoch(2)).images.shape == (4, 24, 24, 3)
    with pytest.raises(ValueError, match="pictures of 32 pixels do not fit into a loader of 24"):
        next(loader.epoch(2, size=32))


def test_pictures_that_are_not_in_the_cache_yet_are_read_from_their_shards(load) -> None:
    loader = load()
    loader.cache.wait()
    full = list(loader.epoch(0))
    loader.cache.data[:5] = 0
    assert same(list(loader.epoch(0)), full)
    assert loader.stats().cache_hits == 6


def test_a_stream_has_no_cache_hits(load) -> None:
    loader = load(cache=False)
    list(loader.epoch(0))
    assert (loader.stats().pictures, loader.stats().cache_hits) == (11, 0)


@CACHE_OR_STREAM
def test_shards_may_lie_in_an_object_store(load, selection, bucket, cache) -> None:
    for path in selection.shards_folder.glob("*.tar"):
        with publish(f"{bucket}/shards/{path.name}") as file:
            file.write(path.read_bytes())
    # Workers of their own, which the store's address in the environment reaches.
    far = load(replace(selection, shards_folder=f"{bucket}/shards"), cache=cache, workers=2)
    assert same(list(far.epoch(0)), list(load(cache=cache).epoch(0)))


@CACHE_OR_STREAM
def test_a_shard_that_was_cut_off_ends_the_epoch(load, shards, pictures, tmp_path, cache) -> None:
    rows = shards(tmp_path / "cut", pictures)
    path = rows.shards_folder / "000002.tar"
    path.write_bytes(path.read_bytes()[:700])
    with pytest.raises((WorkerError, EOFError), match=r"000002.tar: \d+ of \d+ bytes"):
        list(load(rows, cache=cache).epoch(0))


def test_a_picture_that_is_damaged_is_named_and_the_loader_goes_on(
    load, shards, pictures, tmp_path
) -> None:
    bad = [*pictures[:7], pictures[7][:-30], *pictures[8:]]
    loader = load(shards(tmp_path / "damaged", bad))
    for _ in range(2):
        with pytest.raises(WorkerError, match="sample key 7: the file ends before the picture"):
            list(loader.epoch(0))


def test_a_worker_that_dies_names_its_sample_and_the_next_epoch_has_new_ones(selection) -> None:
    with Loader(selection, size=16, batch_size=4, crops=Crops(), workers=2) as loader:
        full = list(loader.epoch(0))
        first, second = loader.workers.processes
        os.kill(first.pid, signal.SIGSTOP)  # so that it dies with a batch in hand
        batches = loader.epoch(0)
        os.kill(first.pid, signal.SIGKILL)
        with pytest.raises(WorkerError, match=rf"{first.pid} died \(SIGKILL.* at sample key \d+"):
            list(batches)
        assert second.wait(5) == 0
        assert same(list(loader.epoch(0)), full)


def run_script(selection: Selection, body: str, **options) -> subprocess.Popen[str]:
    """A process of its own with a `loader` that has handed out one batch; it prints its workers."""
    script = f"""
import os, sys, tempfile
from pathlib import Path
import numpy as np
from shards.crop import Crops
from shards.loader import Loader
from shards.select import Selection
tempfile.tempdir = {tempfile_dir()!r}
rows = np.arange({len(selection)})
selection = Selection(
    tuple(f"key {{n}}" for n in rows), ("set",) * len(rows), rows % 3,
    np.array({selection.shard.tolist()}), np.array({selection.offset.tolist()}),
    np.array({selection.length.tolist()}), Path({str(selection.shards_folder)!r}))
loader = Loader(selection, size=16, batch_size=2, crops=Crops(), workers=2)
batches = loader.epoch(0)
next(batches)
print(*(process.pid for process in loader.workers.processes), flush=True)
"""
    return subprocess.Popen(
        [sys.executable, "-c", script + textwrap.dedent(body)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def tempfile_dir() -> str:
    import tempfile

    return tempfile.gettempdir()


def wait_until_gone(pids: list[int]) -> None:
    for _ in range(100):
        if not any(Path(f"/proc/{pid}").exists() for pid in pids):
            return
        time.sleep(0.05)
    raise AssertionError(f"{pids} are still there")


def test_a_killed_main_process_leaves_no_worker_and_no_memory(selection) -> None:
    before = set(os.listdir("/dev/shm"))
    process = run_script(selection, "import signal; os.kill(os.getpid(), signal.SIGKILL)")
    workers = [int(pid) for pid in process.communicate(timeout=20)[0].split()]
    assert len(workers) == 2
    wait_until_gone(workers)
    assert set(os.listdir("/dev/shm")) == before
    [cache] = [p for p in Path(tempfile_dir()).glob("leaflake-*/*") if p.name != "lock"]
    assert not os.path.exists(cache.read_text())  # the memory that the note speaks of


def test_ctrl_c_ends_the_workers_quietly(selection) -> None:
    process = run_script(selection, "import time; time.sleep(20)", start_new_session=True)
    assert process.stdout is not None
    workers = [int(pid) for pid in process.stdout.readline().split()]
    os.killpg(process.pid, signal.SIGINT)  # what a terminal does
    _, errors = process.communicate(timeout=20)
    assert process.returncode == -signal.SIGINT
    assert errors.count("Traceback") == 1 and errors.endswith("KeyboardInterrupt\n")
    wait_until_gone(workers)


def test_a_script_that_just_ends_leaves_no_worker(selection) -> None:
    process = run_script(selection, "")
    out, errors = process.communicate(timeout=20)
    assert (process.returncode, "Traceback" in errors) == (0, False)
    wait_until_gone([int(pid) for pid in out.split()])
