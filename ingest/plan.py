"""Decide which file goes into which shard. In: class folders. Out: ShardPlans, each one a piece
of work that knows everything it needs.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Sequence, Set
from dataclasses import asdict, dataclass
from pathlib import Path

from ingest.scan import ClassFolder, SourceFile

FILES_PER_SHARD = 1_000
"""At 256 pixels about 20 MB: large enough to read in one go, small enough to spread the work."""


@dataclass(frozen=True)
class PlannedFile:
    """One file and the class folder that it was found in."""

    dataset: str
    folder: str
    file: SourceFile


@dataclass(frozen=True)
class ShardPlan:
    """One shard to be packed."""

    shard: int
    files: tuple[PlannedFile, ...]
    folder: Path
    """The lake's shards/ folder."""

    short_side: int
    """Pictures with a longer short side are scaled down to it."""

    @property
    def tar(self) -> Path:
        """The shard's tar."""
        return self.folder / f"{self.shard:06d}.tar"

    @property
    def sidecar(self) -> Path:
        """The shard's Parquet sidecar."""
        return self.folder / f"{self.shard:06d}.parquet"

    @property
    def plan_id(self) -> str:
        """Hash of all that the shard's bytes depend on."""
        content = [self.short_side, [asdict(file) for file in self.files]]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def plan_shards(
    folders: Sequence[ClassFolder],
    known: Set[tuple[str, int, int]],
    *,
    shards_folder: Path,
    first_shard: int,
    short_side: int,
    seed: int,
) -> list[ShardPlan]:
    """Spread the files that are not `known` (path, size, mtime_ns) over shards, mixed by `seed`.

    Every shard gets a sample of all classes, so that reading shards in order is already mixed.
    """
    files = [
        PlannedFile(folder.dataset, folder.folder, file)
        for folder in folders
        for file in folder.files
        if (file.path, file.size, file.mtime_ns) not in known
    ]
    random.Random(seed).shuffle(files)
    return [
        ShardPlan(
            shard=first_shard + number,
            files=tuple(files[start : start + FILES_PER_SHARD]),
            folder=shards_folder,
            short_side=short_side,
        )
        for number, start in enumerate(range(0, len(files), FILES_PER_SHARD))
    ]
