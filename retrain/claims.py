"""The corrections of a lake as claims: who said what of which picture. In: a lake. Out: Said.

A claim is the label that the picture's class folder got when it was ingested: what was said, or
what the folder-name reader made of the sender's own words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import numpy as np

from catalog.lake import Lake
from catalog.near_copies import LAYOUT_BYTES, near_copies
from ingest.commit import MIN_CONFIDENCE
from shards.select import Selection

Label = tuple[str, str | None]
"""Species id and condition id; None where only the species is said."""

_FROM_SENDERS = "source_path IN (SELECT source_path FROM feedback WHERE source_path IS NOT NULL)"

THING = 'coalesce(group_id, "key")'
"""What pictures of one thing share, in SQL on samples."""


@dataclass(frozen=True)
class Said:
    """One picture that came with a correction."""

    key: str
    feedback_id: str

    content: str
    """sha256 of the picture as it came."""

    thing: str
    """Its group."""

    sender: str
    """As in the table `feedback`; of those whom the server could not tell apart "", as if they were
    one."""

    said: Label

    label: Label | None
    """What the lake has it labelled as now; None where it has no label."""

    @property
    def is_decided(self) -> bool:
        """Whether its label is neither what was said nor none: somebody decided so, or the lake had
        the very bytes before."""
        return self.label not in (None, self.said)


def has_feedback(lake: Lake) -> bool:
    """Whether the lake has the table `feedback`; one of an older version may not."""
    query = "SELECT 1 FROM duckdb_tables() WHERE database_name = 'lake' AND table_name = 'feedback'"
    return lake.connection.execute(query).fetchone() is not None


def read_said(lake: Lake) -> list[Said]:
    """Every picture of a correction that says something, by key."""
    columns = 'folders.species, folders."condition", samples.species, samples."condition"'
    rows = lake.connection.execute(
        f'SELECT "key", any_value(feedback_id), sha256, {THING}, '
        f"coalesce(any_value(sender), ''), {columns} "
        "FROM samples JOIN feedback USING (source_path) "
        "JOIN folders ON folders.dataset = samples.dataset AND folders.folder = samples.folder "
        "WHERE folders.species IS NOT NULL AND folders.confidence >= ? "
        'GROUP BY ALL ORDER BY "key"',
        [MIN_CONFIDENCE],
    ).fetchall()
    return [_read_row(*row) for row in rows]


def _read_row(
    key: str,
    feedback_id: str,
    content: str,
    thing: str,
    sender: str,
    said_species: str,
    said_condition: str | None,
    species: str | None,
    condition: str | None,
) -> Said:
    label = None if species is None else (species, condition)
    return Said(key, feedback_id, content, thing, sender, (said_species, said_condition), label)


def known_labels(lake: Lake, said: Sequence[Said]) -> dict[str, tuple[str, str]]:
    """Thing -> the label that most of its pictures have that no sender labelled, for each thing
    that was said something of and has such a picture."""
    things = sorted({one.thing for one in said})
    decided = [one.key for one in said if one.is_decided]
    rows = lake.connection.execute(
        f'SELECT {THING} AS thing, species, "condition" FROM samples WHERE species IS NOT NULL '
        f'AND "condition" IS NOT NULL AND (NOT {_FROM_SENDERS} OR "key" IN (SELECT unnest($2))) '
        f"AND {THING} IN (SELECT unnest($1)) "
        'GROUP BY ALL ORDER BY thing, count(*) DESC, species, "condition"',
        [things, decided],
    ).fetchall()
    found: dict[str, tuple[str, str]] = {}
    for thing, species, condition in rows:
        found.setdefault(thing, (species, condition))
    return found


def copied_labels(lake: Lake, said: Sequence[Said]) -> dict[str, tuple[str, str]]:
    """Thing -> the label of a picture of the lake that is nearly the same, whatever its species.

    The catalog looks for near copies within a species (catalog/links.py); a lie may name another.
    """
    rows = lake.connection.execute(
        'SELECT "key", phash, layout, species, "condition" FROM samples WHERE phash IS NOT NULL '
        f'AND layout IS NOT NULL AND ("key" IN (SELECT unnest(?)) OR (species IS NOT NULL '
        f'AND "condition" IS NOT NULL AND NOT {_FROM_SENDERS})) ORDER BY "key"',
        [[one.key for one in said]],
    ).to_arrow_table()
    thing_of = {one.key: one.thing for one in said}
    keys = rows["key"].to_pylist()
    sent = np.array([key in thing_of for key in keys], dtype=bool)
    layout = np.frombuffer(b"".join(rows["layout"].to_pylist()), np.uint8)
    pairs = near_copies(rows["phash"].to_numpy(), layout.reshape(-1, LAYOUT_BYTES), sent)
    found: dict[str, tuple[str, str]] = {}
    for index in np.argsort(pairs.distance, kind="stable").tolist():
        one, other = int(pairs.first[index]), int(pairs.second[index])
        if sent[one] == sent[other]:
            continue
        theirs, ours = (one, other) if sent[one] else (other, one)
        label = (rows["species"][ours].as_py(), rows["condition"][ours].as_py())
        found.setdefault(thing_of[keys[theirs]], label)
    return found


def own_classes(lake: Lake) -> set[tuple[str, str]]:
    """The classes that the lake has pictures of in a split, without what senders said."""
    rows = lake.connection.execute(
        'SELECT DISTINCT species, "condition" FROM samples WHERE split IS NOT NULL '
        f'AND "condition" IS NOT NULL AND NOT {_FROM_SENDERS}'
    ).fetchall()
    return {(species, condition) for species, condition in rows}


def own_train(split: str) -> str:
    """SQL for the pictures of train by the column `split` that no sender labelled."""
    return f"{split} = 'train' AND NOT {_FROM_SENDERS}"


def places(lake: Lake, keys: Sequence[str]) -> Selection:
    """Where the pictures of these keys lie, in their order, labelled or not; all of class 0."""
    rows = lake.connection.execute(
        'SELECT "key", dataset, shard, "offset", length FROM samples '
        'WHERE "key" IN (SELECT unnest(?))',
        [list(keys)],
    ).fetchall()
    found = {row[0]: row for row in rows}
    _, datasets, *numbers = zip(*(found[key] for key in keys), strict=True)
    shard, offset, length = (np.array(column, dtype=np.int64) for column in numbers)
    classes = np.zeros(len(keys), dtype=np.int64)
    return Selection(tuple(keys), datasets, classes, shard, offset, length, lake.shards_folder)


def relabel(
    connection: duckdb.DuckDBPyConnection, keys: Sequence[str], labels: Sequence[Label | None]
) -> None:
    """Give the samples these labels, or none; within a transaction, before `organise`."""
    connection.executemany(
        'UPDATE samples SET species = ?, "condition" = ? WHERE "key" = ?',
        [(*(label or (None, None)), key) for key, label in zip(keys, labels, strict=True)],
    )
