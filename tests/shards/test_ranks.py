"""Two real processes of torchrun: as many batches each, nothing twice, the bytes in memory once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from catalog.lake import create_lake
from shards.format import ShardWriter

SCRIPT = """
import json, os, sys
import torch.distributed as dist
from shards.crop import Crops
from shards.loader import Loader

dist.init_process_group("gloo")
with Loader(
    sys.argv[1], "split = 'train'", at=int(sys.argv[2]), size=16, batch_size=2, seed=4,
    crops=Crops(), workers=1, cache=sys.argv[3] == "cache",
) as loader:
    epochs = []
    for epoch in range(2):
        keys = []
        for batch in loader.epoch(epoch):
            dist.barrier()  # hangs if the other has fewer batches
            keys.append(batch.keys)
        epochs.append(keys)
    inode = os.stat(loader.cache.path).st_ino if loader.cache else 0
    with open(f"{sys.argv[4]}/{dist.get_rank()}.json", "w") as file:
        json.dump({"epochs": epochs, "inode": inode}, file)
    dist.barrier()
dist.destroy_process_group()
"""


@pytest.fixture
def lake(tmp_path, draw, encode) -> tuple[Path, int]:
    """Eleven train pictures in two shards, and the snapshot; a later one has no train split."""
    with create_lake(tmp_path / "lake") as lake:
        (lake.path / "shards").mkdir()
        rows = []
        for shard, numbers in enumerate([range(6), range(6, 11)]):
            writer = ShardWriter(lake.shard_path(shard))
            for n in numbers:
                offset, length = writer.add(f"{shard:06d}-{n:05d}", encode(draw(n)), {})
                rows.append((f"key {n}", "apple", "scab", "train", shard, offset, length))
            writer.close()
        with lake.commit("rows") as connection:
            connection.executemany(
                'INSERT INTO samples ("key", species, "condition", split, shard, "offset", length)'
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                rows,
            )
        snapshot = lake.snapshot
        with lake.commit("later") as connection:
            connection.execute("UPDATE samples SET split = 'val'")
        return lake.path, snapshot


@pytest.mark.parametrize("reading", ["cache", "stream"])
def test_two_processes_see_everything_once_and_end_together(tmp_path, lake, reading) -> None:
    script = tmp_path / "train.py"
    script.write_text(SCRIPT)
    path, snapshot = lake
    result = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
         str(script), str(path), str(snapshot), reading, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "TMPDIR": str(tmp_path)},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    one, other = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1))
    for epoch in range(2):
        sizes = [[len(keys) for keys in rank["epochs"][epoch]] for rank in (one, other)]
        assert sizes == [[2, 2, 2], [2, 2, 1]]
        seen = [key for rank in (one, other) for keys in rank["epochs"][epoch] for key in keys]
        assert sorted(seen) == sorted(f"key {n}" for n in range(11))
    assert one["inode"] == other["inode"]
