"""Training: loaders and a fresh classifier in, trained weights and their val figures out.

First the heads on frozen features, which takes seconds and gives fine-tuning a good start; then the
whole network for as many epochs as the recipe's minutes allow.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import timm.optim
import torch
from timm.scheduler.cosine_lr import CosineLRScheduler
from timm.utils.model_ema import ModelEmaV3
from tqdm import tqdm

from catalog.taxonomy import LabelTree
from shards.loader import Batch, Loader
from train.augment import jitter_light
from train.classifier import Classifier
from train.hierarchy import hierarchical_loss
from train.metrics import Predictions, figures
from train.recipes import Recipe
from train.speed import affordable_epochs, choose_precision

HEAD_STEPS = 300
HEAD_BATCH = 512
HEAD_LEARNING_RATE = 0.01
"""For the heads alone. On 4,900 pictures the loss is near zero after 300 steps."""

MAX_GRADIENT_NORM = 1.0

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
    rate = choose_precision(training)
    fit_heads(training)
    return fine_tune(training, affordable_epochs(training, rate))


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


def fine_tune(training: Training, epochs: int) -> dict[str, float | int]:
    """Train the whole network; after each epoch the averaged weights are judged on val, and the
    best are kept."""
    steps = epochs * training.train.num_batches
    optimiser, schedule = make_optimiser(training, steps)
    average = ModelEmaV3(training.model, decay=training.recipe.ema_decay, use_warmup=True)
    light = torch.Generator().manual_seed(training.recipe.seed)
    best: dict[str, float | int] = {}
    best_state: dict[str, torch.Tensor] = {}
    step = 0
    with tqdm(total=epochs * len(training.train.selection), desc="train", unit="picture") as bar:
        for epoch in range(epochs):
            training.model.train()
            losses = []
            for batch in training.train.epoch(epoch):
                loss = training.loss(training.pixels(batch, light), batch)
                take_step(training.model, optimiser, loss)
                step += 1
                schedule.step_update(step)
                average.update(training.model, step)
                losses.append(loss.item())
                bar.update(len(batch.keys))
                bar.set_postfix(epoch=f"{epoch + 1}/{epochs}", loss=f"{np.mean(losses):.3f}")
            found = training.judge(average.module)
            training.log(
                {"stage": "fine-tune", "epoch": epoch + 1, "loss": float(np.mean(losses)), **found}
            )
            if found["joint_top1"] >= best.get("joint_top1", 0):
                best = {"epoch": epoch + 1, "epochs": epochs, **found}
                best_state = {k: v.clone() for k, v in average.module.state_dict().items()}
    training.model.load_state_dict(best_state)
    return best


def make_optimiser(
    training: Training, steps: int
) -> tuple[torch.optim.Optimizer, CosineLRScheduler]:
    """AdamW with warm-up and a cosine over all steps."""
    recipe = training.recipe
    optimiser = timm.optim.create_optimizer_v2(
        training.model, opt="adamw", lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    schedule = CosineLRScheduler(
        optimiser,
        t_initial=steps,
        warmup_t=round(steps * recipe.warmup_share),
        warmup_prefix=True,
        t_in_epochs=False,
    )
    return optimiser, schedule


def take_step(model: torch.nn.Module, optimiser: torch.optim.Optimizer, loss: torch.Tensor) -> None:
    """Backward and one update, with the gradient's norm clipped."""
    optimiser.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), MAX_GRADIENT_NORM)
    optimiser.step()
