"""Decide which file goes into which shard. In: a scan. Out: ShardPlans, each one a piece of work
that knows everything it needs.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
import pyarrow as pa

from catalog.storage import Place, join
from ingest.listing import FILE
from ingest.scan import Scan

FILES_PER_SHARD = 1_000
"""At 256 pixels about 20 MB: large enough to read in one go, small enough to spread the work."""

PLANNED = pa.schema([pa.field("dataset", pa.string()), pa.field("folder", pa.string()), *FILE])
"""One row a planned file: where it was found, then as in listing.FILE."""


@dataclass(frozen=True)
class ShardPlan:
    """One shard to be packed."""

    shard: int
    files: pa.Table
    """As PLANNED says, in the order in which they are packed."""

    folder: Place
    """The lake's shards/ folder."""

    short_side: int | None
    """Pictures with a longer short side are scaled down to it; None keeps every size."""

    @property
    def tar(self) -> Place:
        """The shard's tar."""
        return join(self.folder, f"{self.shard:06d}.tar")

    @property
    def sidecar(self) -> Place:
        """The shard's Parquet sidecar."""
        return join(self.folder, f"{self.shard:06d}.parquet")

    @property
    def plan_id(self) -> str:
        """Hash of all that the shard's bytes depend on; another version may pack otherwise."""
        content = [version("leaflake"), self.short_side, self.files.to_pydict()]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def plan_shards(
    scan: Scan,
    new: np.ndarray,
    *,
    shards_folder: Place,
    first_shard: int,
    short_side: int | None,
    seed: int,
) -> list[ShardPlan]:
    """Spread the files at the positions `new`, int64 (N,), of scan.files over shards.

    They are mixed by `seed`: every shard gets a sample of all classes, so that reading shards in
    order is already mixed.
    """
    order = new[shuffled(len(new), seed)]
    datasets = pa.array([folder.dataset for folder in scan.folders], pa.string())
    folders = pa.array([folder.folder for folder in scan.folders], pa.string())
    plans = []
    for number, start in enumerate(range(0, len(order), FILES_PER_SHARD)):
        # Taken and not sliced: a slice takes its whole table along to the other process.
        rows = scan.files.take(pa.array(order[start : start + FILES_PER_SHARD])).combine_chunks()
        columns = [datasets.take(rows["folder"]), folders.take(rows["folder"])]
        files = pa.table([*columns, *(rows[name] for name in FILE.names)], schema=PLANNED)
        plans.append(ShardPlan(first_shard + number, files, shards_folder, short_side))
    return plans


def shuffled(count: int, seed: int) -> np.ndarray:
    """0 to count - 1 in an order that depends on `seed` alone: int64 (count,).

    By sorting the generator's raw numbers, which every NumPy gives alike; its `permutation` may
    change (NEP 19).
    """
    return np.argsort(np.random.PCG64(seed).random_raw(count), kind="stable")
