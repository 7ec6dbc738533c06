"""Scores of how little a picture looks like those that a network learnt from; higher is stranger.

In: what a network saw (Seen). Out: float32 (N,). Each is a small module, so that what is compared
is what the graph computes; `Neighbours` alone keeps every training picture, for comparison.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from export.reject_taps import Seen

NEIGHBOURS = 10


class MaxSoftmax(nn.Module):
    """- log p of the likeliest species (Hendrycks and Gimpel, "A Baseline for Detecting
    Misclassified and Out-of-Distribution Examples", 2017)."""

    def forward(self, seen: Seen) -> torch.Tensor:
        return -seen.species.amax(dim=1)


class Energy(nn.Module):
    """- log of the summed exponentials of the logits (Liu et al., "Energy-based Out-of-distribution
    Detection", 2020, equation 4)."""

    def forward(self, seen: Seen) -> torch.Tensor:
        return seen.energy


class Vim(nn.Module):
    """Virtual-logit matching: what of the features lies outside the space that training pictures
    fill, against the logits (Wang et al., "ViM: Out-Of-Distribution with Virtual-logit Matching",
    2022, equations 4 to 7)."""

    def __init__(self, head: nn.Linear, features: np.ndarray, kept: int) -> None:
        """Of training features (N, D); `kept` directions make up their space."""
        super().__init__()
        weight, bias = head.weight.detach(), head.bias.detach()
        origin = -np.linalg.pinv(weight.numpy()) @ bias.numpy()  # where all logits are zero
        centred = features - origin
        _, vectors = np.linalg.eigh(centred.T @ centred / len(features))  # ascending
        self.register_buffer("origin", as_float32(origin))
        self.register_buffer("space", as_float32(vectors[:, -kept:]))  # (D, kept)
        known = torch.from_numpy(features)
        logits = functional.linear(known, weight, bias)
        self.scale = float(logits.amax(dim=1).mean() / self._outside(known).mean().clamp(min=1e-6))

    def _outside(self, features: torch.Tensor) -> torch.Tensor:
        centred = features - self.get_buffer("origin")
        inside = centred @ self.get_buffer("space")
        rest = (centred * centred).sum(dim=1) - (inside * inside).sum(dim=1)
        return rest.clamp(min=0).sqrt()

    def forward(self, seen: Seen) -> torch.Tensor:
        return self.scale * self._outside(seen.features) + seen.energy


class Neighbours(nn.Module):
    """Distance to the k-th nearest training picture, features scaled to length one (Sun et al.,
    "Out-of-Distribution Detection with Deep Nearest Neighbors", 2022)."""

    def __init__(self, features: np.ndarray) -> None:
        super().__init__()
        self.register_buffer("known", functional.normalize(as_float32(features)))  # (M, D)

    def forward(self, seen: Seen) -> torch.Tensor:
        known = self.get_buffer("known")
        alike = functional.normalize(seen.features) @ known.T  # (N, M)
        nearest = alike.topk(min(NEIGHBOURS, len(known)), dim=1).values[:, -1]
        return (2 - 2 * nearest).clamp(min=0).sqrt()


class Gate(nn.Module):
    """A learned line through taps and features: log odds that the picture shows no plant."""

    def __init__(self, weight: np.ndarray, bias: float) -> None:
        """`weight` float (T + D,)."""
        super().__init__()
        self.register_buffer("weight", as_float32(weight).reshape(-1, 1))
        self.register_buffer("bias", torch.tensor([bias], dtype=torch.float32))

    def forward(self, seen: Seen) -> torch.Tensor:
        odds = seen.everything() @ self.get_buffer("weight") + self.get_buffer("bias")
        return odds.squeeze(1)


class Sum(nn.Module):
    """Scores that see different strangeness, added up, each in its own standard deviations."""

    def __init__(self, parts: Sequence[nn.Module], known: Seen) -> None:
        """The deviations are those among `known`, pictures that are not to be rejected. Of one part
        it is that part, scaled."""
        super().__init__()
        self.parts = nn.ModuleList(parts)
        with torch.inference_mode():
            found = [part(known).double() for part in self.parts]
        self.means = [float(one.mean()) for one in found]
        self.spreads = [float(one.std(correction=0).clamp(min=1e-6)) for one in found]

    def forward(self, seen: Seen) -> torch.Tensor:
        total = torch.zeros_like(seen.features[:, 0])
        for part, mean, spread in zip(self.parts, self.means, self.spreads, strict=True):
            total = total + (part(seen) - mean) / spread
        return total


def as_float32(values: np.ndarray) -> torch.Tensor:
    """A tensor of its own."""
    return torch.tensor(np.asarray(values), dtype=torch.float32)
