"""Runs that are killed or stopped, and go on: real processes, compared with one left in peace."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import pytest
import safetensors.torch
import torch

from leaflake import UsageError
from train.train_run import resume_run, train_run

TRAIN = """
import json, sys
from pathlib import Path
from train.recipe import Recipe
from train.train_run import train_run
train_run(Recipe(**json.loads(sys.argv[1])), Path(sys.argv[2]), Path(sys.argv[3]))
"""


def settings(small_recipe, **changes):
    """All that has a state: drop-out, mixing, accumulation, an average, writing after each step."""
    return small_recipe(mixup=0.2, cutmix=0.5, accumulate=2, save_minutes=0.0, **changes)


@pytest.fixture(scope="module")
def in_peace(small_lake, small_recipe, tmp_path_factory) -> Path:
    return train_run(settings(small_recipe), small_lake, tmp_path_factory.mktemp("peace"))


def outcome(run: Path) -> dict:
    metrics = json.loads((run / "metrics.json").read_text())
    del metrics["minutes"]
    return metrics


TIMES = {"seconds", "pictures_per_s", "waiting_share", "cache_hit_share", "encoded_mb"}


def rows(run: Path) -> list[dict]:
    """Without times, and what was counted since the process began."""
    found = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    return [{k: v for k, v in row.items() if k not in TIMES} for row in found]


def same_end(one: Path, other: Path) -> None:
    assert outcome(one) == outcome(other)
    assert rows(one) == rows(other)
    weights, others = (safetensors.torch.load_file(r / "best.safetensors") for r in (one, other))
    assert weights.keys() == others.keys()
    assert all(torch.equal(weights[key], others[key]) for key in weights)


def begin(recipe, lake: Path, runs: Path, environment) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", TRAIN, json.dumps(asdict(recipe)), str(lake), str(runs)],
        env=environment, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def wait_for(process: subprocess.Popen, step: int, runs: Path) -> Path:
    """Until the run has saved a state of that step; its folder."""
    while process.poll() is None:
        for path in runs.glob("*/last.pt"):
            state = torch.load(path, weights_only=True)
            if state.get("fine_tune", {}).get("step", -1) >= step:
                return path.parent
        time.sleep(0.01)
    raise AssertionError(f"ended before step {step}: {process.stderr.read()}")


def kill(process: subprocess.Popen, seconds: float) -> None:
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_a_run_killed_at_a_random_step_ends_as_one_left_in_peace(
    in_peace, small_lake, small_recipe, tmp_path, environment
):
    """Twice: again while it goes on."""
    chance = random.Random()
    recipe = settings(small_recipe)
    process = begin(recipe, small_lake, tmp_path / "runs", environment)
    run = wait_for(process, chance.randrange(6), tmp_path / "runs")
    kill(process, chance.random() / 10)
    assert not (run / "metrics.json").exists()
    going_on = subprocess.Popen(
        [sys.executable, "-m", "leaflake", "train", "--resume", run],
        env=environment, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    kill(going_on, 2 + 3 * chance.random())
    if not (run / "metrics.json").exists():
        assert resume_run(run) == run
    same_end(in_peace, run)


def test_a_run_that_is_stopped_says_how_to_go_on_and_loses_no_step(
    in_peace, small_lake, small_recipe, tmp_path, environment
):
    recipe = settings(small_recipe, max_epochs=300)
    process = begin(recipe, small_lake, tmp_path / "runs", environment)
    run = wait_for(process, 4, tmp_path / "runs")
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode != 0
    assert f"go on with: leaflake train --resume {run}" in said
    state = torch.load(run / "last.pt", weights_only=True)
    assert state["fine_tune"]["step"] > 4
    assert (run / "metrics.jsonl").stat().st_size == state["rows"]


def test_without_a_saved_state_a_run_begins_anew(in_peace, small_lake, small_recipe, tmp_path):
    run = interrupted(in_peace, tmp_path)
    (run / "last.pt").unlink()
    assert resume_run(run) == run
    same_end(in_peace, run)


def test_rows_after_the_saved_state_are_not_there_twice(in_peace, tmp_path):
    run = interrupted(in_peace, tmp_path)
    with (run / "metrics.jsonl").open("a") as file:
        file.write('{"stage": "fine-tune", "epoch": 99}\n{"half a r')
    resume_run(run)
    same_end(in_peace, run)


def interrupted(in_peace: Path, tmp_path: Path) -> Path:
    """A copy of the run as it was before its last file was written."""
    run = tmp_path / "runs" / in_peace.name
    run.mkdir(parents=True)
    for path in in_peace.iterdir():
        (run / path.name).write_bytes(path.read_bytes())
    (run / "metrics.json").unlink()
    return run


def test_a_complete_run_is_left_alone(in_peace, capsys):
    before = {path: path.stat().st_mtime_ns for path in in_peace.iterdir()}
    assert resume_run(in_peace) == in_peace
    assert "complete already" in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in in_peace.iterdir()} == before


def test_another_lake_is_refused(in_peace, tmp_path, small_lake):
    run = interrupted(in_peace, tmp_path)
    config = json.loads((run / "config.json").read_text())
    del config["tree"]["species"][0]
    (run / "config.json").write_text(json.dumps(config))
    with pytest.raises(UsageError, match=r"has another label tree.*Name that one with --lake"):
        resume_run(run)


def test_another_number_of_parts_is_refused(in_peace, tmp_path):
    run = interrupted(in_peace, tmp_path)
    state = torch.load(run / "last.pt", weights_only=True)
    state["fine_tune"]["loader"]["of"] = "another"
    torch.save(state, run / "last.pt")
    with pytest.raises(UsageError, match="number of processes"):
        resume_run(run)
