"""What every snapshot of a lake changed, and why. In: an open lake. Out: one Change a snapshot."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime

from catalog.lake import Lake

KINDS = {"insert": "added", "update_postimage": "changed", "delete": "removed"}
"""DuckLake's name of a row's change -> ours. The row before an update is the same row again."""


@dataclass(frozen=True)
class Rows:
    """How many rows of one table a snapshot changed."""

    added: int = 0
    changed: int = 0
    removed: int = 0

    def __str__(self) -> str:
        signs = (("+", self.added), ("~", self.changed), ("-", self.removed))
        return " ".join(f"{sign}{count:,}" for sign, count in signs if count)


@dataclass(frozen=True)
class Change:
    """One snapshot."""

    snapshot: int
    time: datetime
    """UTC."""

    author: str | None
    """leaflake, or who wrote with plain DuckDB and said so."""

    message: str | None
    """Why: what ingest did, the SQL that was run, or the review that was applied."""

    rows: dict[str, Rows]
    """Table -> what changed in it; without those that are as they were."""


def history(lake: Lake) -> list[Change]:
    """Every snapshot up to the one that `lake` reads, the oldest first.

    Reads which rows came and went from the Parquet files: about 0.3 s a million rows.
    """
    last = lake.snapshot
    snapshots = lake.connection.execute(
        "SELECT snapshot_id, snapshot_time, author, commit_message FROM lake.snapshots() "
        "WHERE snapshot_id <= ? ORDER BY snapshot_id",
        [last],
    ).fetchall()
    counts = _count_rows(lake, snapshots[0][0], last)
    return [
        Change(number, time.astimezone(UTC), author, message, counts[number])
        for number, time, author, message in snapshots
    ]


def _count_rows(lake: Lake, first: int, last: int) -> dict[int, dict[str, Rows]]:
    """Snapshot -> table -> rows, for the snapshots `first` to `last`."""
    tables = lake.connection.execute(
        "SELECT table_name FROM duckdb_tables() WHERE database_name = 'lake' ORDER BY table_name"
    ).fetchall()
    counts: dict[int, dict[str, Rows]] = defaultdict(dict)
    for (table,) in tables:
        found: dict[int, dict[str, int]] = defaultdict(dict)
        for number, kind, rows in lake.connection.execute(
            "SELECT snapshot_id, change_type, count(*) "
            "FROM ducklake_table_changes('lake', 'main', ?, ?, ?) "
            "WHERE change_type <> 'update_preimage' GROUP BY ALL ORDER BY ALL",
            [table, first, last],
        ).fetchall():
            found[number][KINDS[kind]] = rows
        for number, of_table in found.items():
            counts[number][table] = Rows(**of_table)
    return counts
