"""A lake of drawn pictures, and what trains on it in a second."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import timm
import torch

from catalog.lake import create_lake
from shards.format import ShardWriter
from train.recipe import Recipe

CODE = Path(__file__).parents[2]

CLASSES = (("apple", "healthy"), ("apple", "rust"), ("pear", "healthy"), ("pear", None))


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Sums then have one order, as in the processes that the tests start; tiny networks are also
    faster so, by far on a busy machine."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def small_lake(tmp_path_factory, draw, encode) -> Path:
    """22 train and 6 val pictures in two species; of some train ones only the species is known."""
    folder = tmp_path_factory.mktemp("small") / "lake"
    with create_lake(folder) as lake:
        (folder / "shards").mkdir()
        writer = ShardWriter(lake.shard_path(0))
        rows = []
        for n in range(28):
            split = "train" if n < 22 else "val"
            species, condition = CLASSES[n % 4 if split == "train" else n % 3]
            picture = draw(n % 4 if n % 2 else n, 40, 40)
            place = writer.add(f"000000-{n:05d}", encode(picture), {})
            name = f"000000-{n:05d}"
            if condition is None:  # as ingest leaves it
                split = None
            rows.append((name, "set", species, condition, split, "ok", name, name, 0, *place))
        writer.close()
        with lake.commit("rows") as connection:
            connection.executemany(
                'INSERT INTO samples ("key", dataset, species, "condition", split, status, '
                'group_id, sha256, shard, "offset", length) VALUES '
                "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                rows,
            )
    return folder


@pytest.fixture(scope="session")
def small_recipe(tmp_path_factory) -> Callable[..., Recipe]:
    """small_recipe(backbone, **settings): 32 pixels, steps of 4, float32, random weights."""
    folder = tmp_path_factory.mktemp("weights")

    def make(backbone: str = "test_convnext", **settings: object) -> Recipe:
        path = folder / f"{backbone}.pt"
        if not path.exists():
            torch.manual_seed(0)
            torch.save(timm.create_model(backbone).state_dict(), path)
        recipe = Recipe(
            "cpu", backbone, "cpu", init=str(path), train_size=32, eval_size=32, batch_size=4,
            workers=1, precision="float32", minutes=None, max_epochs=3,
        )  # fmt: skip
        return replace(recipe, **settings)

    return make


@pytest.fixture
def environment(tmp_path) -> dict[str, str]:
    """For processes that import this very code."""
    threads = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(CODE), "TMPDIR": str(tmp_path)}
    return {**os.environ, **threads}


@pytest.fixture
def torchrun(environment) -> Callable[..., subprocess.CompletedProcess]:
    """torchrun(processes, script, *arguments)."""

    def start(processes: int, *command: object) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-m", "torch.distributed.run", "--standalone",
             "--nproc-per-node", str(processes), *map(str, command)],
            env=environment, capture_output=True, text=True, timeout=300,
        )  # fmt: skip

    return start
