"""Make packed shards part of the catalog: one transaction, one snapshot. In: complete sidecars."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import duckdb

from catalog.labels import read_folder_name
from catalog.lake import create_lake
from catalog.organise import label_tree, organise
from ingest.plan import ShardPlan
from ingest.scan import ClassFolder

MIN_CONFIDENCE = 0.7
"""Below it a folder's reading is a guess: its pictures stay without a label, and the folder is in
label_review."""


def commit_shards(
    lake_path: Path,
    plans: Sequence[ShardPlan],
    folders: Sequence[ClassFolder],
    sources: Sequence[Path],
    started: float,
) -> int:
    """Add the shards' rows, label, group and split them. Returns the new snapshot's number."""
    files = sum(len(plan.files) for plan in plans)
    with create_lake(lake_path) as lake:
        with lake.commit(f"ingest of {files:,} files") as connection:
            _insert_rows(connection, plans)
            _insert_folders(connection, folders)
            _label(connection)
            organise(connection)
            tree = label_tree(connection)
            _record_run(connection, started, sources, plans)
        # For people without SQL: the label tree as of the newest snapshot.
        text = json.dumps(tree.to_json(), indent=1, ensure_ascii=False)
        temporary = lake_path / "taxonomy.json.tmp"
        temporary.write_text(text + "\n", encoding="utf-8")
        temporary.rename(lake_path / "taxonomy.json")
        return lake.snapshot


def _insert_rows(connection: duckdb.DuckDBPyConnection, plans: Sequence[ShardPlan]) -> None:
    """Samples and rejections of the sidecars; a changed file's new row supersedes the old one."""
    sidecars = [str(plan.sidecar) for plan in plans]
    connection.execute("CREATE OR REPLACE TEMP TABLE packed AS FROM read_parquet(?)", [sidecars])
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE superseded AS "
        'SELECT source_path, sha256, species, "condition", split, group_id FROM samples '
        "WHERE source_path IN (SELECT source_path FROM packed)"
    )
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


def _insert_folders(connection: duckdb.DuckDBPyConnection, folders: Sequence[ClassFolder]) -> None:
    """One row a new class folder. One that is there keeps its row: somebody may have mended it."""
    present = set(connection.execute("SELECT dataset, folder FROM folders").fetchall())
    rows = []
    for folder in folders:
        if (folder.dataset, folder.folder) not in present:
            reading = read_folder_name(folder.folder, folder.species_hint)
            label = (reading.species, reading.condition, reading.rule)
            certainty = (reading.confidence, reading.sure, json.dumps(reading.candidates))
            rows.append((folder.dataset, folder.folder, *label, *certainty))
    if rows:
        connection.executemany("INSERT INTO folders VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)


def _label(connection: duckdb.DuckDBPyConnection) -> None:
    """Label new samples by their folder; a file that was only touched keeps what it had."""
    connection.execute(
        'UPDATE samples SET species = folders.species, "condition" = folders."condition" '
        "FROM folders WHERE samples.dataset = folders.dataset AND samples.folder = folders.folder "
        "AND folders.confidence >= ? "
        "AND samples.source_path IN (SELECT source_path FROM packed)",
        [MIN_CONFIDENCE],
    )
    connection.execute(
        'UPDATE samples SET species = superseded.species, "condition" = superseded."condition", '
        "split = superseded.split, group_id = superseded.group_id FROM superseded "
        "WHERE samples.source_path = superseded.source_path "
        "AND samples.sha256 = superseded.sha256"
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
    assert counts is not None  # counting always gives one row
    connection.execute(
        "INSERT INTO ingests VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            datetime.fromtimestamp(started, UTC).replace(tzinfo=None),
            time.time() - started,
            ", ".join(str(source.resolve()) for source in sources),
            *counts,
            len(plans),
            version("leaflake"),
        ],
    )
