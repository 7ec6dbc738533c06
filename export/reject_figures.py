"""How well a score tells two sorts of pictures apart. In: scores. Out: shares in 0-1."""

from __future__ import annotations

import numpy as np


def auroc(keep: np.ndarray, reject: np.ndarray) -> float:
    """How often a picture to reject has the higher score than one to keep; equal ones count half.

    Scores float (N,) and (M,), the higher the rather reject.
    """
    falling = np.sort(keep)
    below = np.searchsorted(falling, reject, side="left")
    up_to = np.searchsorted(falling, reject, side="right")
    return float((below + up_to).mean() / 2 / len(keep))


def threshold_for(keep: np.ndarray, share: float) -> float:
    """The least score at which at most `share` of the pictures to keep are rejected; a picture is
    rejected from the threshold on."""
    allowed = int(share * len(keep) + 1e-9)
    highest = np.sort(keep)[::-1]
    if allowed >= len(keep):
        return float(highest[-1])
    return float(np.nextafter(np.float32(highest[allowed]), np.float32(np.inf)))


def threshold_between(keep: np.ndarray, reject: np.ndarray, share: float) -> float:
    """A threshold that rejects at most `share` of the pictures to keep. Where it need not be so
    low to catch all but that share of those to reject, it is halfway between, so that both sides
    have room."""
    least = threshold_for(keep, share)
    highest = float(np.sort(reject)[int(share * len(reject) + 1e-9)])
    return max(least, (least + highest) / 2)


def precision_at_even_mix(kept_rejected: float, caught: float) -> float:
    """Of what is rejected, the share that should be, where both sorts are as many.

    From the shares rejected of pictures to keep and of pictures to reject; NaN if none is.
    """
    rejected = kept_rejected + caught
    return caught / rejected if rejected else float("nan")
