import pytest
import torch

from catalog.lake import create_lake
from leaflake import UsageError
from train.recipes import cpu, rtx_3090
from train.train_run import describe, train_run


def test_rows_are_said_in_words_and_per_cent():
    speed = {"stage": "pictures/s", "float32": 23.5, "bfloat16": 39.9}
    epoch = {"stage": "fine-tune", "epoch": 3, "loss": 1.25, "species_top1": 0.953, "pictures": 9}
    heads = {"stage": "heads", "loss": 0.5, "species_top1": 0.9, "joint_top1": 0.8}
    assert describe(speed) == "training steps, pictures/s: float32 23.5, bfloat16 39.9"
    assert describe(epoch) == "epoch 3: loss 1.250; val species 95.3 %"
    assert describe(heads) == (
        "heads on frozen features: loss 0.500; val species 90.0 %, both 80.0 %"
    )


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_recipe_for_a_gpu_is_refused_where_there_is_none(tmp_path):
    with create_lake(tmp_path / "lake") as lake, pytest.raises(UsageError, match="sees no GPU"):
        train_run(rtx_3090(), lake, tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_a_lake_without_pictures_is_refused_before_anything_is_written(tmp_path):
    with create_lake(tmp_path / "lake") as lake, pytest.raises(UsageError, match="no labelled"):
        train_run(cpu(), lake, tmp_path / "runs")
    assert not (tmp_path / "runs").exists()
