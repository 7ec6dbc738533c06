"""Better settings of a recipe, by trials on val. In: a recipe, where to look, a lake. Out:

study.journal        all trials; every process appends to it
trials/0007/         the run of one trial, and `running`, which its process holds locked
study.png            the trials, and which settings mattered
<recipe>_tuned.py    the best as a recipe; written last
"""

from __future__ import annotations

import fcntl
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from catalog.storage import Place, resolved
from leaflake import UsageError
from train.recipe import Recipe
from train.recipe_file import recipe_text
from train.run_folder import read_run
from train.spaces import Choices, Floats
from train.train_run import train_run
from train.tune_plot import draw_study

OBJECTIVE = "joint_top1"
"""Species and disease both right on val."""

POINTS = 10
"""Of a trial, at which it is held against the others: epochs are not equally long in all."""

FIRST_POINT = 3
"""Before it, most trials have hardly left the warm-up."""

RANDOM_TRIALS = 8
"""Before Optuna's model of good settings (TPE; Bergstra et al., 2011) begins to choose."""

ENOUGH_TRIALS = 4
"""To know what most trials reach at a point."""


OWN, WHY = "own", "why"
"""What is noted of a trial: that its settings are the recipe's own; why it could not run."""

LONGEST_START = timedelta(minutes=1)
"""From the asking for a trial to its folder."""


@dataclass(frozen=True)
class Search:
    """What a study asks; all its processes ask the same."""

    recipe: Recipe
    """What every trial has, but for `space`."""

    space: Mapping[str, object]
    """Setting -> Floats or Choices; see train/spaces.py."""

    lake: Place
    snapshot: int
    out: Path
    minutes: float
    """Of fine-tuning in each trial."""

    def question(self) -> str:
        """As text, to be compared."""
        return json.dumps(
            {
                "recipe": asdict(self.recipe),
                "space": {name: repr(where) for name, where in self.space.items()},
                "lake": str(resolved(self.lake)),
                "snapshot": self.snapshot,
                "minutes": self.minutes,
            },
            sort_keys=True,
        )


def tune(search: Search, trials: int) -> Path:
    """Train until the study has so many trials. Returns the file of the best recipe.

    Raises UsageError if OUT holds a study of something else, or no trial came to an end.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = open_study(search)
    while True:
        give_up_dead(study, search)
        seen = study.get_trials(deepcopy=False)
        if sum(counts(trial) for trial in seen) >= trials:
            break
        # Otherwise processes that begin together, or one that goes on, would draw the same.
        study.sampler = sampler(search.recipe.seed + len(seen))
        run_trial(study, search)
        write_best(study, search)
    return write_best(study, search)


def open_study(search: Search) -> optuna.Study:
    """Begin the study, whose first trial is the recipe as it is; or join it."""
    journal = search.out / "study.journal"
    is_new = not journal.exists()
    search.out.mkdir(parents=True, exist_ok=True)
    study = optuna.create_study(
        storage=JournalStorage(JournalFileBackend(str(journal))),
        study_name="tune",
        direction="maximize",
        load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(
            n_startup_trials=ENOUGH_TRIALS, n_warmup_steps=FIRST_POINT, n_min_trials=ENOUGH_TRIALS
        ),
    )
    asked = study.user_attrs.get("question")
    if asked is None and is_new:
        study.set_user_attr("question", search.question())
        study.enqueue_trial(own_values(search), user_attrs={OWN: True})
    elif asked != search.question():
        raise UsageError(
            f"{search.out}: holds a study with other settings, another lake, snapshot or number of "
            f"minutes: {asked}. Go on with those, or name another --out. Nothing was written."
        )
    return study


def sampler(seed: int) -> optuna.samplers.BaseSampler:
    """Proposes settings; other processes' trials that still run count as bad, so that none tries
    the same."""
    return optuna.samplers.TPESampler(
        seed=seed, multivariate=True, constant_liar=True, n_startup_trials=RANDOM_TRIALS
    )


def own_values(search: Search) -> dict[str, Any]:
    """The recipe's own settings, as far as they lie where the study looks."""
    own = {name: getattr(search.recipe, name) for name in search.space}
    return {name: value for name, value in own.items() if lies_in(value, search.space[name])}


def lies_in(value: Any, where: object) -> bool:
    """Whether a study could propose `value`."""
    if isinstance(where, Choices):
        return value in where.options
    return isinstance(where, Floats) and where.low <= value <= where.high


def propose(trial: optuna.Trial, space: Mapping[str, object]) -> dict[str, Any]:
    """Settings for a trial."""
    found: dict[str, Any] = {}
    for name, where in space.items():
        if isinstance(where, Floats):
            found[name] = trial.suggest_float(name, where.low, where.high, log=where.log)
        elif isinstance(where, Choices):
            found[name] = trial.suggest_categorical(name, where.options)
    return found


def counts(trial: optuna.trial.FrozenTrial) -> bool:
    """Whether a trial is one of those that were asked for: one whose process died is not."""
    done = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING)
    return trial.state in done or WHY in trial.user_attrs


def run_trial(study: optuna.Study, search: Search) -> None:
    """Train one trial, and tell the study what val says of it."""
    trial = study.ask()
    with locked(trial_folder(search, trial.number)) as folder:
        settings = propose(trial, search.space)
        recipe = replace(search.recipe, minutes=search.minutes, **settings)
        said = ", ".join(f"{name}={readable(value)}" for name, value in settings.items())
        print(f"\n== trial {trial.number}: {said}", flush=True)
        try:
            run = train_run(
                recipe, search.lake, folder, at=search.snapshot, after_epoch=Watch(trial)
            )
        except optuna.TrialPruned:
            study.tell(trial, state=TrialState.PRUNED)
            print(f"trial {trial.number}: cut short, most were better at this point", flush=True)
        except (UsageError, FloatingPointError) as error:
            # Of one trial a bad choice, such as a batch that does not fit or a rate that diverges.
            trial.set_user_attr(WHY, str(error))
            study.tell(trial, state=TrialState.FAIL)
            if OWN in trial.user_attrs:  # then others would hardly do better
                study.enqueue_trial(settings, user_attrs={OWN: True})
                raise
            print(f"trial {trial.number}: {error}", file=sys.stderr)
        else:
            trial.set_user_attr("run", str(run))
            study.tell(trial, read_run(run).metrics["val"][OBJECTIVE])
            best = study.best_trial
            print(f"best: trial {best.number}, {100 * study.best_value:.1f} % both", flush=True)
        for state in folder.glob("*/last.pt"):
            state.unlink()  # nobody goes on with a trial, and it has four times the weights


class Watch:
    """Tells the study what val says during a trial, and ends it if most were better there."""

    def __init__(self, trial: optuna.Trial) -> None:
        self.trial = trial
        self.point = 0

    def __call__(self, progress: float, found: Mapping[str, float | int]) -> None:
        point = int(POINTS * progress)
        if self.point < point < POINTS:  # at the end there is nothing to save
            self.point = point
            self.trial.report(found[OBJECTIVE], point)
            if self.trial.should_prune():
                raise optuna.TrialPruned


def trial_folder(search: Search, number: int) -> Path:
    """Of the run of one trial."""
    return search.out / "trials" / f"{number:04d}"


@contextmanager
def locked(folder: Path) -> Iterator[Path]:
    """The new folder of a trial; while its process lives, nobody else can lock `running` in it."""
    folder.mkdir(parents=True)
    unlocked = folder / "running.tmp"
    with unlocked.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        unlocked.rename(folder / "running")
        yield folder


def give_up_dead(study: optuna.Study, search: Search) -> None:
    """Take trials whose process is gone for failed, and let their settings be tried anew."""
    for trial in running_trials(study):
        running = trial_folder(search, trial.number) / "running"
        try:
            with running.open() as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                give_up(study, trial)
        except BlockingIOError:
            continue
        except FileNotFoundError:
            # Its process has just asked for it, or died right then.
            began = trial.datetime_start
            if began is not None and datetime.now() - began > LONGEST_START:
                give_up(study, trial)


def give_up(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
    """Unless another process has just done it."""
    if trial.number in [one.number for one in running_trials(study)]:
        study.tell(trial.number, state=TrialState.FAIL)
        study.enqueue_trial(trial.params, user_attrs=trial.user_attrs)


def running_trials(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    """Those that no process has ended."""
    return study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))


def write_best(study: optuna.Study, search: Search) -> Path:
    """Draw the study, and write the best settings so far as a recipe."""
    done = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if not done:
        raise UsageError(
            f"{search.out}: no trial came to its end, so there is no best one. Ask for more with "
            "--trials. The study is kept."
        )
    draw_study(study, search.out / "study.png")
    best = study.best_trial
    found = replace(search.recipe, **best.params)
    name = f"{search.recipe.name.replace('-', '_')}_tuned"
    path = search.out / f"{name}.py"
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(recipe_text(found, search.recipe.name, lab_note(study, search)), "utf-8")
    temporary.rename(path)
    return path


def lab_note(study: optuna.Study, search: Search) -> str:
    """What was tried, and what came of it."""
    seen = [trial for trial in study.get_trials(deepcopy=False) if counts(trial)]
    short = sum(trial.state == TrialState.PRUNED for trial in seen)
    values = [trial.value for trial in seen if OWN in trial.user_attrs]
    first = next((value for value in values if value is not None), None)
    own = "" if first is None else f", with the recipe's own settings {100 * first:.1f}"
    return (
        f"Trial {study.best_trial.number} of {len(seen)}, of {search.minutes:g} minutes each, "
        f"{short} of them cut short, on snapshot {search.snapshot} of {resolved(search.lake)}: "
        f"species and disease both right on val {100 * study.best_value:.1f} %{own}. The best of "
        "many is better by chance, too: hold a run of it against one of the recipe on the test "
        "split."
    )


def readable(value: Any) -> str:
    """A setting for people."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)
