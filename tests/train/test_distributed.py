"""Two real processes of torchrun train as one does, and end together when one fails."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path

import pytest

TRAIN = """
import json, sys
from dataclasses import replace
from pathlib import Path
import train.fine_tune
from train.distributed import Team
from train.recipe import Recipe
from train.train_run import train_run
recipe = Recipe(**json.loads(sys.argv[1]))
steps = []
add = train.fine_tune.Running.add
def note(running, pictures, judged, loss_sum, *rest):
    add(running, pictures, judged, loss_sum, *rest)
    steps.append((pictures, loss_sum / pictures))
train.fine_tune.Running.add = note
exec(sys.argv[4])
run = train_run(recipe, Path(sys.argv[2]), Path(sys.argv[3]))
from shards.order import this_rank
if this_rank().rank == 0:
    (Path(sys.argv[3]) / "steps.json").write_text(json.dumps(steps[::2]))
"""


@pytest.fixture
def script(tmp_path) -> Path:
    path = tmp_path / "script.py"
    path.write_text(TRAIN)
    return path


def curve(runs: Path) -> list[list[float]]:
    return json.loads((runs / "steps.json").read_text())


def test_two_processes_have_the_loss_curve_of_one(
    small_lake, small_recipe, tmp_path, torchrun, script
):
    """test_convnext has no batch normalisation, which sees a process's own pictures on a CPU. The
    22 pictures make five steps of 4 and one of 2 an epoch."""
    recipe = small_recipe(max_epochs=4)
    curves, figures = [], []
    for processes, accumulate in ((1, 1), (2, 1), (2, 2)):
        runs = tmp_path / f"{processes}-{accumulate}"
        settings = json.dumps({**asdict(recipe), "accumulate": accumulate})
        done = torchrun(processes, script, settings, small_lake, runs, "")
        assert done.returncode == 0, done.stderr
        curves.append(curve(runs))
        (metrics,) = runs.glob("*/metrics.json")
        figures.append(json.loads(metrics.read_text())["val"])
    for other in curves[1:]:
        assert [pictures for pictures, _ in other] == [4, 4, 4, 4, 4, 2] * 4
        for (_, loss), (_, expected) in list(zip(other, curves[0], strict=True))[:20]:
            assert loss == pytest.approx(expected, abs=1e-4)
    assert figures[1] == pytest.approx(figures[0], abs=1e-3)
    assert figures[2] == pytest.approx(figures[0], abs=1e-3)


FAIL = """
answer = train.fine_tune.Training.learn
def fail(training, batch, step, first):
    if step == 2 and training.team.rank == 1:
        raise FloatingPointError(f"planted {batch.keys}")
    return answer(training, batch, step, first)
train.fine_tune.Training.learn = fail
"""


def test_if_one_process_fails_all_end(small_lake, small_recipe, tmp_path, torchrun, script):
    started = time.monotonic()
    settings = json.dumps(asdict(small_recipe()))
    done = torchrun(2, script, settings, small_lake, tmp_path / "runs", FAIL)
    assert done.returncode != 0
    assert "FloatingPointError: planted ('000000-" in done.stderr
    assert time.monotonic() - started < 60
    assert not list((tmp_path / "runs").glob("*/metrics.json"))


def test_the_command_line_runs_under_torchrun(small_lake, small_recipe, tmp_path, torchrun, script):
    """A run whose last file is missing goes on, and says each thing once."""
    settings = json.dumps(asdict(small_recipe(max_epochs=1)))
    done = torchrun(2, script, settings, small_lake, tmp_path / "runs", "")
    assert done.returncode == 0, done.stderr
    run = next((tmp_path / "runs").glob("cpu-*"))
    assert json.loads((run / "config.json").read_text())["processes"] == 2
    before = (run / "metrics.json").read_text()
    (run / "metrics.json").unlink()
    again = torchrun(2, "-m", "leaflake", "train", "--resume", run)
    assert again.returncode == 0, again.stderr
    assert again.stdout.splitlines()[-1] == str(run)
    assert again.stdout.count("cpu: test_convnext") == 1
    val, expected = (
        json.loads(text)["val"] for text in ((run / "metrics.json").read_text(), before)
    )
    assert val == expected
