"""Compare a scan with what a lake has. In: a Scan and a lake. Out: Present: what is new, and gone.

All by joins in DuckDB, so that 1.47 million known files are never Python objects.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass

import duckdb
import numpy as np
import pyarrow as pa

from catalog.database import find_database
from catalog.lake import open_lake, refuse_read_only
from catalog.storage import Place
from ingest.lock import LOCK_NAME
from ingest.scan import Scan
from leaflake import UsageError
from shards.inbox_tar import FOLDER_NAME

_HAD = """(SELECT dataset, folder, source_path, source_bytes, source_mtime_ns FROM samples UNION ALL
SELECT dataset, folder, source_path, source_bytes, source_mtime_ns FROM rejections) AS had"""


@dataclass(frozen=True)
class Present:
    """What a lake has of a scan."""

    new: np.ndarray
    """int64 (N,), sorted positions in scan.files of files that are new or changed."""

    gone: int
    """Files of the scan's class folders that the lake has and the folders no longer do."""

    has_news: bool
    """A class folder or a correction is new, or a source says something new of a dataset."""

    next_shard: int

    snapshot: int
    """0 where there is no lake yet."""

    corrections: int = 0
    """New ones, of inboxes, with pictures and without."""


def compare(scan: Scan, lake_path: Place) -> Present:
    """What the lake lacks of `scan`; everything, where there is no lake yet.

    Raises UsageError if `lake_path` is a file, lies below one, is a folder of something else or
    can't be written to, or if it has one of the class folders from elsewhere.
    """
    _refuse_no_lake(lake_path)
    everything = Present(
        np.arange(scan.files.num_rows), 0, True, 0, 0, corrections=scan.feedback.num_rows
    )
    if find_database(lake_path) is None:
        return everything
    with open_lake(lake_path) as lake:
        if not lake.has_tables:
            return everything
        connection = lake.connection
        positions = pa.array(np.arange(scan.files.num_rows))
        connection.register("scanned", scan.files.append_column("position", positions))
        connection.register("scanned_folders", _folder_table(scan))
        _refuse_moved_folders(connection)
        _refuse_other_labels(connection, scan)
        corrections = _count_corrections(connection, scan)
        return Present(
            new=_new_files(connection),
            gone=_count_gone(connection),
            has_news=corrections > 0 or _has_news(connection, scan),
            next_shard=_next_shard(connection),
            snapshot=lake.snapshot,
            corrections=corrections,
        )


def snapshot_of(lake_path: Place) -> int:
    """The lake's newest snapshot; 0 where there is no lake yet."""
    if find_database(lake_path) is None:
        return 0
    with open_lake(lake_path) as lake:
        return lake.snapshot if lake.has_tables else 0


def _folder_table(scan: Scan) -> pa.Table:
    names = ("dataset", "folder", "path")
    columns = [[getattr(folder, name) for folder in scan.folders] for name in names]
    return pa.table([pa.array(column, pa.string()) for column in columns], names=list(names))


def _new_files(connection: duckdb.DuckDBPyConnection) -> np.ndarray:
    rows = connection.execute(
        f"SELECT position FROM scanned ANTI JOIN {_HAD} ON path = source_path "
        "AND size = source_bytes AND mtime_ns = source_mtime_ns ORDER BY position"
    ).fetchnumpy()
    return np.asarray(rows["position"], dtype=np.int64)


def _count_gone(connection: duckdb.DuckDBPyConnection) -> int:
    row = connection.execute(
        f"SELECT count(*) FROM (FROM {_HAD} SEMI JOIN scanned_folders USING (dataset, folder)) "
        "AS ours ANTI JOIN scanned ON path = source_path"
    ).fetchone()
    assert row is not None  # counting always gives one row
    return int(row[0])


def _count_corrections(connection: duckdb.DuckDBPyConnection, scan: Scan) -> int:
    """Of the scan's corrections, those that the lake does not have."""
    if not scan.feedback.num_rows:
        return 0
    connection.register("given", scan.feedback)
    row = connection.execute(
        "SELECT count(DISTINCT feedback_id) FROM given ANTI JOIN feedback USING (feedback_id)"
    ).fetchone()
    assert row is not None  # counting always gives one row
    return int(row[0])


def _has_news(connection: duckdb.DuckDBPyConnection, scan: Scan) -> bool:
    row = connection.execute(
        "SELECT count(*) FROM scanned_folders ANTI JOIN folders USING (dataset, folder)"
    ).fetchone()
    assert row is not None  # counting always gives one row
    said = connection.execute("SELECT dataset, path, species, shots FROM datasets").fetchall()
    return row[0] > 0 or not {astuple(dataset) for dataset in scan.datasets} <= set(said)


def _next_shard(connection: duckdb.DuckDBPyConnection) -> int:
    # By shards written, not only by samples that are left: a number that an older snapshot reads
    # must never be written again.
    row = connection.execute(
        "SELECT greatest((SELECT max(shard) + 1 FROM samples), (SELECT sum(shards) FROM ingests), "
        "0)"
    ).fetchone()
    assert row is not None  # a SELECT without FROM has one row
    return int(row[0])


def _refuse_moved_folders(connection: duckdb.DuckDBPyConnection) -> None:
    """A second dataset of one name would get the first one's labels."""
    row = connection.execute(
        "SELECT path, dataset, folder, min(source_path) AS known FROM scanned_folders "
        f"JOIN {_HAD} USING (dataset, folder) WHERE NOT starts_with(source_path, path || '/') "
        "GROUP BY ALL ORDER BY ALL LIMIT 1"
    ).fetchone()
    if row:
        path, dataset, folder, known = row
        raise UsageError(
            f"{path}: the lake has a folder {folder!r} of a dataset {dataset!r} from elsewhere "
            f"({known}). Rename the folder of one of the two datasets, so that they can be told "
            "apart. Nothing was written."
        )


def _refuse_other_labels(connection: duckdb.DuckDBPyConnection, scan: Scan) -> None:
    """A folder's label stands once it is in the lake, so that another one would be passed over.

    The labels of an inbox, whose folders have a stroke in their names, may have been mended.
    """
    said = {
        (one.dataset, one.folder): one.label[0]
        for one in scan.folders
        if one.label and "/" not in one.folder
    }
    if not said:
        return
    query = "SELECT dataset, folder, species FROM folders ORDER BY ALL"
    for dataset, folder, species in connection.execute(query).fetchall():
        now = said.get((dataset, folder), species)
        if now != species:
            raise UsageError(
                f"the folder {folder!r} of {dataset!r} is {species or 'without a label'} in the "
                f"lake, and {now} in the file of classes. "
                "Relabel it there first, in `folders` for pictures to come and in `samples` for "
                "those that are there (leaflake sql, UPDATE). Nothing was written."
            )


def _refuse_no_lake(lake_path: Place) -> None:
    refuse_read_only(lake_path)
    if isinstance(lake_path, str):
        return  # an object store has no folders
    for path in (lake_path, *lake_path.absolute().parents):
        if path.exists() and not path.is_dir():
            raise UsageError(f"{path}: is a file; --lake names a folder. Nothing was written.")
    if find_database(lake_path) or not lake_path.is_dir():
        return
    ours = {"shards", LOCK_NAME, FOLDER_NAME}
    found = sorted(path.name for path in lake_path.iterdir())
    if foreign := [name for name in found if name not in ours]:
        raise UsageError(
            f"{lake_path}: not a lake, and not empty: it holds {foreign[0]!r}. "
            "Name a new folder or an existing lake. Nothing was written."
        )
