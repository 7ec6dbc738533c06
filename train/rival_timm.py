"""What `just bench-train` holds Leaflake's loop against: training as timm's train.py does it.

That script is in timm's repository and not in its package. This is the same order of steps, written
anew with the parts that the package does have: ImageFolder reader, augmentation, loader with
prefetching, optimiser, cosine schedule, weight average and meters. In: a folder of class folders
and settings. Out: how fast the second epoch was.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from typing import Any

import timm
import timm.data
import timm.loss
import timm.optim
import timm.scheduler
import timm.utils
import torch

from shards.bench_measure import cpu_seconds, family
from train.recipe import Precision

EPOCHS = 2


@dataclass(frozen=True)
class Settings:
    """What both loops share."""

    backbone: str
    """timm's name."""

    size: int
    """Side of the crops, pixels."""

    batch_size: int
    workers: int
    """Processes that decode."""

    learning_rate: float
    weight_decay: float
    smoothing: float
    ema_decay: float
    precision: Precision
    """float32, or bfloat16 by autocast."""

    area: tuple[float, float]
    """Share of the picture that a crop may be, as in shards/crop.py."""

    light: float = 0.3
    """Largest change of brightness, contrast and saturation, as in train/augment.py."""


class Meter:
    """Since it was made, of this process and those that decode for it."""

    def __init__(self) -> None:
        self.started = time.perf_counter()
        self.cpu_s = cpu_seconds(family())

    def rates(self, pictures: int) -> dict[str, float]:
        """Pictures a second, and CPU seconds of 1,000 pictures."""
        return {
            "pictures_per_s": pictures / (time.perf_counter() - self.started),
            "cpu_s_per_1000": 1000 * (cpu_seconds(family()) - self.cpu_s) / pictures,
        }


def measure(folder: str, settings: Settings) -> dict[str, float]:
    """The rates of the second epoch."""
    device = torch.device("cpu")
    dataset = timm.data.create_dataset("", root=folder, is_training=True)
    model = timm.create_model(settings.backbone, num_classes=len(dataset.reader.class_to_idx))
    model = model.to(device).to(memory_format=torch.channels_last)
    config = timm.data.resolve_model_data_config(model)
    light: Any = (settings.light,) * 3  # one number would turn the hue as well
    loader = timm.data.create_loader(
        dataset,
        input_size=(3, settings.size, settings.size),
        batch_size=settings.batch_size,
        is_training=True,
        scale=settings.area,
        ratio=(3 / 4, 4 / 3),
        hflip=0.5,
        vflip=0.5,
        color_jitter=light,
        interpolation="bilinear",
        mean=config["mean"],
        std=config["std"],
        num_workers=settings.workers,
        device=device,
    )
    optimiser = timm.optim.create_optimizer_v2(
        model, opt="adamw", lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    schedule, _ = timm.scheduler.create_scheduler_v2(
        optimiser, sched="cosine", num_epochs=EPOCHS, step_on_epochs=False,
        updates_per_epoch=len(loader),
    )  # fmt: skip
    average = timm.utils.ModelEmaV3(model, decay=settings.ema_decay, use_warmup=True)
    criterion = timm.loss.LabelSmoothingCrossEntropy(smoothing=settings.smoothing)
    for epoch in range(EPOCHS):
        meter = Meter()
        train_epoch(epoch, model, loader, criterion, optimiser, schedule, average, settings)
    return meter.rates(len(loader) * settings.batch_size)


def train_epoch(
    epoch: int,
    model: torch.nn.Module,
    loader: Any,
    criterion: torch.nn.Module,
    optimiser: torch.optim.Optimizer,
    schedule: Any,
    average: Any,
    settings: Settings,
) -> None:
    """One epoch, as timm's script goes through it."""
    dtype = getattr(torch, settings.precision)
    autocast = torch.autocast("cpu", dtype, enabled=dtype != torch.float32)
    losses = timm.utils.AverageMeter()
    updates = epoch * len(loader)
    model.train()
    optimiser.zero_grad()
    for pixels, target in loader:
        pixels = pixels.contiguous(memory_format=torch.channels_last)
        with autocast:
            loss = criterion(model(pixels), target)
        loss.backward()
        timm.utils.dispatch_clip_grad(model.parameters(), value=1.0, mode="norm")
        optimiser.step()
        updates += 1
        optimiser.zero_grad()
        average.update(model, step=updates)
        losses.update(loss.item(), len(pixels))
        schedule.step_update(num_updates=updates, metric=losses.avg)


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], Settings(**json.loads(sys.argv[2])))))
