"""The order of an epoch: who sees what, when, how often; by hand and for any numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaflake import UsageError
from shards.order import Epoch, Order, Rank, class_repeats, this_rank


def order(num: int, batch_size: int = 4, *, num_shards: int = 3, **settings) -> Order:
    shard = np.arange(num) * num_shards // max(num, 1)
    return Order(np.arange(num) % 3, shard, batch_size, **settings)


def batches(epoch: Epoch) -> list[list[int]]:
    return [epoch.index[a:b].tolist() for a, b in zip(epoch.bounds, epoch.bounds[1:], strict=False)]


def test_without_shuffling_the_order_is_the_selections() -> None:
    assert batches(order(10, shuffle=False).epoch(7)) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_an_epoch_is_the_same_each_time_and_another_one_is_another() -> None:
    first, again, second = (order(50, seed=1).epoch(n) for n in (0, 0, 1))
    other = order(50, seed=2).epoch(0)
    assert np.array_equal(first.index, again.index) and np.array_equal(first.draws, again.draws)
    for epoch in (second, other):
        assert sorted(epoch.index) == sorted(first.index)
        assert epoch.index.tolist() != first.index.tolist()
        assert not np.isin(epoch.draws, first.draws).any()


def test_draws_are_five_numbers_from_zero_to_one() -> None:
    draws = order(2_000).epoch(0).draws
    assert draws.shape == (2_000, 5)
    assert draws.dtype == np.float32
    assert 0 <= draws.min() < 0.01 and 0.99 < draws.max() < 1


@given(
    num=st.integers(1, 60),
    batch_size=st.integers(1, 9),
    world=st.integers(1, 5),
    window=st.none() | st.integers(1, 20),
    max_repeat=st.sampled_from([1.0, 1.5, 3.0]),
    shuffle=st.booleans(),
)
def test_ranks_have_as_many_batches_and_together_see_everything_once(
    num, batch_size, world, window, max_repeat, shuffle
) -> None:
    settings = {"window": window, "max_repeat": max_repeat, "shuffle": shuffle}
    whole = order(num, batch_size, **settings).epoch(3)
    ranks = [order(num, batch_size, rank=Rank(n, world), **settings) for n in range(world)]
    if len(whole.index) < world:
        with pytest.raises(UsageError):
            ranks[0].epoch(3)
        return
    parts = [rank.epoch(3) for rank in ranks]
    assert {part.num_batches for part in parts} == {rank.num_batches() for rank in ranks}
    assert len({part.num_batches for part in parts}) == 1
    assert sorted(np.concatenate([part.index for part in parts])) == sorted(whole.index)
    sizes = [len(batch) for part in parts for batch in batches(part)]
    assert sum(sizes) == len(whole.index)
    assert min(sizes) >= 1 and max(sizes) <= batch_size + 1
    if max_repeat == 1:
        assert sorted(whole.index) == list(range(num))


def test_fewer_pictures_than_processes_are_refused() -> None:
    with pytest.raises(UsageError) as refused:
        order(3, rank=Rank(0, 4)).num_batches()
    assert str(refused.value) == (
        "3 pictures cannot be shared by 4 processes. Widen the selection, or start fewer. "
        "Nothing was written."
    )


def test_small_classes_are_repeated_up_to_the_largest() -> None:
    classes = np.array([0] * 10 + [1] * 4 + [3] * 2)
    repeats = class_repeats(classes, 3, np.random.default_rng(0))
    totals = [int(repeats[classes == c].sum()) for c in (0, 1, 3)]
    assert totals == [10, 10, 6]  # min(10, 10 * 3), min(10, 4 * 3), min(10, 2 * 3)
    assert sorted(repeats[classes == 1]) == [2, 2, 3, 3]
    assert repeats[classes == 3].tolist() == [3, 3]


def test_chance_says_which_picture_of_a_class_comes_once_more() -> None:
    classes = np.array([0] * 5 + [1] * 3)
    seen = {
        tuple(class_repeats(classes, 2, np.random.default_rng(seed))[5:].tolist())
        for seed in range(30)
    }
    assert seen == {(1, 2, 2), (2, 1, 2), (2, 2, 1)}


def test_a_repeated_picture_has_other_draws_each_time() -> None:
    balanced = replace(order(4), class_index=np.array([0, 0, 0, 1]), max_repeat=3)
    epoch = balanced.epoch(0)
    assert sorted(epoch.index) == [0, 1, 2, 3, 3, 3]
    assert len(np.unique(epoch.draws[epoch.index == 3])) == 15


@given(
    num=st.integers(2, 30),
    pictures=st.integers(1, 5),
    world=st.integers(1, 2),
    window=st.none() | st.integers(1, 9),
)
def test_views_of_a_picture_stand_side_by_side_with_draws_of_their_own(
    num, pictures, world, window
) -> None:
    ranks = [
        order(num, 2 * pictures, views=2, window=window, rank=Rank(n, world)) for n in range(world)
    ]
    epochs = [rank.epoch(1) for rank in ranks]
    for rank, epoch in zip(ranks, epochs, strict=True):
        assert epoch.num_batches == rank.num_batches()
        assert epoch.index[0::2].tolist() == epoch.index[1::2].tolist()
        assert len(np.unique(epoch.draws)) == 5 * len(epoch.index)
        assert all(bound % 2 == 0 for bound in epoch.bounds)
        assert sorted(epoch.read) == sorted(epoch.index[0::2])
    assert sorted(np.concatenate([epoch.index[0::2] for epoch in epochs])) == list(range(num))


def test_one_view_is_the_order_as_it_always_was() -> None:
    one, plain = order(9, views=1).epoch(0), order(9).epoch(0)
    two = order(9, batch_size=8, views=2).epoch(0)
    assert np.array_equal(one.index, plain.index) and np.array_equal(one.draws, plain.draws)
    assert two.index[0::2].tolist() == plain.index.tolist()


def test_a_stream_reads_whole_shards_in_a_random_order() -> None:
    epoch = order(12, num_shards=4, window=5).epoch(0)
    shards = [(epoch.read // 3).tolist()[i : i + 3] for i in range(0, 12, 3)]
    assert all(len(set(run)) == 1 for run in shards)
    assert [run[0] for run in shards] != [0, 1, 2, 3]
    assert all(np.diff(epoch.read[i : i + 3]).tolist() == [1, 1] for i in range(0, 12, 3))


@given(st.integers(1, 80), st.integers(1, 30), st.integers(0, 99))
def test_a_picture_of_a_stream_comes_within_the_window_after_it_is_read(num, window, seed) -> None:
    epoch = order(num, window=window, seed=seed).epoch(0)
    place_read = np.argsort(epoch.read)[epoch.index]
    # Whatever is read by the time a picture comes is at most `window` places further.
    furthest = np.maximum.accumulate(place_read)
    assert (furthest - np.arange(num) <= window).all()


def test_torchrun_says_who_we_are(monkeypatch) -> None:
    assert this_rank() == Rank(0, 1)
    monkeypatch.setenv("RANK", "2")
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert this_rank() == Rank(2, 4)
