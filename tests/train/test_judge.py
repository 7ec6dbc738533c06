import numpy as np
import pytest
import torch

from catalog.taxonomy import NO_PLANT, LabelTree
from train.distributed import Team
from train.hierarchy import HierarchicalHeads
from train.judge import Tally
from train.metrics import Predictions, figures

PAIRS = [("apple", c) for c in ("healthy", "rust", "scab", "mildew", "spot")]
TREE = LabelTree.from_pairs([*PAIRS, ("pear", "healthy"), (NO_PLANT, "healthy")])


def answers(classes: list[int]) -> tuple:
    torch.manual_seed(0)
    with torch.no_grad():
        found = HierarchicalHeads(8, TREE)(torch.randn(len(classes), 8))
    return found, torch.tensor(classes)


@pytest.mark.parametrize(
    "classes", [[0, 1, 2, 3, 4, 5, 6] * 9, [5, 5], [6, 6]], ids=["all", "no choice", "no plant"]
)
def test_counts_say_what_whole_arrays_say(classes):
    found, truth = answers(classes)
    tally = Tally(TREE, torch.device("cpu"))
    for part in (slice(0, 1), slice(1, None)):
        some = found.rows(part)
        tally.add(some, truth[part])
    counted = tally.figures(Team())
    arrays = (found.species, found.condition, found.joint, truth)
    whole = figures(Predictions(*(array.numpy() for array in arrays)), TREE)
    likelihood = found.joint.numpy()[np.arange(len(classes)), classes]
    assert counted == pytest.approx({**{key: whole[key] for key in counted if key in whole},
                                     "val_loss": -likelihood.mean()})  # fmt: skip
    shares = {"pictures", "species_top1", "condition_top1", "condition_top3", "joint_top1",
              "no_plant_pictures", "no_plant_recognised"}  # fmt: skip
    assert counted.keys() - {"val_loss"} == whole.keys() & shares
