from dataclasses import replace

import numpy as np
import pytest
import torch

from catalog.taxonomy import LabelTree
from leaflake import UsageError
from shards.select import Selection
from train.backbones import Backbone
from train.classifier import Classifier
from train.memory_sum import (
    Needs,
    Room,
    activation_bytes,
    check_needs,
    find_room,
    gtt_bytes,
    sum_needs,
)
from train.recipes import cpu

TREE = LabelTree.from_pairs([("apple", "healthy"), ("apple", "rust")])
GB = 10**9


def classifier() -> Classifier:
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 1), torch.nn.Sigmoid(), torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(),
    )  # fmt: skip
    return Classifier(Backbone(network, 4, (0.5,) * 3, (0.5,) * 3, "none"), TREE, eval_size=8)


def test_activations_are_what_the_backward_pass_needs_of_one_picture():
    """The pixels (3 x 64 floats), the sigmoid's answer (4 x 64), and some hundred bytes of the
    heads."""
    counted = activation_bytes(classifier(), 8, torch.float32)
    assert 0 <= counted - 4 * (3 + 4) * 64 < 400


def test_a_run_needs_weights_activations_cache_and_workers():
    model = classifier()
    selection = Selection(
        ("a", "b"), ("set",) * 2, np.zeros(2, np.int64), np.zeros(2, np.int64),
        np.zeros(2, np.int64), np.array([1000, 2000]), "shards",
    )  # fmt: skip
    recipe = replace(cpu(), train_size=8, eval_size=16)
    needs = sum_needs(recipe, model, (selection,), 10, 2, torch.float32)
    values = (3 * 4 + 4) + (4 * 1 + 1) + (4 * 2 + 2)
    assert needs == Needs(
        weights=20 * values,
        activations=int(1.25 * 10 * activation_bytes(model, 8, torch.float32)),
        cache=3000,
        workers=2 * 50_000_000 + 3 * 6 * 10 * 16 * 16 * 3,
    )
    stream = sum_needs(replace(recipe, cache=False), model, (selection,), 10, 2, torch.float32)
    assert stream.cache == 0


NEEDS = Needs(weights=1 * GB, activations=8 * GB, cache=20 * GB, workers=2 * GB)


def test_the_sum_is_said_beside_what_is_free():
    said = (
        "memory: network and optimiser 1.0 GB, activations 8.0 GB, cache 20.0 GB, decoding 2.0 GB"
    )
    assert check_needs(NEEDS, Room(64 * GB, None, False), cpu()) == (
        f"{said}; all together 31.0 GB of 64.0 GB that are free"
    )
    assert check_needs(NEEDS, Room(64 * GB, 10 * GB, False), cpu()) == (
        f"{said}; decoding and cache 22.0 GB of 64.0 GB that are free; "
        "the GPU's part 9.0 GB of 10.0 GB that are free"
    )
    assert check_needs(NEEDS, Room(None, None, False), cpu()) == said


@pytest.mark.parametrize(
    ("room", "said"),
    [
        (Room(30 * GB, None, False), r"all together 31.0 GB of 30.0 GB.*accumulate be 2.*--stream"),
        (Room(30 * GB, 64 * GB, True), r"all together 31.0 GB of 30.0 GB"),
        (Room(64 * GB, 8 * GB, True), r"the GPU's part 9.0 GB of 8.0 GB.*GTT can be raised"),
        (Room(64 * GB, 8 * GB, False), r"the GPU's part 9.0 GB of 8.0 GB"),
        (Room(21 * GB, 24 * GB, False), r"decoding and cache 22.0 GB of 21.0 GB"),
    ],
)
def test_what_cannot_fit_is_refused(room, said):
    with pytest.raises(UsageError, match=rf"{said}.*Nothing was written\."):
        check_needs(NEEDS, room, cpu())


def test_gtt_is_read_from_the_driver(tmp_path):
    assert gtt_bytes(tmp_path) is None
    for card, size in ((0, 16 * GB), (1, 64 * GB)):
        folder = tmp_path / f"card{card}/device"
        folder.mkdir(parents=True)
        (folder / "mem_info_gtt_total").write_text(f"{size}\n")
    assert gtt_bytes(tmp_path) == 64 * GB


def test_on_the_processor_there_is_no_gpu():
    room = find_room(torch.device("cpu"))
    assert room.gpu is None
    assert not room.shared
