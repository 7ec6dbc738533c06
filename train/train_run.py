"""One training run: a recipe and a lake in, a complete run folder out.

Under torchrun every process comes through here, and only the first writes and prints.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from catalog.lake import open_lake
from catalog.moment import Moment
from catalog.storage import Place
from catalog.taxonomy import LabelTree
from leaflake import UsageError
from shards.workers import Workers
from train.augment import seed_step
from train.backbones import Backbone, load_backbone
from train.checkpoint import cut_rows, load_last
from train.classifier import Classifier
from train.curves import draw_curves
from train.data import Data, open_crops, open_data, open_loaders, part_size
from train.distributed import Team, join_team
from train.finder_file import read_finder
from train.freezing import freeze_first
from train.leaf_regions import crop_data
from train.lesson import AfterEpoch, chosen_device, nothing_after
from train.loop import fit
from train.memory_sum import check_needs, find_room, sum_needs
from train.output import Output, describe_figures, describe_start
from train.pretraining import Pretraining
from train.recipe import Recipe
from train.run_folder import Run, code_commit, finish_run, read_begun, start_run
from train.selftest import check_arithmetic
from train.settings import refuse_contradictions
from train.speed import half_precision, precision_name
from train.teacher import load_teacher
from train.training import Training
from train.twins import TwinNetwork


def train_run(
    recipe: Recipe,
    lake_path: Place,
    runs: Path,
    *,
    at: Moment | None = None,
    after_epoch: AfterEpoch = nothing_after,
) -> Path:
    """Train on the lake as it is, or was `at` a moment. Returns the complete run's folder.

    The lake is closed before training starts, so that others may write to it. `after_epoch` may
    raise to end the run, whose folder then stays incomplete.
    Raises UsageError before anything is written if there is no lake, a split is empty, the device
    is missing, or a step cannot be shared by the processes.
    """
    refuse_what_cannot_run(recipe)
    finder = read_finder(Path(recipe.finder)) if recipe.finder else None
    with join_team(chosen_device(recipe).type) as team:
        if team.world > 1:  # somebody may write to the lake between one process and the next
            with open_lake(lake_path, at=at) as lake:
                at = int(team.firsts(str(lake.snapshot)))
        data = open_data(recipe, lake_path, at)
        backbone = initial_backbone(recipe)

        def start() -> Path:
            return start_run(
                runs, recipe, data.tree, lake_path, data.snapshot, backbone.weights, finder
            )

        if finder:
            data = crop_data(data, finder, runs, team)

        return _train(Plan(recipe, data, backbone, runs, start, after_epoch), team)


def resume_run(path: Path, lake_path: Place | None = None) -> Path:
    """Go on with an interrupted run, in its own folder and with its own settings, to the same end.

    `lake_path` is where the lake is now, if it was moved. Raises UsageError if the folder is no
    run, the lake's past is another, or the number of processes is.
    """
    run = read_begun(path)
    if run.is_complete:
        print(f"{path}: complete already", file=sys.stderr)
        return path
    recipe = run.recipe
    refuse_what_cannot_run(recipe)
    device, finder = chosen_device(recipe), run.finder()
    with join_team(device.type) as team:
        data = open_data(recipe, lake_path or run.lake, run.snapshot)
        if data.tree != run.tree:
            raise UsageError(
                f"{path}: snapshot {run.snapshot} of {lake_path or run.lake} has another label "
                "tree than the run began with: this is not the lake that it was trained on. Name "
                "that one with --lake. Nothing was written."
            )
        saved = load_last(path, device)
        backbone = initial_backbone(recipe, pretrained=saved is None)
        if team.is_first:
            print(describe_resume(run, saved), file=sys.stderr)

        def start() -> Path:
            cut_rows(path, saved["rows"] if saved else 0)
            return path

        if finder:
            data = crop_data(data, finder, path.parent, team)
        backbone = replace(backbone, weights=run.config["initial_weights"])
        return _train(Plan(recipe, data, backbone, path.parent, start), team, saved)


def refuse_what_cannot_run(recipe: Recipe) -> None:
    """Raise UsageError if the device is missing, a step cannot be cut into equal parts, or settings
    do not go together."""
    if recipe.device == "cuda" and not torch.cuda.is_available():
        raise UsageError(
            f"recipe {recipe.name}: PyTorch {torch.__version__} sees no GPU. Install the build for "
            "yours (just torch_index=URL setup), or train with: just train cpu. "
            "Nothing was written."
        )
    part_size(recipe)
    refuse_contradictions(recipe)


def initial_backbone(recipe: Recipe, pretrained: bool = True) -> Backbone:
    """The network that the run begins with, seeded, as the heads' first weights are random."""
    seed_step(recipe.seed, 0, Team())
    init = Path(recipe.init) if recipe.init and pretrained else None
    pretrained = pretrained and recipe.pretrained
    return load_backbone(recipe.backbone, pretrained=pretrained, init=init)


def initial_classifier(recipe: Recipe, backbone: Backbone, tree: LabelTree) -> Classifier:
    """The whole network that the run begins with, of which the recipe's part is to learn."""
    projector = recipe.projector if recipe.twins else None
    model = Classifier(backbone, tree, recipe.eval_size, recipe.heads, projector)
    model.frozen = freeze_first(model.backbone, recipe.frozen_stages)
    return model


def describe_resume(run: Run, saved: dict[str, Any] | None) -> str:
    """Where the run goes on, and whether the code is still the same."""
    said = f"{run.path}: it had saved no state, so it begins anew"
    if saved:
        step = saved["fine_tune"]["step"] if "fine_tune" in saved else 0
        said = f"{run.path}: goes on after step {step}, {saved['seconds'] / 60:.1f} minutes"
    before, now = run.config["commit"], code_commit()
    if before != now:
        said += f"\nnote: it began with the code of commit {before}, and this is {now}"
    return said


def check_machine(
    recipe: Recipe, data: Data, model: Classifier | TwinNetwork, device: torch.device
) -> list[str]:
    """What a run needs and what there is, in words. Raises UsageError if it cannot go well."""
    precision = half_precision(device)
    if recipe.precision != "auto":
        precision = getattr(torch, recipe.precision)
    said = []
    if device.type == "cuda" and torch.version.hip and isinstance(model, Classifier):
        said.append(check_arithmetic(model, recipe.train_size, device, precision))
    needs = sum_needs(
        recipe,
        model,
        (data.train, data.val),
        part_size(recipe),
        Workers(recipe.workers).count,
        torch.float32 if recipe.precision == "auto" else precision,  # the larger one
    )
    return [*said, check_needs(needs, find_room(device), recipe)]


@dataclass(frozen=True)
class Plan:
    """A run that has not begun, or is to go on."""

    recipe: Recipe
    data: Data
    backbone: Backbone
    runs: Path
    start: Callable[[], Path]
    """Makes the run's folder, when nothing can be refused any more."""

    after_epoch: AfterEpoch = nothing_after


Opened = AbstractContextManager[tuple[Training | Pretraining, Output]]
"""All that `fit` needs, and where the run writes."""


def _train(plan: Plan, team: Team, saved: dict[str, Any] | None = None) -> Path:
    """Train to the end, with labels or, if the recipe is Barlow Twins alone, without."""
    recipe, data = plan.recipe, plan.data
    device = chosen_device(recipe)
    model: Classifier | TwinNetwork
    open_lesson: Callable[[Callable[[], Output]], Opened]
    if recipe.twins == 1:
        model = twins = TwinNetwork(plan.backbone, recipe.eval_size, recipe.projector)
        model.frozen = freeze_first(model.backbone, recipe.frozen_stages)
        open_lesson = partial(open_pretraining, plan, twins)
    else:
        model = classifier = initial_classifier(recipe, plan.backbone, data.tree)
        open_lesson = partial(open_training, plan, classifier)
    said = [describe_start(recipe, data, plan.backbone.weights)]
    said += check_machine(recipe, data, model.to(device), device)

    def output() -> Output:
        path = Path(team.firsts(str(plan.start()) if team.is_first else ""))
        if team.is_first:
            print("\n".join(said), flush=True)
        return Output(path, team, before_s=saved["seconds"] if saved else 0.0)

    with open_lesson(output) as (training, written):
        try:
            best = fit(training, saved)
        except KeyboardInterrupt:
            if team.is_first:
                print(f"go on with: leaflake train --resume {written.path}", file=sys.stderr)
            raise
    if team.is_first:
        minutes = written.seconds() / 60
        precision = precision_name(training.precision)
        draw_curves(written.path)
        metrics = {"minutes": minutes, "precision": precision, "val": best}
        finish_run(written.path, model, metrics)
        figures = describe_figures(best) or "nothing is judged without labels"
        print(f"val, epoch {best['epoch']}: {figures}; {minutes:.1f} minutes in all")
    return written.path


@contextmanager
def open_training(
    plan: Plan, model: Classifier, output: Callable[[], Output]
) -> Iterator[tuple[Training, Output]]:
    """A run with labels. The run's folder is made by `output`, when all is open."""
    recipe, data = plan.recipe, plan.data
    teacher = None
    if recipe.teacher:
        teacher = load_teacher(Path(recipe.teacher), data.tree, chosen_device(recipe))
    with open_loaders(recipe, data.train, data.val, plan.runs) as (crops, still, judged):
        written = output()
        training = Training(
            recipe=recipe,
            tree=data.tree,
            model=model,
            train=crops,
            still=still,
            val=judged,
            log=written.log,
            keep=written.keep,
            save=written.save,
            after_epoch=plan.after_epoch,
            team=written.team,
            teacher=teacher,
        )
        yield training, written


@contextmanager
def open_pretraining(
    plan: Plan, model: TwinNetwork, output: Callable[[], Output]
) -> Iterator[tuple[Pretraining, Output]]:
    """A run without labels."""
    recipe = plan.recipe
    with (
        Workers(recipe.workers) as workers,
        open_crops(recipe, plan.data.train, workers) as crops,
    ):
        written = output()
        training = Pretraining(
            recipe=recipe,
            model=model,
            train=crops,
            log=written.log,
            keep=written.keep,
            save=written.save,
            after_epoch=plan.after_epoch,
            team=written.team,
        )
        yield training, written
