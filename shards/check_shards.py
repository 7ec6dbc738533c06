"""Are the shards what the catalog says? In: an open lake. Out: what is wrong, shard by shard."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from catalog.lake import Lake
from catalog.storage import Place, join, list_sizes, open_file, read_ranges
from shards.decode import DecodeError, decode_image
from shards.tar_member import member_header

BLOCK_BYTES = 512
RECORD_BYTES = 20 * BLOCK_BYTES
"""A tar is a whole number of records (POSIX.1-1988, ustar), so one that was cut off seldom is."""

_ROWS = (
    'SELECT "key", "offset", length, sha256, source_bytes FROM samples WHERE shard = ? '
    'ORDER BY "offset"'
)


@dataclass(frozen=True)
class Fault:
    """Something wrong with one shard."""

    shard: int
    place: Place
    """Of the file that it is wrong with."""

    pictures: int
    """Samples of the catalog that are concerned."""

    problem: str


def check_shards(lake: Lake, *, deep: bool = False) -> list[Fault]:
    """Every fault of the shards that the catalog reads, by shard; [] if all is well.

    Looks whether each tar and its sidecar are there and long enough. `deep` also reads every
    picture: its header in the tar, its bytes (by their hash where the source's were kept, else by
    decoding them), and compares sidecar and catalog.
    """
    rows = lake.connection.execute(
        'SELECT shard, count(*), max("offset" + length) FROM samples GROUP BY shard ORDER BY shard'
    ).fetchall()
    sizes = list_sizes(lake.shards_folder)
    faults: list[Fault] = []
    for shard, pictures, end in tqdm(rows, unit="shard", desc="check", disable=not deep):
        found = list(_check_sizes(lake, shard, pictures, end, sizes))
        if deep and not found:
            found = [*_check_pictures(lake, shard), *_check_sidecar(lake, shard)]
        faults += found
    return faults


def _check_sizes(
    lake: Lake, shard: int, pictures: int, end: int, sizes: dict[str, int]
) -> Iterator[Fault]:
    tar, sidecar = lake.shard_path(shard), _sidecar(lake, shard)
    size = sizes.get(f"{shard:06d}.tar")
    if size is None:
        yield Fault(shard, tar, pictures, "is missing")
    elif size < end or size % RECORD_BYTES:
        yield Fault(shard, tar, pictures, f"was cut off: it has {size:,} bytes")
    if f"{shard:06d}.parquet" not in sizes:
        yield Fault(shard, sidecar, pictures, "is missing")


def _check_pictures(lake: Lake, shard: int) -> Iterator[Fault]:
    tar = lake.shard_path(shard)
    rows = lake.connection.execute(_ROWS, [shard]).fetchall()
    ranges = [(offset - BLOCK_BYTES, BLOCK_BYTES + length) for _, offset, length, _, _ in rows]
    contents = read_ranges(tar, ranges)
    for (key, offset, length, sha256, source_bytes), content in zip(rows, contents, strict=True):
        header, data = content[:BLOCK_BYTES], content[BLOCK_BYTES:]
        if header != member_header(f"{key}.jpg", length):
            yield Fault(shard, tar, 1, f"has no {key}.jpg of {length:,} bytes at byte {offset:,}")
        elif length != source_bytes or hashlib.sha256(data).hexdigest() != sha256:
            try:
                decode_image(data)
            except DecodeError as error:
                yield Fault(shard, tar, 1, f"{key}.jpg is damaged ({error.reason})")


def _check_sidecar(lake: Lake, shard: int) -> Iterator[Fault]:
    """Every sample must be in the sidecar as it is in the catalog; the sidecar may have more: files
    that changed since."""
    columns = ["key", "offset", "length", "sha256"]
    place = _sidecar(lake, shard)
    try:
        with open_file(place) as file:
            sidecar = pq.read_table(file, columns=columns)
    except pa.ArrowInvalid as error:
        text = str(error).splitlines()[0].rstrip(".")
        yield Fault(shard, place, 0, f"is no sidecar of Leaflake ({text})")
        return
    lake.connection.register("sidecar", sidecar)
    row = lake.connection.execute(
        'SELECT count(*) FROM samples ANTI JOIN sidecar USING ("key", "offset", length, sha256) '
        "WHERE shard = ?",
        [shard],
    ).fetchone()
    lake.connection.unregister("sidecar")
    assert row is not None  # counting always gives one row
    if row[0]:
        yield Fault(shard, place, row[0], "says something else than the catalog")


def _sidecar(lake: Lake, shard: int) -> Place:
    return join(lake.shards_folder, f"{shard:06d}.parquet")
