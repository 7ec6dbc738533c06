"""Pack one shard. In: a ShardPlan. Out: its tar and, last, its sidecar: one row a planned file."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from catalog.storage import delete, size_of
from ingest.check import Checked, check_file
from ingest.plan import ShardPlan
from shards.decode import DecodeError
from shards.format import ShardWriter, read_sidecar, sidecar_plan_id, write_sidecar

ROW = pa.schema(
    [
        ("key", pa.string()),
        ("dataset", pa.string()),
        ("folder", pa.string()),
        ("source_path", pa.string()),
        ("shard", pa.int32()),
        ("offset", pa.int64()),
        ("length", pa.int64()),
        ("sha256", pa.string()),
        ("phash", pa.uint64()),
        ("layout", pa.binary()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("original_width", pa.int32()),
        ("original_height", pa.int32()),
        ("format", pa.string()),
        ("mode", pa.string()),
        ("orientation", pa.int32()),
        ("sharpness", pa.float64()),
        ("brightness", pa.float64()),
        ("captured", pa.timestamp("us")),
        ("saturation", pa.float64()),
        ("entropy", pa.float64()),
        ("source_bytes", pa.int64()),
        ("source_mtime_ns", pa.int64()),
        ("reason", pa.string()),
        ("detail", pa.string()),
    ]
)
"""A sidecar's columns. `reason` is null for a sample; for a rejection all but the origin is."""

READ_AHEAD = 32
"""Files. Shuffled files are the worst for a disk; knowing them early, it read 23,000 small ones a
second instead of 11,000, and cached ones cost a fifth more (2026-11-22)."""

_ORIGIN = {
    "dataset": "dataset",
    "folder": "folder",
    "source_path": "path",
    "source_bytes": "size",
    "source_mtime_ns": "mtime_ns",
}
"""Columns that a sidecar takes from the plan, and what they are called there."""


@dataclass(frozen=True)
class Packed:
    """A complete shard."""

    shard: int
    files: int
    samples: int

    rejections: Mapping[str, int]
    """Reason -> files."""

    source_bytes: int
    """Of all its source files."""

    stored_bytes: int
    """Of its tar."""

    was_complete: bool
    """An interrupted run had packed it."""


def pack_shard(plan: ShardPlan) -> Packed:
    """Write one shard, unless its sidecar says that this very plan is done."""
    plan_id = plan.plan_id
    if sidecar_plan_id(plan.sidecar) == plan_id:
        return _packed(plan, read_sidecar(plan.sidecar, ["reason", "source_bytes"]), True)
    delete(plan.sidecar)  # of another plan; must not vouch for the new tar
    writer = ShardWriter(plan.tar)
    rows = [_pack_file(writer, plan, index, *origin) for index, origin in enumerate(_origins(plan))]
    writer.close()
    columns = [
        plan.files[_ORIGIN[field.name]].combine_chunks()
        if field.name in _ORIGIN
        else pa.array([row.get(field.name) for row in rows], field.type)
        for field in ROW
    ]
    table = pa.table(columns, schema=ROW)
    write_sidecar(plan.sidecar, table, plan_id)
    return _packed(plan, table, False)


def _packed(plan: ShardPlan, sidecar: pa.Table, was_complete: bool) -> Packed:
    reasons = sidecar["reason"].drop_null()
    counts = {pair["values"]: pair["counts"] for pair in reasons.value_counts().to_pylist()}
    return Packed(
        shard=plan.shard,
        files=sidecar.num_rows,
        samples=sidecar.num_rows - len(reasons),
        rejections=dict(sorted(counts.items())),
        source_bytes=pc.sum(sidecar["source_bytes"], min_count=0).as_py(),
        stored_bytes=size_of(plan.tar),
        was_complete=was_complete,
    )


def _origins(plan: ShardPlan) -> Iterator[tuple[str, str, str]]:
    """(dataset, folder, path) of every file; the disk is asked for files further on meanwhile."""
    datasets, folders, paths = (
        plan.files[name].to_pylist() for name in ("dataset", "folder", "path")
    )
    for index, origin in enumerate(zip(datasets, folders, paths, strict=True)):
        if index + READ_AHEAD < len(paths):
            _ask_for(paths[index + READ_AHEAD])
        yield origin


def _ask_for(path: str) -> None:
    """Let the system read a file into its cache; it does so while we decode another."""
    if not hasattr(os, "posix_fadvise"):  # not on a Mac
        return
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe must not make us wait
    except OSError:
        return  # its turn will come, and then the reason is given
    with contextlib.suppress(OSError):  # a pipe has nothing to be read ahead
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_WILLNEED)
    os.close(file)


def _pack_file(
    writer: ShardWriter, plan: ShardPlan, index: int, dataset: str, folder: str, path: str
) -> dict[str, Any]:
    """Judge one file and append it. Returns what ROW has of it besides its origin."""
    try:
        checked = check_file(path, plan.short_side)
    except DecodeError as error:
        return {"reason": error.reason, "detail": error.detail}
    key = f"{plan.shard:06d}-{index:05d}"
    source = {"dataset": dataset, "folder": folder, "path": path, "sha256": checked.sha256}
    offset, length = writer.add(key, checked.jpeg, source)
    place = {"key": key, "shard": plan.shard, "offset": offset, "length": length}
    return {**place, **_description(checked)}


def _description(checked: Checked) -> dict[str, Any]:
    header = checked.header
    return {
        "sha256": checked.sha256,
        "width": checked.width,
        "height": checked.height,
        "original_width": header.width,
        "original_height": header.height,
        "format": header.format,
        "mode": header.mode,
        "orientation": header.orientation,
        "captured": header.captured,
        **vars(checked.appearance),  # asdict copies every number, which takes 4 % of all the time
    }
