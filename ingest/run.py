"""Ingestion as a whole: scan, plan, pack, commit. In: source folders. Out: a lake, one snapshot on.

Nothing is in the catalog before every shard is complete, so an interrupted run leaves the lake as
it was, and the next one skips the shards that it had finished.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import duckdb
from tqdm import tqdm

from catalog.labels import read_folder_name
from catalog.lake import Lake, create_lake, open_lake
from catalog.organise import label_tree, organise
from ingest.pack import pack_shard
from ingest.plan import ShardPlan, plan_shards
from ingest.scan import ClassFolder, printable, scan
from leaflake import UsageError

DEFAULT_SHORT_SIDE = 256


@dataclass(frozen=True)
class Ingested:
    """What a run did."""

    files: int
    """Files that were new or changed."""

    shards: int
    snapshot: int


def ingest(
    sources: Sequence[Path],
    lake_path: Path,
    *,
    species: str | None = None,
    short_side: int = DEFAULT_SHORT_SIDE,
    workers: int = 1,
    seed: int = 0,
    dry_run: bool = False,
) -> Ingested:
    """Take the pictures of `sources` that the lake does not have yet into it.

    Raises UsageError, before anything is written, if a source holds nothing, if `lake_path` is a
    folder of something else, or if the disk is too small.
    """
    started = time.time()
    _refuse_lake_in_source(sources, lake_path)
    folders = scan(list(sources), species)
    known, first_shard, snapshot = _present_state(lake_path)
    plans = plan_shards(
        folders,
        known,
        shards_folder=lake_path / "shards",
        first_shard=first_shard,
        short_side=short_side,
        seed=seed,
    )
    files = sum(len(plan.files) for plan in plans)
    if dry_run or not plans:
        return Ingested(files, len(plans), snapshot)
    _refuse_full_disk(lake_path, plans)
    readings = [_reading_row(folder) for folder in folders]
    (lake_path / "shards").mkdir(parents=True, exist_ok=True)
    pack_all(plans, workers)
    with create_lake(lake_path) as lake:
        with lake.commit(f"ingest of {files:,} files") as connection:
            _insert(connection, plans, readings)
            organise(connection)
            _record_run(connection, started, sources, plans)
        _write_taxonomy(lake)
        return Ingested(files, len(plans), lake.snapshot)


def pack_all(plans: Sequence[ShardPlan], workers: int) -> None:
    """Pack every shard, in `workers` processes, with a progress bar in pictures."""
    total = sum(len(plan.files) for plan in plans)
    with tqdm(total=total, unit="picture", desc="ingest") as bar:
        if workers == 1:
            results: Iterable[int] = map(pack_shard, plans)
            for packed in results:
                bar.update(packed)
            return
        with ProcessPoolExecutor(workers) as pool:
            for packed in pool.map(pack_shard, plans):
                bar.update(packed)


def _refuse_lake_in_source(sources: Sequence[Path], lake_path: Path) -> None:
    for source in sources:
        if lake_path.resolve().is_relative_to(source.resolve()):
            raise UsageError(
                f"{lake_path}: lies in the source {source}, so its shards would be taken for "
                "pictures. Name a lake elsewhere. Nothing was written."
            )


def _present_state(lake_path: Path) -> tuple[set[tuple[str, int, int]], int, int]:
    """Known (path, size, mtime_ns), the next free shard number, and the snapshot."""
    if lake_path.is_file():
        raise UsageError(f"{lake_path}: is a file; --lake names a folder. Nothing was written.")
    if lake_path.is_dir() and not (lake_path / "catalog.ducklake").exists():
        foreign = sorted(p.name for p in lake_path.iterdir() if p.name != "shards")
        if foreign:
            raise UsageError(
                f"{lake_path}: not a lake, and not empty: it holds {foreign[0]!r}. "
                "Name a new folder or an existing lake. Nothing was written."
            )
    if not (lake_path / "catalog.ducklake").exists():
        return set(), 0, 0
    with open_lake(lake_path) as lake:
        rows = lake.connection.execute(
            "SELECT source_path, source_bytes, source_mtime_ns FROM samples "
            "UNION ALL SELECT source_path, source_bytes, source_mtime_ns FROM rejections"
        ).fetchall()
        # By shards written, not only by samples that are left: a number that an older snapshot
        # reads must never be written again.
        row = lake.connection.execute(
            "SELECT greatest((SELECT max(shard) + 1 FROM samples), (SELECT sum(shards) FROM "
            "ingests), 0)"
        ).fetchone()
        assert row is not None
        return set(rows), int(row[0]), lake.snapshot


def _refuse_full_disk(lake_path: Path, plans: Sequence[ShardPlan]) -> None:
    needed = sum(planned.file.size for plan in plans for planned in plan.files)
    parent = next(p for p in [lake_path, *lake_path.resolve().parents] if p.exists())
    free = shutil.disk_usage(parent).free
    if needed > free:
        raise UsageError(
            f"{lake_path}: needs up to {needed / 1e9:.1f} GB, but {free / 1e9:.1f} GB are free "
            "there. Make room or name another disk. Nothing was written."
        )


def _insert(
    connection: duckdb.DuckDBPyConnection,
    plans: Sequence[ShardPlan],
    readings: Sequence[tuple[object, ...]],
) -> None:
    """Rows of the sidecars and folders; a changed file's new row supersedes the old one."""
    sidecars = [str(plan.sidecar) for plan in plans]
    connection.execute("CREATE OR REPLACE TEMP TABLE packed AS FROM read_parquet(?)", [sidecars])
    for table in ("samples", "rejections"):
        connection.execute(
            f"DELETE FROM {table} WHERE source_path IN (SELECT source_path FROM packed)"
        )
    connection.execute(
        "INSERT INTO samples BY NAME "
        "SELECT * EXCLUDE (reason, detail) FROM packed WHERE reason IS NULL"
    )
    connection.execute(
        "INSERT INTO rejections BY NAME SELECT dataset, folder, source_path, reason, detail, "
        "source_bytes, source_mtime_ns FROM packed WHERE reason IS NOT NULL"
    )
    # A folder that was read before keeps its reading: a person may have mended it.
    present = set(connection.execute("SELECT dataset, folder FROM folders").fetchall())
    fresh = [row for row in readings if row[:2] not in present]
    if fresh:
        connection.executemany("INSERT INTO folders VALUES (?, ?, ?, ?, ?, ?, ?, ?)", fresh)
    connection.execute(
        'UPDATE samples SET species = folders.species, "condition" = folders."condition" '
        "FROM folders WHERE samples.dataset = folders.dataset AND samples.folder = folders.folder "
        "AND samples.source_path IN (SELECT source_path FROM packed)"
    )


def _reading_row(folder: ClassFolder) -> tuple[object, ...]:
    reading = read_folder_name(folder.folder, folder.species_hint)
    return (
        folder.dataset,
        folder.folder,
        reading.species,
        reading.condition,
        reading.rule,
        reading.confidence,
        reading.sure,
        json.dumps(reading.candidates),
    )


def _record_run(
    connection: duckdb.DuckDBPyConnection,
    started: float,
    sources: Sequence[Path],
    plans: Sequence[ShardPlan],
) -> None:
    counts = connection.execute(
        "SELECT count(*), count(*) FILTER (reason IS NULL), count(reason) FROM packed"
    ).fetchone()
    assert counts is not None
    connection.execute(
        "INSERT INTO ingests VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            datetime.fromtimestamp(started, UTC).replace(tzinfo=None),
            time.time() - started,
            ", ".join(printable(str(source.resolve())) for source in sources),
            *counts,
            len(plans),
            version("leaflake"),
        ],
    )


def _write_taxonomy(lake: Lake) -> None:
    """taxonomy.json: the label tree as of the newest snapshot, for people without SQL."""
    text = json.dumps(label_tree(lake.connection).to_json(), indent=1, ensure_ascii=False)
    temporary = lake.path / "taxonomy.json.tmp"
    temporary.write_text(text + "\n", encoding="utf-8")
    temporary.rename(lake.path / "taxonomy.json")
