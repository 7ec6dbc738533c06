"""The heads alone, on frozen features: takes seconds and gives fine-tuning a good start."""

from __future__ import annotations

import torch
from tqdm import tqdm

from train.augment import seed_step
from train.losses import Loss
from train.training import Training

HEAD_STEPS = 300
HEAD_BATCH = 512
HEAD_LEARNING_RATE = 0.01
"""For the heads alone. On 4,900 pictures the loss is near zero after 300 steps."""

MAX_PICTURES = 100_000
"""From more than this the steps would see only a part, so no features are made of the rest."""


def fit_heads(training: Training) -> dict[str, float | int]:
    """Train the heads alone, on features that are computed once. Returns their val figures.

    Of several processes each computes its part of the features, and then all do the same.
    """
    features, targets = extract_features(training)
    seed_step(training.recipe.seed, 0, training.team)
    chance = torch.Generator().manual_seed(training.recipe.seed)
    heads = training.model.heads
    plain = Loss(training.tree).to(training.device)
    optimiser = torch.optim.AdamW(heads.parameters(), lr=HEAD_LEARNING_RATE, weight_decay=0.01)
    for _ in range(HEAD_STEPS):
        chosen = torch.randint(len(features), (HEAD_BATCH,), generator=chance)
        chosen = chosen.to(training.device)
        loss = plain(heads(features[chosen]), targets[chosen])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    found = training.judge(training.model)
    training.log({"stage": "heads", "loss": loss.item(), **found})
    return found


def extract_features(training: Training) -> tuple[torch.Tensor, torch.Tensor]:
    """Features float32 (N, D) and targets int64 (N,) of the train split, the same on every process.

    Of whole pictures in the selection's order; of a larger split of random crops in random order.
    """
    training.model.eval()
    size = len(training.still.selection)
    loader = training.still if size <= MAX_PICTURES else training.train
    limit = min(size, MAX_PICTURES) // training.team.world + 1
    parts, targets, found = [], [], 0
    with torch.no_grad(), tqdm(total=limit, desc="features", unit="picture", disable=None) as bar:
        for batch in loader.epoch(0):
            with training.autocast():
                _, features = training.model.classify(training.pixels(batch))
            parts.append(features.float())
            targets.append(training.targets(batch))
            found += len(features)
            bar.update(len(features))
            if found >= limit:
                break
    interleave = training.team.interleave
    return interleave(torch.cat(parts)), interleave(torch.cat(targets))
