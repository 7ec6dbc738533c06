import json
import os

import pytest
import torch

from catalog.lake import create_lake
from leaflake import UsageError
from shards.format import ShardWriter
from train.loop import Training
from train.output import describe
from train.recipes import cpu, rtx_3090
from train.train_run import train_run


def test_rows_are_said_in_words_and_per_cent():
    speed = {"stage": "pictures/s", "float32": 23.5, "bfloat16": 39.9}
    epoch = {"stage": "fine-tune", "epoch": 3, "loss": 1.25, "species_top1": 0.953, "pictures": 9}
    heads = {"stage": "heads", "loss": 0.5, "species_top1": 0.9, "joint_top1": 0.8}
    assert describe(speed) == "training steps, pictures/s: float32 23.5, bfloat16 39.9"
    assert describe(epoch) == "epoch 3: loss 1.250; val species 95.3 %"
    fed = {**epoch, "pictures_per_s": 812.5, "waiting_share": 0.0123}
    assert describe(fed) == (
        "epoch 3: loss 1.250; val species 95.3 %; 812.5 pictures/s, 1.2 % waiting for them"
    )
    assert describe(heads) == (
        "heads on frozen features: loss 0.500; val species 90.0 %, both 80.0 %"
    )


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_recipe_for_a_gpu_is_refused_where_there_is_none(tmp_path):
    create_lake(tmp_path / "lake").connection.close()
    with pytest.raises(UsageError, match=r"sees no GPU.*\(just torch_index=URL setup\)"):
        train_run(rtx_3090(), tmp_path / "lake", tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_a_lake_without_pictures_is_refused_before_anything_is_written(tmp_path):
    create_lake(tmp_path / "lake").connection.close()
    with pytest.raises(UsageError, match="no labelled"):
        train_run(cpu(), tmp_path / "lake", tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_pictures_that_do_not_fit_into_memory_are_refused_before_anything_is_written(
    tmp_path, monkeypatch
):
    with create_lake(tmp_path / "lake") as lake, lake.commit("large pictures") as connection:
        for split in ("train", "val"):
            connection.execute(
                'INSERT INTO samples (species, "condition", split, shard, "offset", length) '
                "VALUES ('apple', 'rust', ?, 0, 0, 1000000000)",
                [split],
            )
    monkeypatch.setattr("shards.cache.available_bytes", lambda: 2_500_000_000)
    with pytest.raises(UsageError, match=r"1 pictures need 1\.0 GB .* stream .* \(--stream"):
        train_run(cpu(), tmp_path / "lake", tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_a_lake_can_be_written_to_while_a_run_trains_on_it(tmp_path, monkeypatch, draw, encode):
    with create_lake(tmp_path / "lake") as lake:
        (lake.path / "shards").mkdir()
        writer = ShardWriter(lake.shard_path(0))
        place = writer.add("000000-00000", encode(draw(0)), {})
        writer.close()
        with lake.commit("two pictures") as connection:
            for split in ("train", "val"):
                connection.execute(
                    'INSERT INTO samples (species, "condition", split, shard, "offset", length) '
                    "VALUES ('apple', 'rust', ?, 0, ?, ?)",
                    [split, *place],
                )

    def ingest_meanwhile(training: Training, saved: None) -> dict[str, float | int]:
        with create_lake(tmp_path / "lake") as lake, lake.commit("more") as connection:
            connection.execute("UPDATE samples SET dataset = 'field'")
        assert training.train.workers is training.still.workers is training.val.workers
        inodes = {os.stat(loader.cache.path).st_ino for loader in (training.train, training.still)}
        assert len(inodes) == 1  # the same bytes, once
        assert [len(list(loader.epoch(0))) for loader in (training.train, training.val)] == [1, 1]
        training.log({"stage": "pictures/s", "bfloat16": 1.0})
        training.precision = torch.bfloat16
        return {"epoch": 1, "joint_top1": 1.0}

    monkeypatch.setattr("train.train_run.fit", ingest_meanwhile)
    path = train_run(cpu(), tmp_path / "lake", tmp_path / "runs")
    metrics = json.loads((path / "metrics.json").read_text())
    assert metrics["precision"] == "bfloat16"
    assert metrics["val"] == {"epoch": 1, "joint_top1": 1.0}
