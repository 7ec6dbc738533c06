"""Training: loaders and a fresh classifier in, trained weights and their val figures out.

First the heads on frozen features, which takes seconds and gives fine-tuning a good start; then the
whole network until the recipe's epochs are done or its minutes are over.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import timm.optim
import torch
from timm.utils.model_ema import ModelEmaV3
from tqdm import tqdm

from catalog.taxonomy import LabelTree
from shards.loader import Batch, Loader
from train.augment import jitter_light
from train.classifier import Classifier
from train.hierarchy import hierarchical_loss
from train.metrics import Predictions, figures
from train.recipes import Recipe
from train.speed import choose_precision

HEAD_STEPS = 300
HEAD_BATCH = 512
HEAD_LEARNING_RATE = 0.01
"""For the heads alone. On 4,900 pictures the loss is near zero after 300 steps."""

MAX_GRADIENT_NORM = 1.0

BAR = "{desc} {percentage:3.0f}% |{bar}| {elapsed}, {remaining} left{postfix}"
"""Progress is in shares: the end may be set by epochs or by minutes."""

Row = dict[str, float | int | str]


@dataclass
class Training:
    """One run in progress: what every part of it needs."""

    recipe: Recipe
    tree: LabelTree
    model: Classifier
    train: Loader
    """Random crops of the train split."""

    still: Loader
    """The train split again, whole pictures in order, for the frozen features."""

    val: Loader
    log: Callable[[Row], None]
    """Takes one row for metrics.jsonl."""

    keep: Callable[[Mapping[str, torch.Tensor]], None]
    """Takes the best weights so far, so that an interrupted run does not lose them."""

    precision: torch.dtype = torch.float32
    """Of the backbone's arithmetic; heads and loss are float32 always."""

    def __post_init__(self) -> None:
        self.device = torch.device(self.recipe.device)
        self.model.to(self.device).to(memory_format=torch.channels_last)
        self.class_species = torch.tensor(self.tree.class_species(), device=self.device)

    def pixels(self, batch: Batch, light: torch.Generator | None = None) -> torch.Tensor:
        """A batch as the backbone sees it, with random light if a generator is given."""
        levels = torch.from_numpy(batch.images).to(self.device).permute(0, 3, 1, 2).float()
        if light is not None:
            levels = jitter_light(levels, light)
        pixels = self.model.preprocess.normalise(levels)
        return pixels.contiguous(memory_format=torch.channels_last)

    def autocast(self) -> torch.autocast:
        """The run's arithmetic."""
        mixed = self.precision != torch.float32
        return torch.autocast(self.device.type, dtype=self.precision, enabled=mixed)

    def loss(self, pixels: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Loss of one batch. Raises FloatingPointError with its keys if that is not finite."""
        with self.autocast():
            log_probs, _ = self.model.classify(pixels)
        truth = torch.from_numpy(batch.class_index).to(self.device)
        loss = hierarchical_loss(log_probs, truth, self.class_species, self.recipe.smoothing)
        if not torch.isfinite(loss):
            raise FloatingPointError(f"the loss is {loss.item()} for the pictures {batch.keys}")
        return loss

    def judge(self, model: Classifier) -> dict[str, float | int]:
        """Figures of `model` on val."""
        return figures(self._predict(model), self.tree)

    def _predict(self, model: Classifier) -> Predictions:
        model.eval()
        parts: list[list[np.ndarray]] = [[], [], []]
        with torch.inference_mode(), self.autocast():
            for batch in self.val.epoch(0):
                found, _ = model.classify(self.pixels(batch))
                for part, values in zip(
                    parts, (found.species, found.condition, found.joint), strict=True
                ):
                    part.append(values.float().cpu().numpy())
        species, condition, joint = (np.concatenate(part) for part in parts)
        return Predictions(species, condition, joint, self.val.selection.class_index)


def fit(training: Training) -> dict[str, float | int]:
    """Train; leaves the best averaged weights in `training.model`. Returns their val figures."""
    torch.manual_seed(training.recipe.seed)
    choose_precision(training)
    fit_heads(training)
    return fine_tune(training)


def fit_heads(training: Training) -> None:
    """Train the heads alone, on features of the whole pictures that are computed once."""
    features = extract_features(training)
    truth = torch.from_numpy(training.still.selection.class_index).to(training.device)
    heads = training.model.heads
    optimiser = torch.optim.AdamW(heads.parameters(), lr=HEAD_LEARNING_RATE, weight_decay=0.01)
    for _ in range(HEAD_STEPS):
        chosen = torch.randint(len(features), (HEAD_BATCH,)).to(training.device)
        log_probs = heads(features[chosen])
        loss = hierarchical_loss(log_probs, truth[chosen], training.class_species)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    training.log({"stage": "heads", "loss": loss.item(), **training.judge(training.model)})


def extract_features(training: Training) -> torch.Tensor:
    """float32 (N, D), in the order of the train selection."""
    training.model.eval()
    parts = []
    total = len(training.still.selection)
    with torch.no_grad(), tqdm(total=total, desc="features", unit="picture") as bar:
        for batch in training.still.epoch(0):
            with training.autocast():
                _, features = training.model.classify(training.pixels(batch))
            parts.append(features.float())
            bar.update(len(features))
    return torch.cat(parts)


def fine_tune(training: Training) -> dict[str, float | int]:
    """Train the whole network until the recipe's epochs are done or its minutes are over.

    After each epoch the averaged weights are judged on val, and the best are kept. If there was no
    time for a single step, those after the heads' stage are, as epoch 0.
    """
    recipe, model, loader = training.recipe, training.model, training.train
    optimiser = timm.optim.create_optimizer_v2(
        model, opt="adamw", lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    average = ModelEmaV3(model, decay=recipe.ema_decay, use_warmup=True)
    light = torch.Generator().manual_seed(recipe.seed)
    clock = Clock(recipe.max_epochs * loader.num_batches, recipe.minutes)
    best = Best()
    with tqdm(total=100, desc="train", bar_format=BAR) as bar:
        while clock.progress() < 1:
            epoch = clock.step // loader.num_batches
            model.train()
            losses = []
            for batch in loader.epoch(epoch):
                progress = clock.progress()
                if progress >= 1:
                    break
                set_learning_rate(optimiser, recipe.learning_rate * rate_share(progress, recipe))
                loss = training.loss(training.pixels(batch, light), batch)
                take_step(model, optimiser, loss)
                clock.step += 1
                average.update(model, clock.step)
                losses.append(loss.item())
                bar.update(100 * clock.progress() - bar.n)
                bar.set_postfix(epoch=epoch + 1, loss=f"{np.mean(losses):.3f}")
            if losses:
                found = training.judge(average.module)
                row: Row = {"stage": "fine-tune", "epoch": epoch + 1, "steps": clock.step}
                row |= {"loss": float(np.mean(losses)), **loader.stats().row()}
                training.log({**row, **found})
                best.offer(average.module, {"epoch": epoch + 1, **found}, training.keep)
    if clock.step == 0:
        best.offer(model, {"epoch": 0, **training.judge(model)}, training.keep)
    model.load_state_dict(best.state)
    return best.figures


@dataclass
class Clock:
    """How far fine-tuning is: steps or minutes, whichever is nearer to its end.

    Minutes make a run end in time on any machine, also a busy one, but then the learning rates and
    the number of steps depend on how fast it was. A run by epochs alone does not depend on the
    clock: on one processor, in one precision, it repeats exactly. The precision is chosen by
    measuring (train/speed.py), and is in metrics.json.
    """

    max_steps: int
    max_minutes: float | None
    """None: as long as the steps take."""

    step: int = 0
    started: float = field(default_factory=time.monotonic)

    def progress(self) -> float:
        """From 0 to 1."""
        by_steps = self.step / self.max_steps
        if self.max_minutes is None:
            return by_steps
        elapsed = (time.monotonic() - self.started) / 60
        return min(1.0, max(by_steps, elapsed / self.max_minutes))


@dataclass
class Best:
    """The weights that were best on val: species and condition both right most often."""

    figures: dict[str, float | int] = field(default_factory=dict)
    state: dict[str, torch.Tensor] = field(default_factory=dict)

    def offer(
        self,
        model: torch.nn.Module,
        found: dict[str, float | int],
        keep: Callable[[Mapping[str, torch.Tensor]], None],
    ) -> None:
        """Take `model` if it is at least as good, as later weights have seen more; hand on its
        weights to `keep`."""
        if found["joint_top1"] >= self.figures.get("joint_top1", 0):
            self.figures = found
            self.state = {key: value.clone() for key, value in model.state_dict().items()}
            keep(self.state)


def rate_share(progress: float, recipe: Recipe) -> float:
    """Learning rate as a share of the recipe's: a straight warm-up, then half a cosine to zero
    (Loshchilov and Hutter, "SGDR", 2017, equation 5, without restarts)."""
    if progress < recipe.warmup_share:
        return progress / recipe.warmup_share
    return 0.5 + 0.5 * math.cos(
        math.pi * (progress - recipe.warmup_share) / (1 - recipe.warmup_share)
    )


def set_learning_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """The same for all groups of weights."""
    for group in optimiser.param_groups:
        group["lr"] = rate


def take_step(model: torch.nn.Module, optimiser: torch.optim.Optimizer, loss: torch.Tensor) -> None:
    """Backward and one update, with the gradient's norm clipped."""
    optimiser.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), MAX_GRADIENT_NORM)
    optimiser.step()
