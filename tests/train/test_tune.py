"""Studies of tiny trainings: real processes' journals, real runs."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import pytest

from catalog.lake import open_lake
from leaflake import UsageError
from train.recipe import Recipe
from train.recipe_file import read_recipe
from train.recipes import RECIPES
from train.spaces import SPACES, Choices, Floats
from train.tune_cli import TUNABLE

optuna = pytest.importorskip("optuna", reason="needs the extra `tune`")

from optuna.trial import TrialState, create_trial  # noqa: E402 - after the skip

from train.tune import (  # noqa: E402 - after the skip
    Search,
    Watch,
    counts,
    give_up_dead,
    lies_in,
    locked,
    open_study,
    own_values,
    propose,
    trial_folder,
    tune,
)
from train.tune_plot import importances  # noqa: E402 - after the skip

SPACE = {"learning_rate": Floats(1e-5, 1e-2, log=True), "batch_size": Choices((2, 4))}


@pytest.fixture
def search(small_lake, small_recipe, tmp_path) -> Search:
    recipe = small_recipe(max_epochs=1, heads_first=False)
    with open_lake(small_lake) as lake:
        return Search(recipe, SPACE, small_lake, lake.snapshot, tmp_path / "tune", 1.0)


def states(study) -> list[str]:
    return [trial.state.name for trial in study.get_trials()]


def test_a_study_tries_the_recipe_first_goes_on_and_writes_the_best_as_a_recipe(search, capsys):
    path = tune(search, 1)
    assert path == search.out / "cpu_tuned.py"
    # Own settings of the recipe, 22 pictures in steps of 4.
    assert "learning_rate=0.0005, batch_size=4" in capsys.readouterr().out
    assert tune(search, 3) == path
    study = open_study(search)
    assert states(study) == ["COMPLETE"] * 3
    best = study.best_trial
    assert read_recipe(path) == replace(search.recipe, name="cpu-tuned", **best.params)
    assert f"Trial {best.number} of 3, of 1 minutes each, 0 of them cut short" in path.read_text()
    runs = sorted(search.out.glob("trials/*/cpu-*"))
    assert [run.parent.name for run in runs] == ["0000", "0001", "0002"]
    figures = [json.loads((run / "metrics.json").read_text())["val"]["joint_top1"] for run in runs]
    assert [trial.value for trial in study.get_trials()] == figures
    assert not list(search.out.glob("trials/*/*/last.pt"))
    assert (search.out / "study.png").read_bytes().startswith(b"\x89PNG")


def test_a_trial_whose_process_died_is_tried_anew_and_one_that_runs_is_left_alone(search):
    study = open_study(search)
    dead, alive = study.ask(), study.ask()
    settings = propose(dead, SPACE)
    with locked(trial_folder(search, dead.number)):
        pass
    with locked(trial_folder(search, alive.number)):
        give_up_dead(study, search)
        assert states(study) == ["FAIL", "RUNNING", "WAITING"]
        assert sum(map(counts, study.get_trials())) == 1
        assert propose(study.ask(), SPACE) == settings == own_values(search)


def test_a_trial_without_a_folder_is_dead_after_a_while(search, monkeypatch):
    from datetime import timedelta

    study = open_study(search)
    study.ask()
    give_up_dead(study, search)
    assert states(study) == ["RUNNING"]
    monkeypatch.setattr("train.tune.LONGEST_START", timedelta(0))
    give_up_dead(study, search)
    assert states(study)[0] == "FAIL"


def test_a_trial_that_cannot_run_counts_and_says_why(search, monkeypatch, capsys):
    def refuse(recipe: Recipe, *_: object, **__: object) -> None:
        raise UsageError("no room. Nothing was written.")

    study = open_study(search)
    study.tell(study.ask(), 0.5)
    monkeypatch.setattr("train.tune.train_run", refuse)
    tune(search, 2)
    (_, failed) = open_study(search).get_trials()
    assert failed.user_attrs == {"why": "no room. Nothing was written."}
    assert capsys.readouterr().err == "trial 1: no room. Nothing was written.\n"


def test_if_the_recipe_itself_cannot_run_the_study_ends(search, monkeypatch):
    def refuse(recipe: Recipe, *_: object, **__: object) -> None:
        raise UsageError("no room. Nothing was written.")

    monkeypatch.setattr("train.tune.train_run", refuse)
    with pytest.raises(UsageError, match="no room"):
        tune(search, 2)
    study = open_study(search)
    assert states(study) == ["FAIL", "WAITING"]
    assert propose(study.ask(), SPACE) == own_values(search)  # next time


def test_a_study_of_something_else_is_refused(search):
    open_study(search)
    for other in (replace(search, snapshot=9), replace(search, minutes=2.0)):
        with pytest.raises(UsageError, match="holds a study with other settings"):
            open_study(other)


def test_a_trial_that_most_beat_at_the_same_point_is_cut_short(search):
    study = open_study(search)
    for _ in range(4):
        trial = study.ask()
        Watch(trial)(0.45, {"joint_top1": 0.8})
        study.tell(trial, 0.9)
    good, bad = Watch(study.ask()), Watch(study.ask())
    good(0.45, {"joint_top1": 0.9})
    bad(0.05, {"joint_top1": 0.0})  # too early to say
    bad(1.0, {"joint_top1": 0.0})  # too late to save anything
    with pytest.raises(optuna.TrialPruned):
        bad(0.45, {"joint_top1": 0.1})


def test_importance_is_said_of_settings_that_decide(search):
    study = open_study(search)
    assert importances(study) == {}
    spread = {"a": optuna.distributions.FloatDistribution(0, 1)}
    spread["b"] = optuna.distributions.FloatDistribution(0, 1)
    for n in range(20):
        values = {"a": n / 20, "b": n * 7 % 20 / 20}
        study.add_trial(create_trial(params=values, distributions=spread, value=values["a"]))
    assert list(importances(study)) == ["a", "b"]


def test_spaces_hold_settings_of_recipes_around_what_the_recipes_are():
    assert set(SPACES) == set(TUNABLE) == set(RECIPES) - {"barlow-twins"}
    settings = {one.name for one in fields(Recipe)}
    for name, space in SPACES.items():
        assert set(space) <= settings
        for setting, where in space.items():
            assert lies_in(getattr(RECIPES[name](), setting), where), (name, setting)


def test_where_a_study_looks():
    assert lies_in(0.5, Floats(0.5, 1)) and not lies_in(0.4, Floats(0.5, 1))
    assert lies_in("plain", Choices(("plain",))) and not lies_in(4, Choices((2, 8)))


def test_states_that_count():
    def one(state: TrialState, **about: str):
        value = 1.0 if state == TrialState.COMPLETE else None
        return create_trial(state=state, value=value, user_attrs=about)

    assert counts(one(TrialState.COMPLETE)) and counts(one(TrialState.PRUNED))
    assert counts(one(TrialState.FAIL, why="no room")) and not counts(one(TrialState.FAIL))
