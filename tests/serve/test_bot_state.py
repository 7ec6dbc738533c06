"""What the bot remembers over restarts."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leaflake import UsageError
from serve.bot_state import ANSWER_S, MAX_TRIES, SWEEP_S, UPDATE_S, BotState


class Clock:
    now = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "bot.sqlite3"


def test_an_update_that_is_done_is_done_in_the_next_process_too(path) -> None:
    state = BotState(path)
    assert (state.begin(5), state.finish([5])) == (True, True)
    assert (state.begin(5), state.finish([5])) == (False, False)
    state.close()
    state = BotState(path)
    assert (state.begin(5), state.begin(4)) == (False, True)


def test_one_that_ended_the_process_is_begun_a_few_times_and_no_more(path) -> None:
    assert [BotState(path).begin(5) for _ in range(MAX_TRIES + 2)] == [True] * MAX_TRIES + [
        *(False, False)
    ]


def test_of_an_album_all_are_done_or_none(path) -> None:
    state = BotState(path)
    assert [state.begin(number) for number in (1, 2, 3)] == [True] * 3
    assert state.finish([2])
    assert not state.finish([1, 2, 3], "a", {"text": "no"})
    assert (state.begin(1), state.begin(3), state.find("a")) == (True, True, None)
    assert state.finish([1, 3], "a", {"text": "\u00e9"})
    assert state.find("a") == {"text": "\u00e9"}


def test_what_is_kept_is_replaced_and_forgotten_after_a_week(path, clock) -> None:
    state = BotState(path, clock)
    state.keep("a", {"text": "one"})
    state.keep("a", {"text": "two"})
    clock.now += ANSWER_S - 1
    assert state.find("a") == {"text": "two"}
    clock.now += 2
    assert state.find("a") is None


def test_what_is_too_old_is_deleted(path, clock) -> None:
    state = BotState(path, clock)
    state.keep("a", {})
    state.finish([1])
    clock.now += UPDATE_S + SWEEP_S
    state.begin(2)
    assert state.begin(1), "Telegram gives ids anew after a week"
    clock.now += ANSWER_S
    state.begin(3)
    state.close()
    assert b'"text"' not in path.read_bytes()
    counts = BotState(path)._database.execute("SELECT count(*) FROM answers").fetchall()
    assert counts == [(0,)]


@settings(max_examples=20)  # each waits for the disk
@given(
    st.lists(st.tuples(st.sampled_from(["begin", "finish", "restart"]), st.integers(1, 3))),
)
def test_whatever_comes_in_whatever_order_nothing_is_finished_twice(steps) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        state = BotState(Path(folder) / "bot.sqlite3")
        finished: list[int] = []
        for step, number in steps:
            if step == "restart":
                state.close()
                state = BotState(Path(folder) / "bot.sqlite3")
            elif step == "begin":
                assert not (state.begin(number) and number in finished)
            elif state.finish([number]):
                finished.append(number)
        state.close()
    assert len(finished) == len(set(finished))


def test_a_folder_that_is_not_there_is_refused(tmp_path) -> None:
    with pytest.raises(UsageError, match="nowhere/bot.sqlite3: cannot be used to remember"):
        BotState(tmp_path / "nowhere/bot.sqlite3")
