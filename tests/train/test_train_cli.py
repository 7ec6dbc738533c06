import argparse
from dataclasses import replace

import pytest

from catalog.lake import create_lake
from train.recipes import cpu
from train.train_cli import add_train, chosen_recipe, run_train


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
