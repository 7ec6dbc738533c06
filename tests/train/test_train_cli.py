import argparse
from dataclasses import replace

import pytest

from train.recipes import cpu
from train.train_cli import add_train, chosen_recipe


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
