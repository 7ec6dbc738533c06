"""`just reproduce RUN`: a run's figures once more, with the code of its own commit."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from catalog.lake import open_lake
from catalog.organise import label_tree
from leaflake import UsageError
from train import reproduce as module
from train.backbones import load_backbone
from train.classifier import Classifier
from train.data import select
from train.plain_cnn import PLAIN_CNN
from train.recipes import cpu
from train.reproduce import compare, differences, reproduce
from train.reproduce_environment import check_out, install_commands, pins
from train.reproduce_figures import judge
from train.run_folder import finish_run, read_run, start_run

CODE = Path(__file__).parents[2]


def git(folder: Path, *arguments: object) -> str:
    names = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    command = ["git", *names, "-C", str(folder), *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture(scope="module")
def repository(tmp_path_factory) -> Path:
    """This very code as a repository of two commits; the second one breaks it."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    folder = tmp_path_factory.mktemp("repository")
    for name in ("catalog", "shards", "train"):
        shutil.copytree(CODE / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("leaflake.py", "constraints.txt"):
        shutil.copyfile(CODE / name, folder / name)
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "as it was")
    (folder / "train/run_folder.py").write_text("raise SystemExit('broken since')\n")
    git(folder, "commit", "-q", "-a", "-m", "broken")
    return folder


@pytest.fixture
def run(tmp_path, small_lake, repository) -> Path:
    """A run that has learnt nothing, of the first commit; its figures of val are true."""
    recipe = replace(cpu(), name="plain", backbone=PLAIN_CNN, eval_size=32)
    with open_lake(small_lake) as lake:
        tree, snapshot = label_tree(lake.connection), lake.snapshot
    torch.manual_seed(0)
    model = Classifier(load_backbone(PLAIN_CNN, pretrained=False), tree, 32)
    path = start_run(tmp_path / "runs", recipe, tree, small_lake, snapshot, "none")
    config = json.loads((path / "config.json").read_text())
    config["commit"] = git(repository, "rev-parse", "HEAD~1")
    (path / "config.json").write_text(json.dumps(config))
    finish_run(path, model, {"precision": "float32", "val": {}})
    with open_lake(small_lake) as lake:
        val = judge(read_run(path), select(lake, "split = 'val'", tree))
    (path / "metrics.json").write_text(
        json.dumps({"precision": "float32", "val": {"epoch": 3, **val}})
    )
    return path


def test_a_run_gives_its_figures_again_with_the_code_of_its_commit(
    run, repository, tmp_path, capfd
):
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    out = tmp_path / "again"
    assert reproduce(run, out, here=True, repository=repository) == 0
    assert capfd.readouterr().out.splitlines() == [
        "val: 6 of 6 figures equal",
        "test: not compared, the run was never evaluated (leaflake evaluate)",
    ]
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before
    code = out / run.name / "code"
    assert git(code, "rev-parse", "HEAD") == git(repository, "rev-parse", "HEAD~1")


def test_figures_that_are_others_are_shown_and_the_answer_is_no(run, repository, tmp_path, capfd):
    metrics = json.loads((run / "metrics.json").read_text())
    metrics["val"]["species_top1"] = 2.0
    (run / "metrics.json").write_text(json.dumps(metrics))
    config = json.loads((run / "config.json").read_text())
    config["versions"]["timm"] = "0.1"
    (run / "config.json").write_text(json.dumps(config))
    assert reproduce(run, tmp_path / "again", here=True, repository=repository) == 1
    said = capfd.readouterr().out
    assert "other versions than the run's: timm " in said and " instead of 0.1\n" in said
    assert "val: 5 of 6 figures equal\n  species_top1: 2.0 then, " in said


def test_the_test_split_is_compared_where_it_was_evaluated(run, tmp_path, capfd, monkeypatch):
    evaluation = {"run": run.name, "all": {"species_top1": 0.5, "intervals": [0.25, 0.75]}}
    (run / "evaluation.json").write_text(json.dumps(evaluation))
    asked = []

    def answer(environment, arguments, threads):
        asked.append([str(one) for one in arguments])
        if "evaluate" in asked[-1]:
            copy = Path(asked[-1][3])
            now = {**evaluation, "all": {"species_top1": 0.5, "intervals": [0.25, 0.7500000001]}}
            (copy / "evaluation.json").write_text(json.dumps(now))
            return "tables"
        val = json.loads((run / "metrics.json").read_text())["val"]
        return "a line before\n" + json.dumps({"val": val, "versions": {}, "hardware": {}})

    monkeypatch.setattr(module.Environment, "run", answer)
    monkeypatch.setattr(module, "check_out", lambda *given: None)
    assert reproduce(run, tmp_path / "again", here=True) == 0
    assert capfd.readouterr().out.splitlines() == [
        "val: 6 of 6 figures equal",
        "test: 4 of 4 figures equal",
    ]
    copy = tmp_path / "again" / run.name / "run" / run.name
    lake = read_run(run).config["lake"]
    assert asked[1] == ["-m", "leaflake", "evaluate", str(copy), "--lake", lake, "--no-write"]


def test_code_that_fails_is_a_refusal_that_says_where_it_is(run, repository, tmp_path, capfd):
    config = json.loads((run / "config.json").read_text())
    config["commit"] = git(repository, "rev-parse", "HEAD")
    (run / "config.json").write_text(json.dumps(config))
    with pytest.raises(UsageError, match="reproduce_figures.py .* ended with 1"):
        reproduce(run, tmp_path / "again", here=True, repository=repository)
    assert "broken since" in capfd.readouterr().err


def test_a_worktree_is_made_once_and_again_if_somebody_removed_it(repository, tmp_path):
    commit = git(repository, "rev-parse", "HEAD~1")
    check_out(repository, commit, tmp_path / "code")
    (tmp_path / "code/note.txt").write_text("kept")
    check_out(repository, commit, tmp_path / "code")
    assert (tmp_path / "code/note.txt").exists()
    shutil.rmtree(tmp_path / "code")
    check_out(repository, commit, tmp_path / "code")
    assert (tmp_path / "code/leaflake.py").is_file()


@pytest.mark.parametrize(
    ("commit", "why"),
    [("unknown", "trained by an installed package"), ("0" * 40, "has no commit 0000")],
)
def test_a_commit_that_is_not_there_is_refused(repository, tmp_path, commit, why):
    with pytest.raises(UsageError, match=why):
        check_out(repository, commit, tmp_path / "code")
    assert not (tmp_path / "code").exists()


def test_what_is_no_run_or_has_no_lake_any_more_is_refused(run, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["reproduce", str(tmp_path)])
    assert module.main() == 2
    assert "not a complete run, there is no config.json" in capsys.readouterr().err
    config = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps({**config, "snapshot": 99}))
    with pytest.raises(UsageError, match="99"):
        reproduce(run, tmp_path / "again", here=True)
    assert not (tmp_path / "again").exists()


def test_pins_are_the_commits_with_the_versions_of_the_run():
    constraints = "# exact\ntimm==1.0\nTorch==2.0\nduckdb_extension_ducklake==1.5\n"
    versions = {"leaflake": "0.1.0", "torch": "2.14.1+cpu", "opencv-python-headless": "5.0"}
    assert pins(constraints, versions) == (
        "opencv-python-headless==5.0\ntorch==2.14.1\ntimm==1.0\nduckdb_extension_ducklake==1.5\n"
    )


def test_the_environment_is_made_by_these_commands():
    made = install_commands(Path("/o/venv"), Path("/o/code"), Path("python3.11"), "https://x")
    pip = ["/o/venv/bin/python", "-m", "pip", "install", "-q", "-c", "/o/venv/pins.txt"]
    assert made == [
        ["python3.11", "-m", "venv", "--clear", "/o/venv"],
        [*pip, "torch", "torchvision", "--index-url", "https://x"],
        [*pip, "-e", "/o/code"],
    ]


def test_figures_are_compared_however_deep():
    then = {"a": {"b": [1, 2.0]}, "c": "x", "d": 1.0, "epoch": 7}
    now = {"a": {"b": [1, 2.0000000001]}, "c": "y", "epoch": 9}
    found = compare("val", then, now)
    assert (str(found), found.differ) == (
        "val: 2 of 4 figures equal",
        ("c: x then, y now", "d: 1.0 then, missing now"),
    )


def test_other_machines_and_packages_are_named():
    config = {"versions": {"torch": "2", "timm": "1"}, "hardware": {"threads": 2, "gpus": []}}
    now = {"versions": {"torch": "3", "timm": "1"}, "hardware": {"threads": 4, "gpus": []}}
    assert list(differences(config, now)) == [
        "other versions than the run's: torch 3 instead of 2",
        "other hardware than the run's: threads 4 instead of 2",
    ]
    assert list(differences(config, config)) == []
