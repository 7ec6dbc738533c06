"""Forget one correction: its picture and what was said. In: a lake and the id. Out: what was there.

The picture's bytes are overwritten in the inbox and in the lake's shard. A shard never changes
otherwise; here somebody's right to their picture weighs more, and an older snapshot that still has
the row finds a grey picture in its place.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np

from catalog.database import find_database
from catalog.lake import Lake, open_lake
from catalog.organise import organise
from catalog.storage import Place, open_file, publish
from ingest.check import encode_jpeg
from ingest.lock import only_ingest
from leaflake import UsageError
from shards.inbox_tar import FOLDER_NAME, FORGOTTEN, Entry, overwrite, read_entries

GREY = 127
GREY_SIDE = 16
"""Of the picture that stands for a forgotten one; its JPEG has some 600 bytes."""


@dataclass(frozen=True)
class Forgotten:
    """What there was to forget."""

    entries: int
    """In the inbox; more than one if a tar was copied."""

    samples: int
    """In the lake."""

    rows: int
    """Of the table `feedback`."""


def forget(lake_path: Place, feedback_id: str) -> Forgotten:
    """Overwrite the picture wherever it is, and delete the rows, in one snapshot.

    The inbox comes last, so that after an interruption the same call does the rest. Raises
    UsageError if there is no such correction, or another ingest is at work.
    """
    entries = [one for one in find_entries(lake_path) if one.key == feedback_id]
    samples = rows = 0
    if find_database(lake_path) is not None:
        with only_ingest(lake_path), open_lake(lake_path, read_only=False) as lake:
            samples, rows = _forget_in_lake(lake, feedback_id)
    if not entries and not rows:
        raise UsageError(
            f"{lake_path}: has no correction {feedback_id}, neither in its inbox nor in the table "
            "feedback. `leaflake inbox LAKE` lists them. Nothing was changed."
        )
    for entry in entries:
        overwrite(entry)
    return Forgotten(len(entries), samples, rows)


def find_entries(lake_path: Place) -> list[Entry]:
    """The corrections in a lake's inbox that nobody had forgotten; [] without an inbox."""
    if isinstance(lake_path, str):
        return []  # servers write to a folder
    folder = lake_path.resolve() / FOLDER_NAME
    return [entry for entry in read_entries(folder) if FORGOTTEN not in entry.row]


def _forget_in_lake(lake: Lake, feedback_id: str) -> tuple[int, int]:
    """(samples, rows of feedback) that were deleted."""
    ask = lake.connection.execute
    places = ask(
        'SELECT shard, "offset", length FROM samples JOIN feedback USING (source_path) '
        "WHERE feedback_id = ?",
        [feedback_id],
    ).fetchall()
    found = ask("SELECT count(*) FROM feedback WHERE feedback_id = ?", [feedback_id]).fetchone()
    assert found is not None  # counting always gives one row
    if not found[0]:
        return 0, 0
    for shard, offset, length in places:
        _blank(lake.shard_path(shard), offset, length)

    def delete(connection: duckdb.DuckDBPyConnection) -> None:
        path = "(SELECT source_path FROM feedback WHERE feedback_id = ?)"
        keys = f'"key" IN (SELECT "key" FROM samples WHERE source_path IN {path})'
        connection.execute(f"DELETE FROM predictions WHERE {keys}", [feedback_id])
        # The name of the class folder may be words of the sender.
        connection.execute(
            "CREATE OR REPLACE TEMP TABLE emptied AS "
            f"SELECT dataset, folder FROM samples WHERE source_path IN {path} UNION "
            f"SELECT dataset, folder FROM rejections WHERE source_path IN {path}",
            [feedback_id, feedback_id],
        )
        for table in ("samples", "rejections"):
            connection.execute(f"DELETE FROM {table} WHERE source_path IN {path}", [feedback_id])
        connection.execute(
            "DELETE FROM folders WHERE (dataset, folder) IN (FROM emptied) AND (dataset, folder) "
            "NOT IN (SELECT dataset, folder FROM samples UNION SELECT dataset, folder FROM "
            "rejections)"
        )
        connection.execute("DELETE FROM feedback WHERE feedback_id = ?", [feedback_id])
        organise(connection)

    lake.change(f"forgot the correction {feedback_id}", delete)
    return len(places), int(found[0])


def _blank(tar: Place, offset: int, length: int) -> None:
    """Put a grey picture, or zeros where it is too short for one, in the place of a JPEG."""
    grey = encode_jpeg(np.full((GREY_SIDE, GREY_SIDE, 3), GREY, dtype=np.uint8))
    with open_file(tar) as file:
        data = file.read()
    blank = grey if len(grey) <= length else b""
    with publish(tar) as file:
        file.write(data[:offset] + blank.ljust(length, b"\0") + data[offset + length :])
