"""Where features are kept: FOLDER/000017.npy holds one RECORD a planned file of shard 17.

They follow from the shard's bytes alone, so a file that is there is complete and stays right; one
that is deleted is made again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from catalog.storage import Place, publish, read_ranges
from ingest.leaf_features import RECORD, describe
from leaflake import UsageError
from shards.decode import decode_image


@dataclass(frozen=True)
class ShardPictures:
    """The samples of one shard."""

    shard: int
    tar: Place
    file: Path
    """Where their features go."""

    rows: tuple[int, ...]
    """Position in the plan: the number after the dash in a key."""

    ranges: tuple[tuple[int, int], ...]
    """(offset, length) of their JPEGs in the tar."""


def feature_file(folder: Path, shard: int) -> Path:
    """Where the features of a shard are."""
    return folder / f"{shard:06d}.npy"


def row_of(key: str) -> tuple[int, int]:
    """(shard, row) of a sample's key: 000017-00003 -> (17, 3)."""
    shard, _, row = key.partition("-")
    return int(shard), int(row)


def is_described(pictures: ShardPictures) -> bool:
    """Whether the features of all these pictures are there."""
    if not pictures.file.is_file():
        return False
    records = open_records(pictures.file)
    rows = np.array(pictures.rows)
    return bool(rows.max() < len(records) and records["is_there"][rows].all())


def describe_shard(pictures: ShardPictures) -> int:
    """Compute and write the features of one shard that are missing. Returns the number of pictures.

    Raises UsageError if the tar is missing or too short.
    """
    known = open_records(pictures.file) if pictures.file.is_file() else np.zeros(0, RECORD)
    records = np.zeros(max(len(known), max(pictures.rows) + 1), RECORD)
    records[: len(known)] = known
    missing = [i for i, row in enumerate(pictures.rows) if not records["is_there"][row]]
    try:
        encoded = read_ranges(pictures.tar, [pictures.ranges[i] for i in missing])
    except (FileNotFoundError, EOFError) as error:
        raise UsageError(
            f"{pictures.tar}: {error}. Bring the shard back from a copy, or leave its pictures "
            f'out: --where "shard <> {pictures.shard}". The lake is as it was.'
        ) from None
    for i, data in zip(missing, encoded, strict=True):
        records[pictures.rows[i]] = describe(decode_image(data))
    with publish(pictures.file) as file:
        np.save(file, records)
    return len(pictures.rows)


def read_records(folder: Path, keys: Sequence[str]) -> np.ndarray:
    """The RECORDs (N,) of these samples, of which each must have been described."""
    places = np.array([row_of(key) for key in keys], dtype=np.int64).reshape(-1, 2)
    records = np.zeros(len(keys), RECORD)
    for shard in np.unique(places[:, 0]):
        mine = np.flatnonzero(places[:, 0] == shard)
        records[mine] = open_records(feature_file(folder, int(shard)))[places[mine, 1]]
    return records


def open_records(file: Path) -> np.ndarray:
    """The RECORDs of a shard, read when they are looked at.

    Raises UsageError if the file is none of ours.
    """
    try:
        records: np.ndarray = np.load(file, mmap_mode="r")
    except (ValueError, EOFError) as error:
        raise _foreign(file, str(error)) from None
    if records.dtype != RECORD or records.ndim != 1:
        raise _foreign(
            file, f"it holds {records.dtype.itemsize} bytes a row in the shape {records.shape}"
        )
    return records


def _foreign(file: Path, what: str) -> UsageError:
    return UsageError(
        f"{file}: not the features of a shard, as this version writes them: {what}. Delete it, and "
        "it is made again. The lake is as it was."
    )
