"""Training: a lake and a recipe in, a run folder out.

First the heads on frozen features, which takes seconds and gives fine-tuning a good start; then the
whole network for as many epochs as the recipe's minutes allow.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import timm.optim
import torch
from timm.scheduler.cosine_lr import CosineLRScheduler
from timm.utils.model_ema import ModelEmaV3
from tqdm import tqdm

from catalog.taxonomy import LabelTree
from shards.loader import Batch, CropRange, Loader
from train.augment import jitter_light
from train.classifier import Classifier
from train.hierarchy import hierarchical_loss
from train.metrics import Predictions, figures
from train.recipes import Recipe

HEAD_STEPS = 300
HEAD_LEARNING_RATE = 0.01
TIMED_STEPS = 6
"""Steps that the speed is measured on, after as many that warm caches up."""

Log = Callable[[dict[str, float | int | str]], None]


@dataclass
class Training:
    """One run in progress: what every part of it needs."""

    recipe: Recipe
    tree: LabelTree
    model: Classifier
    train: Loader
    val: Loader
    log: Log
    """Takes one row for metrics.jsonl."""

    precision: torch.dtype = torch.float32
    """Of the backbone's arithmetic; heads and loss are float32 always."""

    def __post_init__(self) -> None:
        self.device = torch.device(self.recipe.device)
        self.model.to(self.device).to(memory_format=torch.channels_last)
        self.class_species = torch.tensor(self.tree.class_species(), device=self.device)

    def pixels(self, batch: Batch, augment: torch.Generator | None = None) -> torch.Tensor:
        """A batch as the backbone sees it, with random light if `augment` is given."""
        levels = torch.from_numpy(batch.images).to(self.device).permute(0, 3, 1, 2).float()
        if augment is not None:
            levels = jitter_light(levels, augment)
        pixels = self.model.preprocess.normalise(levels)
        return pixels.contiguous(memory_format=torch.channels_last)

    def loss(self, pixels: torch.Tensor, class_index: np.ndarray) -> torch.Tensor:
        """Loss of one batch."""
        with self.autocast():
            log_probs, _ = self.model.classify(pixels)
        truth = torch.from_numpy(class_index).to(self.device)
        return hierarchical_loss(log_probs, truth, self.class_species, self.recipe.smoothing)

    def autocast(self) -> torch.autocast:
        """The run's arithmetic."""
        mixed = self.precision != torch.float32
        return torch.autocast(self.device.type, dtype=self.precision, enabled=mixed)


def fit(training: Training) -> dict[str, float | int]:
    """Train; leaves the best averaged weights in `training.model`. Returns their val figures."""
    torch.manual_seed(training.recipe.seed)
    training.precision = faster_precision(training)
    fit_heads(training)
    epochs = affordable_epochs(training)
    return fine_tune(training, epochs)


def fit_heads(training: Training) -> None:
    """Train the heads alone, on features of the whole pictures that are computed once."""
    still = Loader(
        training.train.selection,
        size=training.recipe.train_size,
        batch_size=training.recipe.batch_size,
        threads=training.train.threads,
    )
    features = extract_features(training, still)
    truth = torch.from_numpy(still.selection.class_index).to(training.device)
    heads = training.model.heads
    optimiser = torch.optim.AdamW(heads.parameters(), lr=HEAD_LEARNING_RATE, weight_decay=0.01)
    for _ in range(HEAD_STEPS):
        chosen = torch.randint(len(features), (512,)).to(training.device)
        log_probs = heads(features[chosen])
        loss = hierarchical_loss(log_probs, truth[chosen], training.class_species)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    found = figures(predict(training, training.model, training.val), training.tree)
    training.log({"stage": "heads", "loss": float(loss), **found})


def extract_features(training: Training, loader: Loader) -> torch.Tensor:
    """float32 (N, D), in the order of the loader's selection."""
    training.model.eval()
    parts = []
    with torch.inference_mode(), tqdm(total=len(loader.selection), desc="features") as bar:
        for batch in loader.epoch(0):
            with training.autocast():
                _, features = training.model.classify(training.pixels(batch))
            parts.append(features.float())
            bar.update(len(features))
    return torch.cat(parts).clone()


def fine_tune(training: Training, epochs: int) -> dict[str, float | int]:
    """Train the whole network; after each epoch the averaged weights are judged on val."""
    recipe, model = training.recipe, training.model
    steps = epochs * training.train.num_batches
    optimiser = timm.optim.create_optimizer_v2(
        model, opt="adamw", lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    schedule = CosineLRScheduler(
        optimiser,
        t_initial=steps,
        warmup_t=round(steps * recipe.warmup_share),
        warmup_prefix=True,
        t_in_epochs=False,
    )
    average = ModelEmaV3(model, decay=recipe.ema_decay, use_warmup=True)
    light = torch.Generator().manual_seed(recipe.seed)
    best: dict[str, float | int] = {}
    best_state: dict[str, torch.Tensor] = {}
    step = 0
    with tqdm(total=epochs * len(training.train.selection), desc="train", unit="picture") as bar:
        for epoch in range(epochs):
            model.train()
            losses = []
            for batch in training.train.epoch(epoch):
                loss = training.loss(training.pixels(batch, light), batch.class_index)
                if not torch.isfinite(loss):
                    raise FloatingPointError(f"loss {loss.item()} at step {step}: {batch.keys}")
                optimiser.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimiser.step()
                step += 1
                schedule.step_update(step)
                average.update(model, step)
                losses.append(loss.item())
                bar.update(len(batch.keys))
                bar.set_postfix(epoch=f"{epoch + 1}/{epochs}", loss=f"{np.mean(losses):.3f}")
            found = figures(predict(training, average.module, training.val), training.tree)
            training.log(
                {"stage": "fine-tune", "epoch": epoch + 1, "loss": float(np.mean(losses)), **found}
            )
            if found.get("joint_top1", 0) >= best.get("joint_top1", 0):
                best = {"epoch": epoch + 1, **found}
                best_state = {k: v.clone() for k, v in average.module.state_dict().items()}
    model.load_state_dict(best_state)
    return best


def predict(training: Training, model: torch.nn.Module, loader: Loader) -> Predictions:
    """What `model` says of a loader's pictures, in order."""
    model.eval()
    species, condition, joint = [], [], []
    with torch.inference_mode():
        for batch in loader.epoch(0):
            with training.autocast():
                log_probs, _ = model.classify(training.pixels(batch))  # type: ignore[operator]
            species.append(log_probs.species.float().cpu().numpy())
            condition.append(log_probs.condition.float().cpu().numpy())
            joint.append(log_probs.joint.float().cpu().numpy())
    return Predictions(
        np.concatenate(species),
        np.concatenate(condition),
        np.concatenate(joint),
        loader.selection.class_index,
    )


def faster_precision(training: Training) -> torch.dtype:
    """bfloat16 where the processor has units for it, float32 where it only imitates them."""
    rates = {}
    for precision in (torch.float32, torch.bfloat16):
        training.precision = precision
        rates[precision] = pictures_per_second(training)
    chosen = max(rates, key=lambda precision: rates[precision])
    training.log(
        {
            "stage": "precision",
            **{str(p).removeprefix("torch."): round(r, 1) for p, r in rates.items()},
        }
    )
    return chosen


def affordable_epochs(training: Training) -> int:
    """How many epochs fit into the recipe's minutes, at least one."""
    seconds_an_epoch = len(training.train.selection) / pictures_per_second(training)
    # Judging on val costs about a tenth of training a picture, and is paid every epoch.
    seconds_an_epoch += len(training.val.selection) / (10 * pictures_per_second(training))
    affordable = int(training.recipe.minutes * 60 / seconds_an_epoch)
    return max(1, min(training.recipe.max_epochs, affordable))


def pictures_per_second(training: Training) -> float:
    """Speed of forward and backward on a real batch; weights stay as they are."""
    model = training.model.train()
    batch = next(training.train.epoch(0))
    state = {key: value.clone() for key, value in model.state_dict().items()}
    for step in range(2 * TIMED_STEPS):
        if step == TIMED_STEPS:
            started = time.perf_counter()
        training.loss(training.pixels(batch), batch.class_index).backward()
    rate = TIMED_STEPS * len(batch.keys) / (time.perf_counter() - started)
    model.zero_grad()
    model.load_state_dict(state)  # batch statistics moved
    return rate


def make_loader(
    recipe: Recipe,
    selection,
    *,
    training: bool,
    threads: int,  # type: ignore[no-untyped-def]
) -> Loader:
    """The loader of one split: random crops for training, whole pictures for judging."""
    return Loader(
        selection,
        size=recipe.train_size if training else recipe.eval_size,
        batch_size=recipe.batch_size,
        seed=recipe.seed,
        crops=CropRange() if training else None,
        threads=threads,
    )
