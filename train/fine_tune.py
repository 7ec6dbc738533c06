"""The whole network, step by step. In: a Training. Out: its best averaged weights.

A step is `batch_size` pictures, of all processes and of all parts that `accumulate` makes of it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

import timm.optim
import torch
from timm.utils.model_ema import ModelEmaV3
from torch import nn
from tqdm import tqdm

from shards.loader import Batch
from train.augment import seed_step
from train.best import Best
from train.clock import Clock, rate_share
from train.lesson import Row
from train.pretraining import Pretraining
from train.running import Running
from train.speed import precision_name
from train.stopping import StopAsked
from train.training import Training

MAX_GRADIENT_NORM = 1.0

LINE_EVERY_S = 30.0
"""Between two lines of an epoch."""

BAR = "{desc} {percentage:3.0f}% |{bar}| {elapsed}, {remaining} left{postfix}"
"""Progress is in shares: the end may be set by epochs or by minutes."""


class Stopped(KeyboardInterrupt):
    """Somebody asked the run to stop; its state is saved."""


class FineTune:
    """Fine-tuning in progress."""

    def __init__(self, training: Training | Pretraining) -> None:
        self.training = training
        recipe, model = training.recipe, training.model
        self.optimiser = timm.optim.create_optimizer_v2(
            model, opt=recipe.optimiser, lr=recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        self.average = ModelEmaV3(model, decay=recipe.ema_decay, use_warmup=True)
        # Small gradients vanish in float16; bfloat16 has float32's range.
        self.scaler = torch.amp.GradScaler(
            training.device.type, enabled=training.precision == torch.float16
        )
        self.steps_an_epoch = -(-training.train.num_batches // recipe.accumulate)
        self.clock = Clock(recipe.max_epochs * self.steps_an_epoch, recipe.minutes)
        self.best = Best()
        self.size = recipe.crop_size(0)
        """Side of the crops of the epoch that runs."""

        self.epoch = Running()
        """Of the epoch that runs."""

        self.interval = Running()
        """Since the last line."""

        self.saved_s = time.monotonic()
        self.stopping = False

    def run(self) -> dict[str, float | int]:
        """Until the epochs are done or the minutes are over.

        After each epoch the averaged weights are judged on val, and the best are kept. If there was
        no time for a single step, the first weights are, as epoch 0.
        Raises Stopped after a Ctrl-C or SIGTERM.
        """
        training = self.training
        show = training.team.is_first
        with StopAsked() as stop, tqdm(
            total=100, desc="train", bar_format=BAR, disable=None if show else True
        ) as bar:  # fmt: skip
            progress = self.agreed_progress()
            bar.update(100 * progress)
            if self.epoch.pictures and (progress >= 1 or self.is_epoch_done()):
                # It was stopped after its last step, before that epoch was judged.
                self.judge_epoch((self.clock.step - 1) // self.steps_an_epoch)
                self.save()
            while progress < 1:
                progress = self.run_epoch(progress, stop, bar)
        if not self.best.state:
            self.offer(0, training.judge(self.average.module))
        training.model.load_state_dict(self.best.state)
        return self.best.figures

    def run_epoch(self, progress: float, stop: StopAsked, bar: tqdm) -> float:
        """The rest of an epoch, and what val says of it. Returns the progress after it."""
        training, loader = self.training, self.training.train
        epoch = self.clock.step // self.steps_an_epoch
        training.model.train()
        if self.clock.step == epoch * self.steps_an_epoch:
            self.size = training.recipe.crop_size(progress)
        batches = loader.epoch(epoch, self.size)
        self.interval = Running()
        while self.clock.step < (epoch + 1) * self.steps_an_epoch and progress < 1:
            progress = self.take_step(batches, epoch, progress, stop)
            bar.update(100 * progress - bar.n)
            bar.set_postfix(epoch=epoch + 1, loss=f"{self.epoch.loss:.3f}")
            if self.interval.seconds() >= LINE_EVERY_S:
                training.log(self.line(epoch, progress))
                self.interval = Running()
            if self.stopping:
                self.save()
                raise Stopped
            if self.is_time_to_save():
                self.save()
        if self.clock.step == (epoch + 1) * self.steps_an_epoch:
            next(batches, None)  # lets the loader end the epoch
        if not self.epoch.pictures:
            return self.agreed_progress()
        found = self.judge_epoch(epoch)
        self.save()
        progress = self.agreed_progress()
        training.after_epoch(progress, found)
        return progress

    def take_step(
        self, batches: Iterator[Batch], epoch: int, progress: float, stop: StopAsked
    ) -> float:
        """One update of the weights. Returns the progress after it, which all processes share."""
        training, recipe, team = self.training, self.training.recipe, self.training.team
        number = self.clock.step
        set_learning_rate(self.optimiser, recipe.learning_rate * rate_share(progress, recipe))
        seed_step(recipe.seed, number + 1, team)
        done = number % self.steps_an_epoch * recipe.accumulate
        parts = min(recipe.accumulate, training.train.num_batches - done)
        seen, judged, loss_sum, hits, waited_s = 0, 0, 0.0, 0, 0.0
        for part in range(parts):
            asked = time.monotonic()
            batch = next(batches)
            waited_s += time.monotonic() - asked
            with team.without_averaging(training.network, part + 1 < parts):
                answer = training.learn(batch, number, seen)
                # Gradients of all parts and processes add up to those of the mean over a full
                # step; DistributedDataParallel divides by the number of processes.
                share = len(batch.keys) * team.world / recipe.batch_size
                self.scaler.scale(answer.loss * share).backward()
            seen += len(batch.keys)
            loss_sum += answer.loss.item() * len(batch.keys)
            hits += answer.hits
            judged += answer.judged
            del batch  # so that its memory can be used again
        self.clock.step += 1
        mine = self.clock.progress() if team.is_first else 0.0
        pictures, judged_sum, loss_sum, hits_sum, stops, progress = team.sums(
            [seen, judged, loss_sum, hits, stop.asked, mine]
        )
        self.update(recipe.batch_size / pictures)
        for running in (self.epoch, self.interval):
            running.add(int(pictures), int(judged_sum), loss_sum, int(hits_sum), waited_s)
        self.stopping = stops > 0
        return progress

    def update(self, scale: float) -> None:
        """Move the weights and their average, the gradients being times `scale` and clipped."""
        model = self.training.model
        self.scaler.unscale_(self.optimiser)
        if scale != 1:  # the last step of an epoch has fewer pictures
            for weight in model.parameters():
                if weight.grad is not None:
                    weight.grad *= scale
        nn.utils.clip_grad_norm_(model.parameters(), MAX_GRADIENT_NORM)
        self.scaler.step(self.optimiser)
        self.scaler.update()
        self.optimiser.zero_grad()
        self.average.update(model, self.clock.step)

    def judge_epoch(self, epoch: int) -> dict[str, float | int]:
        """Say how good the averaged weights are on val, and keep them if they are the best."""
        training = self.training
        found = training.judge(self.average.module)
        row: Row = {"stage": "fine-tune", "epoch": epoch + 1, "steps": self.clock.step}
        row |= {"loss": self.epoch.loss, "accuracy": self.epoch.accuracy}
        training.log({**row, **training.train.stats().row(), **found})
        self.offer(epoch + 1, found)
        self.epoch = Running()
        return found

    def offer(self, epoch: int, found: dict[str, float | int]) -> None:
        """Keep the averaged weights if they are the best, having the val figures `found` after so
        many epochs. After none they are the first ones: a run should not end worse than it began,
        which a few minutes of a whole network's training do to heads on good features."""
        self.best.offer(self.average.module, {"epoch": epoch, **found}, self.training.keep)

    def line(self, epoch: int, progress: float) -> Row:
        """What the last interval was like."""
        row: Row = {"stage": "steps", "epoch": epoch + 1, "steps": self.clock.step}
        row["learning_rate"] = self.optimiser.param_groups[0]["lr"]
        row["left_s"] = round(self.clock.left_s(progress))
        return row | self.interval.row()

    def agreed_progress(self) -> float:
        """Rank 0's, as the processes' clocks differ."""
        team = self.training.team
        return team.sums([self.clock.progress() if team.is_first else 0.0])[0]

    def is_epoch_done(self) -> bool:
        """Whether the last step ended an epoch."""
        return self.clock.step % self.steps_an_epoch == 0

    def is_time_to_save(self) -> bool:
        """Whether the last saving is long ago."""
        return time.monotonic() - self.saved_s >= 60 * self.training.recipe.save_minutes

    def save(self) -> None:
        """Hand over all that it takes to go on from here; the first process is enough."""
        training = self.training
        if training.team.is_first:
            precision = precision_name(training.precision)
            state = {"precision": precision, "model": training.model.state_dict()}
            training.save({**state, "fine_tune": self.state_dict()})
        self.saved_s = time.monotonic()

    def state_dict(self) -> dict[str, Any]:
        """Where it is, between two steps; the network's own weights are not in it."""
        return {
            "average": self.average.module.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "scaler": self.scaler.state_dict(),
            "loader": self.training.train.state_dict(),
            "step": self.clock.step,
            "size": self.size,
            "elapsed_s": self.clock.elapsed_s(),
            "epoch": self.epoch.state_dict(),
            "best": {"figures": self.best.figures, "weights": self.best.state},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there. Raises UsageError if the loader is another one."""
        self.average.module.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.scaler.load_state_dict(state["scaler"])
        if state["step"]:  # before, the loader has only been looked into
            self.training.train.load_state_dict(state["loader"])
        self.clock.step, self.clock.before_s = state["step"], state["elapsed_s"]
        self.size = state["size"]
        self.epoch = Running(**state["epoch"])
        self.best = Best(state["best"]["figures"], state["best"]["weights"])


def set_learning_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """For all groups of weights; timm's layer decay gives each a scale of its own."""
    for group in optimiser.param_groups:
        group["lr"] = rate * group.get("lr_scale", 1.0)
