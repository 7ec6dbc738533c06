"""Find the shots of one leaf by appearance. In: a lake. Out: rows of `links`, groups, one snapshot.

First the features of every picture that has none yet, shard by shard; then the pairs of every class
that came since the last time; last one transaction. Both pieces of work are kept as they are
completed, so an interrupted run goes on where it was.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from itertools import groupby
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from catalog.lake import Lake, open_lake
from catalog.name_order import NameKey, natural_key
from catalog.organise import organise
from catalog.storage import Place, as_place, publish
from ingest.leaf_order import count_neighbours
from ingest.leaf_store import (
    ShardPictures,
    describe_shard,
    feature_file,
    is_described,
    row_of,
)
from ingest.leaf_workers import map_tasks
from ingest.same_leaf import LINKS, LeafClass, find_links
from leaflake import UsageError

LARGEST_CLASS = 10_000
"""Pictures. Larger ones are cut into pieces in file order, each compared within itself: a piece
takes half a gigabyte."""


_Place = tuple[str, str, NameKey, str]
"""Dataset, folder, the name's sort key, path."""


@dataclass(frozen=True)
class Grouped:
    """What a run did."""

    pictures: int
    """Pictures that the run was about."""

    described: int
    """Of which the features were computed now."""

    compared: int
    """Pictures in classes that had something new."""

    links: int
    """Pairs that were not in the lake yet."""

    snapshot: int
    seconds: float


@dataclass(frozen=True)
class Picture:
    """One sample, as far as comparing goes."""

    key: str
    dataset: str
    folder: str
    source_path: str
    label: str
    """What it is compared within: its class, or without one its folder."""

    is_new: bool


def group(
    lake_path: Place,
    *,
    where: str | None = None,
    workers: int = 1,
    features: Path | None = None,
    new_splits: bool = False,
) -> Grouped:
    """Link the pictures that show one leaf, and bring groups and splits up to date.

    `where` is a SQL condition on samples: only these are looked at, and all of them anew.
    `new_splits` forgets the splits that were given: every group gets one anew.
    `features` is the folder for what was computed of each picture, by default LAKE/features.
    Raises UsageError, with the lake as it was, if DuckDB cannot make sense of `where`, a shard is
    missing, or the lake is in an object store and no folder is named.
    """
    started = time.monotonic()
    folder = feature_folder(lake_path, features)
    with open_lake(lake_path) as lake:
        pictures, shards = read_pictures(lake, where, folder)
        snapshot = lake.snapshot
    folder.mkdir(parents=True, exist_ok=True)
    described = _describe_all(shards, workers)
    classes = make_classes(pictures, folder)
    found = _link_all(classes, workers)
    links = 0
    if classes or new_splits:
        with open_lake(lake_path, read_only=False) as lake:
            marked = [] if where is not None else [one.shard for one in shards]
            links = lake.change(
                f"links between {len(pictures):,} pictures by appearance",
                lambda connection: _write(connection, found, marked, new_splits),
            )
            snapshot = lake.snapshot
    for leaf_class in classes:
        _found_file(leaf_class).unlink(missing_ok=True)
    return Grouped(
        pictures=len(pictures),
        described=described,
        compared=sum(len(one.keys) for one in classes),
        links=links,
        snapshot=snapshot,
        seconds=time.monotonic() - started,
    )


def feature_folder(lake_path: Place, features: Path | None) -> Path:
    place = as_place(lake_path)
    if features is None and not isinstance(place, Path):
        raise UsageError(
            f"{lake_path}: is in an object store, but the features of its pictures are kept on "
            "this machine. Name a folder for them: --features DIR. Nothing was written."
        )
    return features or Path(place) / "features"


def read_pictures(
    lake: Lake, where: str | None, folder: Path
) -> tuple[list[Picture], list[ShardPictures]]:
    """The pictures to look at, and the shards that hold them, both in the order of the shards."""
    try:
        rows = lake.connection.execute(
            'SELECT "key", dataset, folder, source_path, shard, "offset", length, '
            "coalesce(species || '/' || \"condition\", dataset || '//' || folder), "
            "shard NOT IN (SELECT shard FROM compared_shards) FROM samples "
            f'WHERE ({where or "true"}\n) ORDER BY shard, "offset"'
        ).fetchall()
    except duckdb.Error as error:
        raise UsageError(
            f"--where {where!r}: {str(error).splitlines()[0]}. Nothing was written."
        ) from None
    pictures = [
        Picture(
            key=row[0],
            dataset=row[1],
            folder=row[2],
            source_path=row[3],
            label=row[7],
            is_new=row[8] or where is not None,
        )
        for row in rows
    ]
    shards = []
    for shard, members in groupby(rows, key=lambda row: row[4]):
        held = list(members)
        shards.append(
            ShardPictures(
                shard=shard,
                tar=lake.shard_path(shard),
                file=feature_file(folder, shard),
                rows=tuple(row_of(row[0])[1] for row in held),
                ranges=tuple((row[5], row[6]) for row in held),
            )
        )
    return pictures, shards


def _describe_all(shards: Sequence[ShardPictures], workers: int) -> int:
    """Compute the features that are missing. Returns the number of pictures."""
    missing = [one for one in shards if not is_described(one)]
    total = sum(len(one.rows) for one in missing)
    with tqdm(total=total, unit="picture", desc="features", disable=not missing) as bar:
        for pictures in map_tasks(describe_shard, missing, workers):
            bar.update(pictures)
    return total


def make_classes(pictures: Sequence[Picture], folder: Path) -> list[LeafClass]:
    """The classes with a picture that was not compared yet, the largest first."""
    members: dict[str, list[tuple[_Place, Picture]]] = {}
    for picture in pictures:
        name = natural_key(picture.source_path)
        place = (picture.dataset, picture.folder, name, picture.source_path)
        members.setdefault(picture.label, []).append((place, picture))
    classes = []
    for held in members.values():
        held.sort(key=lambda member: member[0])
        for start in range(0, len(held), LARGEST_CLASS):
            piece = held[start : start + LARGEST_CLASS]
            if any(picture.is_new for _, picture in piece):
                classes.append(_leaf_class(piece, folder))
    # The largest first, so that no worker is left with one at the end.
    return sorted(classes, key=lambda one: (-len(one.keys), one.keys))


def _leaf_class(members: Sequence[tuple[_Place, Picture]], features: Path) -> LeafClass:
    folder_index: list[int] = []
    num_neighbours: list[int] = []
    folders = groupby((place for place, _ in members), key=lambda place: place[:2])
    for number, (_, places) in enumerate(folders):
        counts = count_neighbours([place[2] for place in places])
        folder_index += [number] * len(counts)
        num_neighbours += counts
    return LeafClass(
        keys=tuple(picture.key for _, picture in members),
        folder_index=tuple(folder_index),
        num_neighbours=tuple(num_neighbours),
        is_new=tuple(picture.is_new for _, picture in members),
        features=features,
    )


def _link_all(classes: Sequence[LeafClass], workers: int) -> pa.Table:
    total = sum(len(one.keys) for one in classes)
    tables = [LINKS.empty_table()]
    with tqdm(total=total, unit="picture", desc="compare", disable=not classes) as bar:
        for leaf_class, table in zip(
            classes, map_tasks(_link_class, classes, workers), strict=True
        ):
            tables.append(table)
            bar.update(len(leaf_class.keys))
    return pa.concat_tables(tables)


def _link_class(leaf_class: LeafClass) -> pa.Table:
    """The links of one class, from the file where an interrupted run left them."""
    file = _found_file(leaf_class)
    if file.is_file():
        return pq.read_table(file)
    table = find_links(leaf_class)
    with publish(file) as out:
        pq.write_table(table, out)
    return table


def _found_file(leaf_class: LeafClass) -> Path:
    """Named by all that decides what is in it."""
    asked = repr(astuple(leaf_class)[:4])
    return leaf_class.features / f"found-{hashlib.sha256(asked.encode()).hexdigest()[:16]}.parquet"


def _write(
    connection: duckdb.DuckDBPyConnection, found: pa.Table, shards: list[int], new_splits: bool
) -> int:
    """Add the links that are new, of pictures that are still there. Returns their number."""
    connection.register("found_here", found)
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE new_links AS "
        "SELECT \"key\", other, 'same_thing' AS kind, min(distance) AS distance FROM found_here "
        'WHERE "key" IN (SELECT "key" FROM samples) AND other IN (SELECT "key" FROM samples) '
        'AND ("key", other) NOT IN (SELECT ("key", other) FROM links WHERE kind = \'same_thing\') '
        "GROUP BY ALL ORDER BY ALL"
    )
    connection.unregister("found_here")
    (count,) = connection.execute("SELECT count(*) FROM new_links").fetchone() or (0,)
    connection.execute("INSERT INTO links BY NAME FROM new_links")
    connection.execute("DROP TABLE new_links")
    connection.execute(
        "INSERT INTO compared_shards SELECT shard FROM (SELECT DISTINCT unnest(?) AS shard) "
        "WHERE shard NOT IN (SELECT shard FROM compared_shards) ORDER BY shard",
        [shards],
    )
    if new_splits:
        connection.execute(
            "UPDATE samples SET split = NULL, source_split = NULL, group_id = NULL, status = NULL"
        )
    if count or new_splits:
        organise(connection)
    return int(count)
