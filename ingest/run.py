"""Ingestion as a whole: scan, plan, pack, commit. In: source folders. Out: a lake, one snapshot on.

Nothing is in the catalog before every shard is complete, so an interrupted run leaves the lake as
it was, and the next one skips the shards that it had finished.
"""

from __future__ import annotations

import fcntl
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from catalog.lake import CATALOG_NAME, open_lake
from ingest.commit import commit_shards
from ingest.pack import pack_shard
from ingest.plan import ShardPlan, plan_shards
from ingest.scan import ClassFolder, scan
from leaflake import UsageError

DEFAULT_SHORT_SIDE = 256

LOCK_NAME = "ingest.lock"
"""Held by the one ingest that may pack shards; two would take the same shard numbers."""


@dataclass(frozen=True)
class Ingested:
    """What a run did."""

    files: int
    """Files that were new or changed."""

    shards: int
    snapshot: int

    gone: int = 0
    """Files of these class folders that the lake has and the folders no longer do. They stay."""


@dataclass(frozen=True)
class Present:
    """What a lake has already."""

    files: frozenset[tuple[str, int, int]]
    """(path, size, mtime_ns) of every sample and rejection."""

    folders: dict[tuple[str, str], str]
    """(dataset, class folder) -> path of one of its files."""

    next_shard: int
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
    folder of something else or lies in a source, if another ingest is at work on it, or if the
    disk is too small.
    """
    started = time.time()
    _refuse_lake_in_source(sources, lake_path)
    folders = scan(list(sources), species)
    present = read_present(lake_path)
    _refuse_moved_folders(folders, present)
    gone = _count_gone(folders, present)
    plans = _plan(folders, present, lake_path, short_side, seed)
    if dry_run or not plans:
        return Ingested(_num_files(plans), len(plans), present.snapshot, gone)
    _refuse_full_disk(lake_path, plans)
    (lake_path / "shards").mkdir(parents=True, exist_ok=True)
    with _only_ingest(lake_path):
        # Another ingest may have ended since, with these very files; only under the lock the plan
        # is sure.
        present = read_present(lake_path)
        plans = _plan(folders, present, lake_path, short_side, seed)
        snapshot = present.snapshot
        if plans:
            pack_all(plans, workers)
            snapshot = commit_shards(lake_path, plans, folders, sources, started)
    return Ingested(_num_files(plans), len(plans), snapshot, gone)


def _num_files(plans: Sequence[ShardPlan]) -> int:
    return sum(len(plan.files) for plan in plans)


def pack_all(plans: Sequence[ShardPlan], workers: int) -> None:
    """Pack every shard, in `workers` processes, with a progress bar in pictures."""
    with tqdm(total=_num_files(plans), unit="picture", desc="ingest") as bar:
        if workers == 1:
            results: Iterable[int] = map(pack_shard, plans)
            for packed in results:
                bar.update(packed)
            return
        with ProcessPoolExecutor(workers) as pool:
            for packed in pool.map(pack_shard, plans):
                bar.update(packed)


def read_present(lake_path: Path) -> Present:
    """What the lake has; nothing, where there is none yet.

    Raises UsageError if `lake_path` is a file, lies below one, or is a folder of something else.
    """
    for path in (lake_path, *lake_path.absolute().parents):
        if path.exists() and not path.is_dir():
            raise UsageError(f"{path}: is a file; --lake names a folder. Nothing was written.")
    if not (lake_path / CATALOG_NAME).exists():
        ours = {"shards", LOCK_NAME}
        found = sorted(p.name for p in lake_path.iterdir()) if lake_path.is_dir() else []
        if foreign := [name for name in found if name not in ours]:
            raise UsageError(
                f"{lake_path}: not a lake, and not empty: it holds {foreign[0]!r}. "
                "Name a new folder or an existing lake. Nothing was written."
            )
        return Present(frozenset(), {}, 0, 0)
    with open_lake(lake_path) as lake:
        rows = lake.connection.execute(
            "SELECT dataset, folder, source_path, source_bytes, source_mtime_ns FROM samples UNION "
            "ALL SELECT dataset, folder, source_path, source_bytes, source_mtime_ns FROM rejections"
        ).fetchall()
        # By shards written, not only by samples that are left: a number that an older snapshot
        # reads must never be written again.
        last = lake.connection.execute(
            "SELECT greatest((SELECT max(shard) + 1 FROM samples), (SELECT sum(shards) FROM "
            "ingests), 0)"
        ).fetchone()
        assert last is not None  # a SELECT without FROM has one row
        return Present(
            files=frozenset(row[2:] for row in rows),
            folders={row[:2]: row[2] for row in rows},
            next_shard=int(last[0]),
            snapshot=lake.snapshot,
        )


def _plan(
    folders: Sequence[ClassFolder], present: Present, lake_path: Path, short_side: int, seed: int
) -> list[ShardPlan]:
    return plan_shards(
        folders,
        present.files,
        shards_folder=lake_path / "shards",
        first_shard=present.next_shard,
        short_side=short_side,
        seed=seed,
    )


@contextmanager
def _only_ingest(lake_path: Path) -> Iterator[None]:
    """Hold the lake's lock. The system drops it when the process ends, however that happens."""
    with (lake_path / LOCK_NAME).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(
                f"{lake_path}: another ingest is at work on it. Wait until it is done, and run "
                "this one again. Nothing was written."
            ) from None
        yield


def _count_gone(folders: Sequence[ClassFolder], present: Present) -> int:
    seen = {file.path for folder in folders for file in folder.files}
    roots = tuple({folder.path + "/" for folder in folders})
    return sum(path not in seen and path.startswith(roots) for path, _, _ in present.files)


def _refuse_moved_folders(folders: Sequence[ClassFolder], present: Present) -> None:
    """A second dataset of one name would get the first one's labels."""
    for folder in folders:
        known = present.folders.get((folder.dataset, folder.folder))
        if known and not known.startswith(folder.path + "/"):
            raise UsageError(
                f"{folder.path}: the lake has a folder {folder.folder!r} of a dataset "
                f"{folder.dataset!r} from elsewhere ({known}). Rename the folder of one of the two "
                "datasets, so that they can be told apart. Nothing was written."
            )


def _refuse_lake_in_source(sources: Sequence[Path], lake_path: Path) -> None:
    for source in sources:
        if lake_path.resolve().is_relative_to(source.resolve()):
            raise UsageError(
                f"{lake_path}: lies in the source {source}, so its shards would be taken for "
                "pictures. Name a lake elsewhere. Nothing was written."
            )


def _refuse_full_disk(lake_path: Path, plans: Sequence[ShardPlan]) -> None:
    needed = sum(
        # Scaled down, a picture takes less than a byte a pixel, and is seldom wider than 2:1.
        min(planned.file.size, 2 * plan.short_side**2)
        for plan in plans
        for planned in plan.files
    )
    parent = next(p for p in [lake_path, *lake_path.resolve().parents] if p.exists())
    free = shutil.disk_usage(parent).free
    if needed > free:
        raise UsageError(
            f"{lake_path}: needs up to {needed / 1e9:.1f} GB, but {free / 1e9:.1f} GB are free "
            "there. Make room or name another disk. Nothing was written."
        )
