"""A classifier of four classes that tells plain pictures apart by colour, and pictures for it.

Red is fig, green apple with rust or, where it is bright, healthy, blue no plant.
"""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from PIL import Image

from catalog.taxonomy import LabelTree
from export.material import Material, Sample
from shards.format import ShardWriter
from shards.select import Selection
from train.backbones import Backbone
from train.classifier import Classifier

TREE = LabelTree.from_pairs(
    [("apple", "healthy"), ("apple", "rust"), ("fig", "healthy"), ("no_plant", "background")]
)
APPLE_HEALTHY, APPLE_RUST, FIG, NO_PLANT = range(4)
COLOURS = {
    APPLE_HEALTHY: (20, 240, 20),
    APPLE_RUST: (20, 150, 20),
    FIG: (220, 20, 20),
    NO_PLANT: (20, 20, 220),
}


def classifier() -> Classifier:
    """Its features are the mean colour and a constant, its answers sure."""
    convolution = torch.nn.Conv2d(3, 4, 1)
    network = torch.nn.Sequential(convolution, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    model = Classifier(Backbone(network, 4, (0.0,) * 3, (1.0,) * 3, "none"), TREE, 16)
    heads = model.heads
    with torch.no_grad():
        convolution.weight.copy_(torch.eye(4, 3)[:, :, None, None])
        convolution.bias.copy_(torch.tensor([0.0, 0.0, 0.0, 1.0]))
        for parameter in heads.parameters():
            parameter.zero_()
        heads.species_head.weight[[0, 1, 2], [1, 0, 2]] = 12.0
        heads.condition_head.weight[0] = torch.tensor([0.0, 30.0, 0.0, -23.0])
    return model.eval()


def picture(class_index: int, seed: int, size: int = 40) -> bytes:
    """A noisy PNG of the class's colour; some figs and one no plant in ten are half of each.

    So not all answers are sure, nor right.
    """
    random = np.random.default_rng((class_index, seed))
    colour = np.array(COLOURS[class_index])
    if seed % 10 in {FIG: (7, 8, 9), NO_PLANT: (9,)}.get(class_index, ()):
        colour = np.array(COLOURS[FIG]) * 0.55 + np.array(COLOURS[NO_PLANT]) * 0.45
    image = colour + random.integers(-14, 15, (size, size + 8, 3))
    file = io.BytesIO()
    Image.fromarray(image.clip(0, 255).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


def sample(each: int, seed: int) -> Sample:
    """`each` pictures of every class, every other one of a laboratory."""
    classes = np.repeat(np.arange(TREE.num_classes), each)
    encoded = tuple(picture(int(one), seed + i) for i, one in enumerate(classes))
    datasets = np.array(["pv_apple", "field"] * (len(classes) // 2), dtype=object)
    groups = np.array([f"{seed}-{i}" for i in range(len(classes))], dtype=object)
    return Sample(encoded, classes, datasets, groups)


def material(folder: Path, not_plants: int = 0) -> Material:
    """Ten train, val and test pictures of each class; train lies in a shard in `folder`."""
    train = sample(10, 1000)
    writer = ShardWriter(folder / "000000.tar")
    places = [writer.add(f"000000-{i:05d}", data, {}) for i, data in enumerate(train.encoded)]
    writer.close()
    offset, length = np.array(places).T
    keys = tuple(map(str, range(len(train))))
    shard = np.zeros(len(train), np.int64)
    selection = Selection(
        keys, tuple(train.datasets), train.class_index, shard, offset, length, folder
    )
    others = tuple(picture(NO_PLANT, 5000 + i) for i in range(not_plants)) or None
    sizes = {"train": 40, "val": 40, "test": 40}
    return Material(TREE, selection, sample(10, 2000), sample(10, 3000), others, sizes)


RUN = SimpleNamespace(
    path=Path("runs/cpu-1"),
    lake=Path("lake"),
    snapshot=3,
    tree=TREE,
    recipe=SimpleNamespace(name="cpu", backbone="colours", split="split"),
    config={
        "initial_weights": "none",
        "commit": "abc",
        "versions": {},
        "hardware": {"processor": "x"},
    },
    load_model=classifier,
)
"""What export looks at of a run."""
