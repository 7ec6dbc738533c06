"""How many shots of one leaf are brought together? Prints a table for a lake that was grouped.

    python -m ingest.bench_group LAKE [--where SQL]

The truth is not in the lake, so cameras' numbers stand for it: of pictures whose names count on by
one most show one leaf, and those far apart in number seldom do. "Order" are the links of names and
times, "appearance" is `leaflake group` with the names hidden, "both" is what the lake does.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa

from catalog.groups import KINDS, Contents, Links, find_groups
from catalog.lake import Lake, open_lake
from catalog.name_order import NameKey, natural_key
from catalog.storage import read_ranges
from ingest.group import Picture, feature_folder, make_classes, read_pictures
from ingest.leaf_features import describe
from ingest.leaf_order import number_gap
from ingest.leaf_store import ShardPictures, is_described
from ingest.same_leaf import LeafClass, find_links
from leaflake import UsageError
from shards.decode import decode_image

FAR = 30
"""Numbers that lie at least so far apart were taken of two leaves; seldom, one of them twice."""

NUM_TIMED = 200
"""Pictures whose features are computed for the time."""

MIN_NUMBERED = 10
"""A folder with fewer pairs of names that count on has no camera's numbers."""


@dataclass(frozen=True)
class Proxy:
    """What the numbers in the names say of the pictures, by their position."""

    near: np.ndarray
    """int64 (P, 2): names that count on by one."""

    far: np.ndarray
    """int64 (Q, 2): names of one folder whose numbers are FAR apart or more."""


@dataclass(frozen=True)
class Result:
    """One line of the table."""

    near_together: float
    """Share of the near pairs that are in one group."""

    far_together: float
    """Share of the far pairs that are."""

    groups: int
    largest: int


def bench(lake_path: Path, where: str) -> None:
    """Print the table. Raises UsageError if the lake was not grouped, or has no numbered names."""
    folder = feature_folder(lake_path, None)
    with open_lake(lake_path) as lake:
        pictures, shards = read_pictures(lake, where, folder)
        if not all(is_described(one) for one in shards):
            raise UsageError(
                f"{lake_path}: has pictures without features. Run leaflake group --lake "
                f"{lake_path} first. Nothing was written."
            )
        position = {picture.key: index for index, picture in enumerate(pictures)}
        stored = _stored_links(lake, position)
    proxy = make_proxy(pictures)
    if not len(proxy.near):
        raise UsageError(f"{lake_path}: has no names that count on, so there is no measure.")
    classes = make_classes([replace(one, is_new=True) for one in pictures], folder)
    hidden = [
        replace(one, folder_index=tuple(range(len(one.keys))), num_neighbours=(0,) * len(one.keys))
        for one in classes
    ]
    print(f"{len(pictures):,} pictures: {len(proxy.near):,} pairs near, {len(proxy.far):,} far")
    print(f"{'':12}  near together  far together  groups  largest")
    same = KINDS.index("same_thing")
    order = _take(stored, stored.kind != same)
    by_appearance = _links([find_links(one) for one in hidden], position)
    for name, links in (
        ("order", order),
        ("appearance", by_appearance),
        ("both", stored),
    ):
        found = judge(len(pictures), links, proxy)
        print(
            f"{name:12}  {found.near_together:12.1%}  {found.far_together:12.3%}  "
            f"{found.groups:6,}  {found.largest:7}"
        )
    _print_times(shards, classes)


def make_proxy(pictures: Sequence[Picture]) -> Proxy:
    """Near and far pairs, of folders that have MIN_NUMBERED near ones."""
    folders: dict[tuple[str, str], list[tuple[NameKey, int]]] = {}
    for index, picture in enumerate(pictures):
        named = (natural_key(picture.source_path), index)
        folders.setdefault((picture.dataset, picture.folder), []).append(named)
    near: list[tuple[int, int]] = []
    far: list[tuple[int, int]] = []
    for _, members in sorted(folders.items()):
        pairs = [
            (gap, one, other)
            for number, (key, one) in enumerate(members)
            for other_key, other in members[:number]
            if (gap := number_gap(key, other_key)) is not None
        ]
        counting_on = [(one, other) for gap, one, other in pairs if gap == 1]
        if len(counting_on) >= MIN_NUMBERED:
            near += counting_on
            far += [(one, other) for gap, one, other in pairs if gap >= FAR]
    return Proxy(np.array(near).reshape(-1, 2), np.array(far).reshape(-1, 2))


def judge(count: int, links: Links, proxy: Proxy) -> Result:
    """How the groups that these links make fare."""
    contents = Contents(
        class_index=np.full(count, -1),
        split=np.zeros(count, dtype=np.int8),
        is_free=np.ones(count, dtype=bool),
        num_pictures=np.ones(count, dtype=np.int64),
        is_sent=np.zeros(count, dtype=bool),
    )
    group = find_groups(contents, links).group
    sizes = np.unique(group, return_counts=True)[1]
    return Result(
        near_together=_share_together(group, proxy.near),
        far_together=_share_together(group, proxy.far),
        groups=len(sizes),
        largest=int(sizes.max()),
    )


def _share_together(group: np.ndarray, pairs: np.ndarray) -> float:
    return float((group[pairs[:, 0]] == group[pairs[:, 1]]).mean()) if len(pairs) else 0.0


def _stored_links(lake: Lake, position: dict[str, int]) -> Links:
    rows = lake.connection.execute('SELECT "key", other, kind, distance FROM links').fetchall()
    known = [row for row in rows if row[0] in position and row[1] in position]
    return Links(
        first=np.array([position[row[0]] for row in known], dtype=np.int64),
        second=np.array([position[row[1]] for row in known], dtype=np.int64),
        kind=np.array([KINDS.index(row[2]) for row in known], dtype=np.int8),
        distance=np.array([row[3] for row in known], dtype=np.float64),
    )


def _links(tables: Sequence[pa.Table], position: dict[str, int]) -> Links:
    table = pa.concat_tables(tables)
    return Links(
        first=np.array([position[key] for key in table["key"].to_pylist()], dtype=np.int64),
        second=np.array([position[key] for key in table["other"].to_pylist()], dtype=np.int64),
        kind=np.full(table.num_rows, KINDS.index("same_thing"), dtype=np.int8),
        distance=table["distance"].to_numpy(),
    )


def _take(links: Links, chosen: np.ndarray) -> Links:
    return Links(
        links.first[chosen], links.second[chosen], links.kind[chosen], links.distance[chosen]
    )


def _print_times(shards: Sequence[ShardPictures], classes: Sequence[LeafClass]) -> None:
    """Milliseconds of processor time a picture, decoding and reading included."""
    cv2.setNumThreads(1)  # as in a worker
    started = time.process_time()
    for data in read_ranges(shards[0].tar, shards[0].ranges[:NUM_TIMED]):
        describe(decode_image(data))
    described = min(NUM_TIMED, len(shards[0].rows))
    between = time.process_time()
    some = classes[::8]
    for leaf_class in some:
        find_links(leaf_class)
    compared = sum(len(leaf_class.keys) for leaf_class in some)
    print(
        f"processor time a picture: features {(between - started) / described * 1000:.1f} ms, "
        f"comparing {(time.process_time() - between) / compared * 1000:.1f} ms"
    )


def main() -> None:
    """Read the arguments and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("lake", type=Path)
    parser.add_argument("--where", default="true", metavar="SQL", help="only these samples")
    args = parser.parse_args()
    try:
        bench(args.lake, args.where)
    except UsageError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
