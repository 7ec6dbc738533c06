"""An inbox as a source: corrections and pictures that came in through the server.

In: LAKE/inbox, with the tars that serve/inbox.py writes. Out: the class folders that ingestion
knows, one for each label that was said; and every correction as a row of the table `feedback`, also
those without a picture. A picture's path leads into its tar: /lake/inbox/NAME.tar/KEY.jpg.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from catalog.taxonomy import BACKGROUND, NO_PLANT
from ingest.listing import FILE, printable
from shards.inbox_tar import FORGOTTEN, Entry, read_entries

FEEDBACK = pa.schema(
    [
        ("feedback_id", pa.string()),
        ("received", pa.timestamp("us")),
        ("sender", pa.string()),
        ("request_id", pa.string()),
        ("answered_by", pa.string()),
        ("model", pa.string()),
        ("model_version", pa.string()),
        ("model_sha256", pa.string()),
        ("rank", pa.string()),
        ("predicted_species", pa.string()),
        ("predicted_condition", pa.string()),
        ("probability", pa.float64()),
        ("species", pa.string()),
        ("condition", pa.string()),
        ("other", pa.string()),
        ("note", pa.string()),
        ("source_path", pa.string()),
    ]
)
"""The columns of the table `feedback`."""

Label = tuple[str, str | None]
"""Species id and condition id; None where the sender did not know the condition."""


@dataclass(frozen=True)
class SaidClass:
    """What was said of some pictures, and the pictures."""

    folder: str
    """The raw label: SPECIES_ID/CONDITION_ID, or the words of the sender."""

    label: Label | None
    """None for a plant that the label tree lacks: its name is read like that of a folder."""

    files: pa.Table
    """As listing.FILE says, sorted by path."""


@dataclass(frozen=True)
class InboxScan:
    """What an inbox holds."""

    name: str
    """Of its folder: the dataset."""

    path: str
    """Absolute, printable."""

    classes: tuple[SaidClass, ...]
    """Sorted by folder."""

    feedback: pa.Table
    """As FEEDBACK says, in the order in which they came."""

    damaged: int
    """Corrections that cannot be read."""


def scan_inbox(folder: Path) -> InboxScan:
    """Read every correction in an absolute folder, once if its tar was copied.

    What was forgotten in one tar is passed over in all.
    """
    damaged = 0
    entries = list(read_entries(folder))
    passed = {entry.key for entry in entries if FORGOTTEN in entry.row}
    rows: list[pa.RecordBatch] = []
    files: dict[tuple[str, Label | None], list[tuple[str, int, int]]] = {}
    for entry in entries:
        if entry.key in passed:
            continue
        passed.add(entry.key)
        try:
            row = _feedback_row(entry)
            rows.append(pa.RecordBatch.from_pylist([row], FEEDBACK))
        except (KeyError, TypeError, ValueError):  # Arrow's errors are of these kinds
            damaged += 1
            continue
        if entry.picture is not None:
            received_ns = int(row["received"].replace(tzinfo=UTC).timestamp()) * 10**9
            origin = (row["source_path"], entry.picture.length, received_ns)
            files.setdefault(_class_of(row), []).append(origin)
    classes = [SaidClass(*of_what, _table(found)) for of_what, found in files.items()]
    return InboxScan(
        printable(folder.name),
        printable(str(folder)),
        tuple(sorted(classes, key=lambda one: one.folder)),
        pa.Table.from_batches(rows, FEEDBACK),
        damaged,
    )


def _class_of(row: dict[str, Any]) -> tuple[str, Label | None]:
    """(folder, label) of a row of FEEDBACK. A label has a stroke in its folder's name, and the
    words of a sender have none, so that the two are never taken for each other."""
    if row["other"]:
        return row["other"].replace("/", " "), None
    condition = BACKGROUND if row["species"] == NO_PLANT else row["condition"]
    return f"{row['species']}/{condition or ''}", (row["species"], condition)


def _feedback_row(entry: Entry) -> dict[str, Any]:
    """A row of FEEDBACK; KeyError, TypeError or ValueError if the entry is not as expected."""
    row, model = entry.row, entry.row["model"]
    predicted, said = row["predicted"], row["correct"]
    if not (said["other"] or said["species_id"]):
        raise ValueError("says nothing")
    return {
        "feedback_id": row["feedback_id"],
        "received": datetime.fromisoformat(row["received"]).astimezone(UTC).replace(tzinfo=None),
        "sender": row["sender"],
        "request_id": row["request_id"],
        "answered_by": row["source"],
        "model": model["name"],
        "model_version": model["version"],
        "model_sha256": model["sha256"],
        "rank": predicted["rank"],
        "predicted_species": predicted["species_id"],
        "predicted_condition": predicted["condition_id"],
        "probability": predicted["probability"],
        "species": said["species_id"],
        "condition": said["condition_id"],
        "other": said["other"],
        "note": row["note"],
        "source_path": None if entry.picture is None else printable(entry.path),
    }


def _table(files: Sequence[tuple[str, int, int]]) -> pa.Table:
    columns = [list(column) for column in zip(*sorted(files), strict=True)]
    return pa.table(columns, schema=FILE)
