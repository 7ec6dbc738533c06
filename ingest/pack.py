"""Pack one shard. In: a ShardPlan. Out: its tar and, last, its sidecar: one row a planned file."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pyarrow as pa

from ingest.check import Checked, check_file
from ingest.plan import PlannedFile, ShardPlan
from shards.decode import DecodeError
from shards.format import ShardWriter, sidecar_plan_id, write_sidecar

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
        ("source_bytes", pa.int64()),
        ("source_mtime_ns", pa.int64()),
        ("reason", pa.string()),
        ("detail", pa.string()),
    ]
)
"""A sidecar's columns. `reason` is null for a sample; for a rejection all but the origin is."""


def pack_shard(plan: ShardPlan) -> int:
    """Write one shard, unless its sidecar says that this very plan is done. Returns its files."""
    if sidecar_plan_id(plan.sidecar) == plan.plan_id:
        return len(plan.files)
    plan.sidecar.unlink(missing_ok=True)  # of another plan; must not vouch for the new tar
    writer = ShardWriter(plan.tar)
    rows = [_pack_file(writer, plan, index) for index in range(len(plan.files))]
    writer.close()
    write_sidecar(plan.sidecar, pa.Table.from_pylist(rows, schema=ROW), plan.plan_id)
    return len(rows)


def _pack_file(writer: ShardWriter, plan: ShardPlan, index: int) -> dict[str, Any]:
    planned = plan.files[index]
    origin = _origin(planned)
    try:
        checked = check_file(planned.file.path, plan.short_side)
    except DecodeError as error:
        return {**origin, "reason": error.reason, "detail": error.detail}
    key = f"{plan.shard:06d}-{index:05d}"
    source = {"dataset": planned.dataset, "folder": planned.folder, "path": planned.file.path}
    offset, length = writer.add(key, checked.jpeg, {**source, "sha256": checked.sha256})
    place = {"key": key, "shard": plan.shard, "offset": offset, "length": length}
    return {**origin, **place, **_description(checked)}


def _origin(planned: PlannedFile) -> dict[str, Any]:
    return {
        "dataset": planned.dataset,
        "folder": planned.folder,
        "source_path": planned.file.path,
        "source_bytes": planned.file.size,
        "source_mtime_ns": planned.file.mtime_ns,
    }


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
        **asdict(checked.appearance),
    }
