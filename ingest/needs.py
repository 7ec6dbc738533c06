"""How much disk an ingest needs, and whether it is there. In: shard plans. Out: Needs."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from catalog.storage import Place, list_sizes, name_of
from ingest.plan import ShardPlan
from leaflake import UsageError

BYTES_PER_SQUARE = 0.75
"""Of a picture that is scaled down, per squared pixel of short side: 2,085 photographs of leaves
took 0.41, those of 4:3 hold a third more, and a third is for safety (256 pixels, 2026-11-22)."""

BYTES_PER_FILE = 3_000
"""Besides the picture: two tar headers, two paddings, its JSON, its rows in sidecar and catalog."""


@dataclass(frozen=True)
class Needs:
    """What an ingest reads and writes, in bytes."""

    source_bytes: int
    disk_bytes: int
    """An estimate: nobody knows before a picture is decoded whether it is scaled down."""

    free_bytes: int | None
    """On the lake's disk; None in an object store, which has no end."""

    def __str__(self) -> str:
        free = "" if self.free_bytes is None else f", {show_bytes(self.free_bytes)} are free"
        needs = show_bytes(self.disk_bytes)
        return f"reads {show_bytes(self.source_bytes)}, needs about {needs}{free}"


def estimate_needs(plans: Sequence[ShardPlan], lake_path: Place) -> Needs:
    """What these plans read, and what the lake grows by; shards that an interrupted run completed
    are there already."""
    source_bytes = disk_bytes = 0.0
    there = list_sizes(plans[0].folder) if plans else {}
    for plan in plans:
        if name_of(plan.sidecar) in there:
            continue
        sizes = plan.files["size"].to_numpy()
        most = np.inf if plan.short_side is None else BYTES_PER_SQUARE * plan.short_side**2
        source_bytes += sizes.sum()
        disk_bytes += np.minimum(sizes, most).sum() + BYTES_PER_FILE * len(sizes)
    free_bytes = None
    if isinstance(lake_path, Path):
        parent = next(p for p in [lake_path, *lake_path.resolve().parents] if p.exists())
        free_bytes = shutil.disk_usage(parent).free
    return Needs(int(source_bytes), int(disk_bytes), free_bytes)


def refuse_full_disk(needs: Needs, lake_path: Place) -> None:
    """Raise UsageError if the disk is too small."""
    if needs.free_bytes is not None and needs.disk_bytes > needs.free_bytes:
        raise UsageError(
            f"{lake_path}: needs about {show_bytes(needs.disk_bytes)}, but "
            f"{show_bytes(needs.free_bytes)} are free there. Make room, name another disk, or "
            "choose a smaller --short-side. Nothing was written."
        )


def show_bytes(count: float) -> str:
    """1,234,567 -> "1.2 MB"."""
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count:.0f} bytes"
