"""Ingestion as a whole: scan, plan, pack, commit. In: source folders. Out: a lake, one snapshot on.

Nothing is in the catalog before every shard is complete, so an interrupted run leaves the lake as
it was, and the next one skips the shards that it had finished.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from catalog.lake import open_lake
from catalog.storage import Place, join, make_folder
from ingest.commit import Run, commit_shards, write_taxonomy
from ingest.engines import Engine, LocalProcesses
from ingest.lock import only_ingest
from ingest.needs import Needs, estimate_needs, refuse_full_disk
from ingest.pack import pack_shard
from ingest.plan import ShardPlan, plan_shards
from ingest.present import Present, compare, snapshot_of
from ingest.progress import Totals, pack_all
from ingest.scan import PassedOver, Scan, scan
from leaflake import UsageError

DEFAULT_SHORT_SIDE = 256


@dataclass(frozen=True)
class Work:
    """What an ingest is to do."""

    scan: Scan
    present: Present
    plans: tuple[ShardPlan, ...]
    needs: Needs
    durations: dict[str, float]
    """Stage -> seconds, of the stages that are done."""

    @property
    def num_files(self) -> int:
        """Files to be packed."""
        return len(self.present.new)


@dataclass(frozen=True)
class Ingested:
    """What a run did, or would do."""

    files: int
    """Files that were new or changed."""

    shards: int
    snapshot: int

    gone: int = 0
    """Files of these class folders that the lake has and the folders no longer do. They stay."""

    corrections: int = 0
    """Of an inbox, that were new, with a picture or without."""

    totals: Totals = field(default_factory=Totals, compare=False)
    """Of the shards that were packed."""

    durations: Mapping[str, float] = field(default_factory=dict, compare=False)
    """Stage (scan, plan, pack, commit) -> seconds."""

    passed_over: PassedOver = field(default_factory=PassedOver, compare=False)

    empty_folders: int = field(default=0, compare=False)
    """Class folders without a file; they are rows of `folders`."""


def ingest(
    sources: Sequence[Path],
    lake_path: Place,
    *,
    species: str | None = None,
    classes: Path | None = None,
    short_side: int | None = DEFAULT_SHORT_SIDE,
    workers: int = 1,
    seed: int = 0,
    dry_run: bool = False,
    engine: Engine | None = None,
) -> Ingested:
    """Take the pictures of `sources` that the lake does not have yet into it.

    `classes` is a file that says what each class folder shows, if that is no plant with a
    condition (ingest/classes.py). `short_side` None keeps every picture's size. Without an
    `engine`, `workers` processes of this machine pack the shards.
    Raises UsageError, before anything is written, if a source holds nothing, if `lake_path` is a
    folder of something else or lies in a source, if another ingest is at work on it, or if the
    disk is too small; and, with complete shards kept, if a worker dies or the disk fills up.
    """
    started = datetime.now(UTC).replace(tzinfo=None)
    engine = engine or LocalProcesses(workers)
    work = prepare(
        sources, lake_path, species=species, classes=classes, short_side=short_side, seed=seed
    )
    if dry_run or not (work.plans or work.present.has_news):
        if not dry_run:
            _mend_taxonomy(lake_path)
        return _ingested(work, work.present.snapshot)
    print(_announce(work, engine, lake_path), file=sys.stderr)
    refuse_full_disk(work.needs, lake_path)
    make_folder(join(lake_path, "shards"))
    with only_ingest(lake_path):
        # Another ingest may have ended since, with these very files; only under the lock the plan
        # is sure.
        if snapshot_of(lake_path) != work.present.snapshot:
            work = _plan(work.scan, lake_path, short_side, seed, work.durations)
        if not (work.plans or work.present.has_news):
            return _ingested(work, work.present.snapshot)
        with _timed(work.durations, "pack"):
            totals = pack_all(pack_shard, work.plans, engine)
        settings = {
            "short_side": short_side,
            "species": species,
            "seed": seed,
            "engine": type(engine).__name__,
            **vars(engine),  # workers, or the address of a cluster
        }
        run = Run(started, tuple(sources), settings, work.durations, totals.stored_bytes)
        done = _ingested(work, work.present.snapshot)
        sidecars = [plan.sidecar for plan in work.plans]
        found = work.scan
        folders, datasets, feedback = found.folders, found.datasets, found.feedback
        del work, found  # the catalog needs the memory that 1.47 million paths take
        pa.default_memory_pool().release_unused()
        began = time.perf_counter()
        snapshot = commit_shards(lake_path, sidecars, folders, datasets, feedback, run)
    commit_s = time.perf_counter() - began
    durations = {**done.durations, "commit": commit_s}
    return replace(done, snapshot=snapshot, totals=totals, durations=durations)


def prepare(
    sources: Sequence[Path],
    lake_path: Place,
    *,
    species: str | None = None,
    classes: Path | None = None,
    short_side: int | None = DEFAULT_SHORT_SIDE,
    seed: int = 0,
) -> Work:
    """Find out what there is to do. Writes nothing; raises what `ingest` does before it writes."""
    _refuse_lake_in_source(sources, lake_path)
    durations: dict[str, float] = {}
    with _timed(durations, "scan"):
        found = scan(sources, species, classes)
    return _plan(found, lake_path, short_side, seed, durations)


def _plan(
    found: Scan,
    lake_path: Place,
    short_side: int | None,
    seed: int,
    durations: dict[str, float],
) -> Work:
    with _timed(durations, "plan"):
        present = compare(found, lake_path)
        plans = plan_shards(
            found,
            present.new,
            shards_folder=join(lake_path, "shards"),
            first_shard=present.next_shard,
            short_side=short_side,
            seed=seed,
        )
        needs = estimate_needs(plans, lake_path)
    return Work(found, present, tuple(plans), needs, durations)


@contextmanager
def _timed(durations: dict[str, float], stage: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    durations[stage] = durations.get(stage, 0.0) + time.perf_counter() - began


def _ingested(work: Work, snapshot: int) -> Ingested:
    found = work.scan
    return Ingested(
        work.num_files,
        len(work.plans),
        snapshot,
        work.present.gone,
        work.present.corrections,
        durations=work.durations,
        passed_over=found.passed_over,
        empty_folders=sum(not folder.num_files for folder in found.folders),
    )


def _announce(work: Work, engine: Engine, lake_path: Place) -> str:
    shards = "1 shard" if len(work.plans) == 1 else f"{len(work.plans):,} shards"
    return f"ingest: {work.num_files:,} files into {shards} of {lake_path}, {engine}; {work.needs}"


def _mend_taxonomy(lake_path: Place) -> None:
    """A run that was killed right after its commit left taxonomy.json behind."""
    with open_lake(lake_path) as lake:
        write_taxonomy(lake)


def _refuse_lake_in_source(sources: Sequence[Path], lake_path: Place) -> None:
    if isinstance(lake_path, str):
        return  # a URL; sources are folders
    for source in sources:
        if lake_path.resolve().is_relative_to(source.resolve()):
            raise UsageError(
                f"{lake_path}: lies in the source {source}, so its shards would be taken for "
                "pictures. Name a lake elsewhere. Nothing was written."
            )
