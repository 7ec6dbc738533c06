import argparse
from dataclasses import replace
from pathlib import Path

import pytest

from catalog.lake import create_lake
from catalog.storage import as_place
from leaflake import UsageError
from train.recipes import cpu
from train.train_cli import add_train, chosen_recipe, run_train, say_folder


def parse(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_train(parser)
    return parser.parse_args(["cpu", "--lake", "lake", "--out", "runs", *arguments])


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], cpu()),
        (["--minutes", "5"], replace(cpu(), minutes=5.0)),
        (["--epochs", "2"], replace(cpu(), minutes=None, max_epochs=2)),
        (["--epochs", "2", "--minutes", "0.5"], replace(cpu(), minutes=0.5, max_epochs=2)),
        (["--seed", "3"], replace(cpu(), seed=3)),
        (["--stream"], replace(cpu(), cache=False)),
        (["--split", "group"], cpu()),
        (["--split", "source"], replace(cpu(), split="source_split")),
        (["--teacher", "runs/a"], replace(cpu(), teacher="runs/a")),
        (["--init", "a.pt"], replace(cpu(), init="a.pt")),
        (["--loader", "ffcv"], replace(cpu(), loader="ffcv")),
        (
            ["--set", "loss=class_balanced", "--set", "seed=1", "--seed", "2"],
            replace(cpu(), loss="class_balanced", seed=2),
        ),
    ],
)
def test_epochs_alone_have_no_time_limit_and_the_rest_is_the_recipe(arguments, expected):
    assert chosen_recipe(parse(*arguments)) == expected


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "soon"])
def test_minutes_that_are_no_time_are_refused(value, capsys):
    with pytest.raises(SystemExit) as refused:
        parse(f"--minutes={value}")
    assert refused.value.code == 2
    assert f"--minutes: '{value}' is not a number of minutes above 0" in capsys.readouterr().err


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "all"])
def test_epochs_that_are_no_count_are_refused(value, capsys):
    with pytest.raises(SystemExit) as refused:
        parse(f"--epochs={value}")
    assert refused.value.code == 2
    assert f"--epochs: '{value}' is not a whole number of epochs from 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("typed", "at"), [("17", 17), ("2026-05-31T14:00+02:00", "2026-05-31T12:00:00+00:00")]
)
def test_a_moment_of_the_lake_is_a_snapshot_or_a_time(typed, at):
    assert parse("--at", typed).at == at


def test_a_run_records_the_snapshot_of_the_moment_that_was_asked_for(tmp_path, monkeypatch, capsys):
    with create_lake(tmp_path / "lake") as lake:
        for species in ("apple", "pear"):
            with lake.commit(species) as connection:
                connection.execute("INSERT INTO samples (species) VALUES (?)", [species])
        time = lake.connection.sql("SELECT max(snapshot_time) FROM lake.snapshots()").fetchone()[0]
    seen = []
    monkeypatch.setattr(
        "train.train_run.train_run", lambda *_, at: seen.append(at) or tmp_path / "run"
    )
    for moment in ([], ["--at", "2"], ["--at", time.isoformat()]):
        arguments = parse("--lake", str(tmp_path / "lake"), *moment)
        assert run_train(arguments) == 0
    assert seen == [3, 2, 3]


def test_a_new_run_needs_recipe_lake_and_folder():
    parser = argparse.ArgumentParser()
    add_train(parser)
    with pytest.raises(UsageError, match=r"RECIPE, --out missing.*or --resume RUN\."):
        run_train(parser.parse_args(["--lake", "lake"]))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["cpu"], "recipe"),
        (["--minutes", "5"], "minutes"),
        (["--seed", "0"], "seed"),
        (["--out", "runs", "--at", "3"], "at, out"),
    ],
)
def test_a_run_that_goes_on_takes_no_other_settings(more, said):
    parser = argparse.ArgumentParser()
    add_train(parser)
    with pytest.raises(UsageError, match=rf"--resume runs/a goes on.*takes no {said}\. Leave"):
        run_train(parser.parse_args([*more, "--resume", "runs/a"]))


def test_a_run_goes_on_on_the_lake_that_is_named(monkeypatch, capsys):
    parser = argparse.ArgumentParser()
    add_train(parser)
    monkeypatch.setattr("train.train_run.resume_run", lambda *given: seen.append(given) or given[0])
    seen: list = []
    assert run_train(parser.parse_args(["--resume", "runs/a"])) == 0
    assert run_train(parser.parse_args(["--resume", "runs/a", "--lake", "moved"])) == 0
    assert seen == [(Path("runs/a"), None), (Path("runs/a"), as_place("moved"))]
    assert capsys.readouterr().out == "runs/a\nruns/a\n"


def test_of_several_processes_the_first_names_the_folder(monkeypatch, capsys):
    for rank in ("0", "1"):
        monkeypatch.setenv("RANK", rank)
        say_folder(Path("runs/a"))
    assert capsys.readouterr().out == "runs/a\n"
