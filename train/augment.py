"""Random light and mixing on a batch of training pictures. Crops and turns are the loader's.

What chance decides depends on the seed, the step and the picture's place in it alone. So a run that
goes on after a kill has no state of chance to bring back, and several processes together draw what
one would.
"""

from __future__ import annotations

import numpy as np
import torch
from timm.data.mixup import Mixup, one_hot

from train.distributed import Team

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in a grey value (ITU-R BT.601)."""

LIGHT_DRAWS, TWIN_DRAWS = 3, 7
"""Random numbers that a picture takes in jitter_light and twin_light."""

TWIN_STRENGTH = 0.4
TINT = 0.2
GREY_SHARE = 0.2
"""Of the crops that twin_light makes grey. This, and TWIN_STRENGTH for brightness and contrast, are
the paper's, which took them from Grill et al., "Bootstrap your own latent" (2020), appendix B."""


def seed_step(seed: int, step: int, team: Team) -> None:
    """Set PyTorch's and NumPy's own generators, which dropout and timm's Mixup draw from."""
    first, second = np.random.SeedSequence((seed, step, team.rank)).generate_state(2)
    torch.manual_seed(int(first))
    np.random.seed(second)


def light_draws(
    seed: int, step: int, first: int, count: int, team: Team, width: int = LIGHT_DRAWS
) -> torch.Tensor:
    """Numbers in [0, 1), float32 (count, width), for this process's pictures from place `first`.

    The loader deals the pictures of a step to the processes in turn (shards/order.py).
    """
    random = np.random.default_rng((seed, step))
    whole = random.random((team.world * (first + count), width), dtype=np.float32)
    return torch.from_numpy(whole[team.rank :: team.world][first:])


def jitter_light(levels: torch.Tensor, draws: torch.Tensor, strength: float = 0.3) -> torch.Tensor:
    """Change brightness, contrast and saturation of each picture by up to `strength`.

    Float levels 0-255 (N, 3, H, W) and draws in [0, 1) (N, 3) -> levels. No hue: the colour of a
    lesion tells diseases apart.
    """
    factors = 1 + strength * (2 * draws.to(levels.device) - 1)
    brightness, contrast, saturation = factors.T.reshape(3, -1, 1, 1, 1)
    luma = torch.tensor(LUMA, device=levels.device).reshape(1, 3, 1, 1)
    levels = levels * brightness
    grey = (levels * luma).sum(dim=1, keepdim=True)
    levels = grey + (levels - grey) * saturation
    mean = grey.mean(dim=(2, 3), keepdim=True)
    return (mean + (levels - mean) * contrast).clamp(0, 255)


def twin_light(levels: torch.Tensor, draws: torch.Tensor) -> torch.Tensor:
    """Light for two crops that are to look alike: draws in [0, 1) (N, 7), else as jitter_light.

    Two crops of a picture share its colours, and a network would learn these and nothing else
    (figure 3 of the paper, without colour distortion). So light changes more, each channel has a
    gain of its own, as under another lamp, and some crops are grey. No blur and no inverted levels,
    unlike the paper: a lesion must stay one.
    """
    draws = draws.to(levels.device)
    gains = 1 + TINT * (2 * draws[:, 3:6] - 1)
    levels = jitter_light(levels * gains[:, :, None, None], draws[:, :3], TWIN_STRENGTH)
    luma = torch.tensor(LUMA, device=levels.device).reshape(1, 3, 1, 1)
    grey = (levels * luma).sum(dim=1, keepdim=True)
    is_grey = (draws[:, 6] < GREY_SHARE)[:, None, None, None]
    return torch.where(is_grey, grey.expand_as(levels), levels)


def mix(levels: torch.Tensor, targets: torch.Tensor, mixup: Mixup) -> torch.Tensor:
    """Mix pictures of one batch in place: int64 (N,) targets -> float32 (N, targets known).

    timm mixes the first with the last and so on, and wants an even number: the odd one stays.
    """
    even = len(levels) // 2 * 2
    soft = one_hot(targets, mixup.num_classes)
    if even:
        _, soft[:even] = mixup(levels[:even], targets[:even])
    return soft
