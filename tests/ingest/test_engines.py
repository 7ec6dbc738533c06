"""Processes that pack shards: every plan once, errors that arrive, workers that die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ingest.engines import LocalProcesses
from ingest.pack import Packed
from ingest.plan import PLANNED, ShardPlan
from leaflake import UsageError

PLANS = [ShardPlan(shard, PLANNED.empty_table(), Path("shards"), 256) for shard in range(7)]


def packed(shard: int) -> Packed:
    return Packed(shard, 0, 0, {}, 0, os.getpid(), False)


def pack(plan: ShardPlan) -> Packed:
    return packed(plan.shard)


def pack_all_but_the_third(plan: ShardPlan) -> Packed:
    if plan.shard == 2:
        raise ValueError("shard 2 is bad")
    return packed(plan.shard)


def be_killed_at_the_third(plan: ShardPlan) -> Packed:
    if plan.shard == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return packed(plan.shard)


def end_at_the_third(plan: ShardPlan) -> Packed:
    if plan.shard == 2:
        os._exit(7)
    return packed(plan.shard)


def pack_for_ever(plan: ShardPlan) -> Packed:
    print(os.getpid(), flush=True)
    time.sleep(600)
    return packed(plan.shard)


@pytest.mark.parametrize("workers", [1, 2, 9])
def test_every_plan_is_packed_once(workers) -> None:
    results = list(LocalProcesses(workers).map(pack, PLANS))
    assert sorted(one.shard for one in results) == list(range(7))
    at_work = {one.stored_bytes for one in results}
    assert (at_work == {os.getpid()}) if workers == 1 else (os.getpid() not in at_work)


def test_no_plan_no_process() -> None:
    assert list(LocalProcesses(2).map(pack, [])) == []


@pytest.mark.parametrize("workers", [1, 2])
def test_what_a_worker_raises_is_raised_here(workers) -> None:
    with pytest.raises(ValueError, match="shard 2 is bad") as raised:
        list(LocalProcesses(workers).map(pack_all_but_the_third, PLANS))
    if workers == 2:
        assert "in pack_all_but_the_third" in raised.value.__notes__[0]


@pytest.mark.parametrize(
    ("pack", "how"),
    [
        (be_killed_at_the_third, "killed by signal 9, as the system does when memory runs out"),
        (end_at_the_third, "with exit status 7"),
    ],
)
def test_a_worker_that_dies_ends_the_run_naming_its_shard(pack, how) -> None:
    with pytest.raises(UsageError) as refused:
        list(LocalProcesses(2).map(pack, PLANS))
    assert str(refused.value).startswith(
        f"shards/000002.tar: the process that packed this shard ended, {how}"
    )
    assert "Shards that are complete are kept" in str(refused.value)


def test_workers_end_with_a_parent_that_is_killed() -> None:
    code = (
        "from ingest.engines import LocalProcesses\n"
        "from tests.ingest.test_engines import PLANS, pack_for_ever\n"
        "if __name__ == '__main__': list(LocalProcesses(2).map(pack_for_ever, PLANS))"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert parent.stdout is not None
    workers = [int(parent.stdout.readline()) for _ in range(2)]
    parent.kill()
    parent.wait()
    # The pipe ends when the last process that could write to it has.
    assert parent.communicate(timeout=20) == ("", None)
    assert len(set(workers)) == 2
