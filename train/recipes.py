"""What a training run is: named functions that return frozen settings. Their docstrings are lab
notes: command, hardware, time, result.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from train.recipe import LITE0, SWIN_TINY, Recipe


def cpu() -> Recipe:
    """EfficientNet-Lite0 with hierarchical heads, for a laptop.

    just train cpu

    6,538 photographs of 15 collections and 150 of no plant, two cores that other work shared, 52
    minutes, 28 epochs of which the 19th was kept (2026-11-22): species 94.8 % (laboratory 99.6,
    other sets 90.2, PlantDoc 77.7), disease top-3 98.5 (99.8; 97.3), both 89.1. Before freed memory
    was kept (train/kept_memory.py), without the 150, 20 epochs: 95.6 (99.4, 92.1, 80.4), 98.5
    (100.0; 97.1), 87.7. No photographer of test in train (`--split source`, 25 epochs): 72.4 of 609
    pictures, of which 465 are PlantDoc's; both 42.2.

    Tried: 30 minutes of crops of 192 pixels from a whole share of 0.35 on, evaluated at 224:
    species 95.6 (99.1, 92.2, 83.0), so it is not time that is missing. With frozen_stages=4,
    learning_rate=3e-4, mixup=0.2, cutmix=1 and mix_share=0.5 a step at 224 pixels takes 45 % of the
    time, and after 40 minutes and 25 epochs species are 95.2 (99.4, 91.2, 78.3). A larger network
    whose stem and first two stages are kept, EfficientNet-Lite2, in 52 minutes and 15 epochs: 94.9
    (99.4, 90.6, 77.7), though better on val. All lie within each other's intervals. torch.compile:
    6 % slower a step than without, after 80 seconds.
    """
    return Recipe(
        name="cpu",
        backbone=LITE0,
        device="cpu",
        minutes=50,
        train_size=224,
        eval_size=256,
        first_size=128,
        min_area=0.25,
        max_epochs=40,
    )


def browser() -> Recipe:
    """EfficientNet-Lite0 for phones and browsers, on a GPU if there is one.

    just train browser --teacher runs/swin-tiny-...

    It can learn from a bigger run. Not run to its end yet.
    """
    return Recipe(
        name="browser",
        backbone=LITE0,
        device="any",
        minutes=240,
        train_size=192,
        eval_size=224,
        batch_size=64,
        learning_rate=7e-4,
        max_epochs=100,
    )


def swin_tiny() -> Recipe:
    """Swin-Tiny, the server's default, on a GPU if there is one.

    just train swin-tiny

    Settings after Liu et al., "Swin Transformer" (2021), appendix A2.1, fine-tuning: a small rate,
    little weight decay. Not run to its end yet: on two cores one picture takes a second.
    """
    return Recipe(
        name="swin-tiny",
        backbone=SWIN_TINY,
        device="any",
        minutes=240,
        train_size=224,
        eval_size=224,
        batch_size=64,
        learning_rate=1e-4,
    )


def mobilenetv2_flat() -> Recipe:
    """MobileNetV2 with one softmax over all classes: the baseline that the others replace.

    just train mobilenetv2-flat

    What tutorials on the 38 classes of PlantVillage do: plain cross-entropy, no smoothing, each
    class for itself. Needs timm's weights from the network, or --init FILE.
    """
    return Recipe(
        name="mobilenetv2-flat",
        backbone="mobilenetv2_100",
        device="any",
        minutes=30,
        train_size=224,
        eval_size=224,
        heads="flat",
        smoothing=0.0,
    )


def rtx_3090() -> Recipe:
    """Swin-Tiny on one CUDA card of 24 GB.

    just train rtx-3090

    Not run yet: no such card was at hand. The code path is the CPU's with another device.
    """
    return Recipe(
        name="rtx-3090",
        backbone=SWIN_TINY,
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

    Processor and GPU share the memory: the run prints the sum of network, activations, cache and
    decoding beside what is free, and refuses what cannot fit (train/memory_sum.py). For Swin-Tiny
    and 128 pictures:

        weights, gradients, AdamW's two moments, the average: 28 million x 20 bytes    0.6 GB
        what is kept of 128 pictures for the backward pass, in bfloat16, and scratch    14.4 GB
        32 workers of 50 MB, and 3 x 36 batches of 128 x 224 x 224 x 3 bytes             3.7 GB
        desktop, Python, ROCm (a guess)                                                  4.3 GB

    so leave_gb is 24. Of 128 GB that leaves 100 for pictures; 1.47 million with a short side of 256
    pixels, at 17 kB each, are 25. The GPU's part must also fit into GTT, by default half of the
    memory.

    Attention of head size 32, Swin-Tiny's, has given NaN with some builds of ROCm: 20 steps on
    noise go before the run, and say so (train/selftest.py).

    Not run yet: no such machine was at hand. The code path is the CPU's with another device.
    """
    return Recipe(
        name="strix-halo",
        backbone=SWIN_TINY,
        device="cuda",
        minutes=600,
        train_size=224,
        eval_size=224,
        batch_size=128,
        learning_rate=2e-4,
        leave_gb=24,
    )


def barlow_twins() -> Recipe:
    """EfficientNet-Lite0 looks at pictures without their labels, before another run learns those.

    just train barlow-twins --set "unlabelled=dataset = 'my_walks'"
    just train cpu --init runs/barlow-twins-...

    128 pictures in two crops each a step: the correlations of 128 pictures are known to 0.09, and
    the paper's figure 2 begins at 128 and is nearly level from 256 on, for which a GPU has the
    memory (`--set batch_size=512`). Crops down to a fifth of the picture, where the paper takes
    8 %: a lesion must not be cut away. AdamW instead of LARS, which the paper needs for batches of
    2048.
    """
    return Recipe(
        name="barlow-twins",
        backbone=LITE0,
        device="any",
        minutes=50,
        train_size=128,
        eval_size=128,
        batch_size=256,
        min_area=0.2,
        twins=1.0,
        unlabelled="true",
        heads_first=False,
    )


def barlow_joint() -> Recipe:
    """The recipe `cpu`, which at the same time wants two crops of a picture to look alike.

    just train barlow-joint --set "labels=dataset = 'checked'" --set unlabelled=true

    Half of the loss is Barlow Twins', also of pictures without labels if `unlabelled` names some; a
    step is 16 pictures in two crops, so it costs what the recipe `cpu` costs. The correlations of
    16 pictures are known to 0.25 only, which the paper never tries: its part is to hold back
    outputs that say the same.
    """
    return replace(cpu(), name="barlow-joint", twins=0.5)


RECIPES: dict[str, Callable[[], Recipe]] = {
    "cpu": cpu,
    "browser": browser,
    "swin-tiny": swin_tiny,
    "mobilenetv2-flat": mobilenetv2_flat,
    "rtx-3090": rtx_3090,
    "strix-halo": strix_halo,
    "barlow-twins": barlow_twins,
    "barlow-joint": barlow_joint,
}
