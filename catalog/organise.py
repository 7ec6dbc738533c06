"""Bring the catalog's derived columns up to date: conflicts, groups, splits. In and out: samples.

Runs inside the transaction that added or relabelled samples.
"""

from __future__ import annotations

from collections import defaultdict

import duckdb
import pyarrow as pa

from catalog.groups import Picture, group_pictures
from catalog.splits import Member, assign_splits
from catalog.taxonomy import LabelTree


def organise(connection: duckdb.DuckDBPyConnection) -> None:
    """Compute status, group_id and split of every sample anew, keeping splits once given."""
    rows = connection.execute(
        'SELECT "key", dataset, folder, source_path, species, "condition", sha256, phash, split, '
        "group_id FROM samples ORDER BY sha256, source_path"
    ).fetchall()
    groups = group_pictures(
        [
            Picture(sha256, species, dataset, folder, path, phash)
            for _, dataset, folder, path, species, _, sha256, phash, _, _ in rows
        ]
    )
    labels = defaultdict(set)
    for row in rows:
        labels[row[6]].add((row[4], row[5]))
    members = [
        Member(
            label=f"{row[4]}/{row[5]}" if row[4] and row[5] else None,
            group_id=rows[group][6][:16],  # named by its content, so the same in every lake
            sha256=row[6],
            split=row[8],
            previous_group_id=row[9],
            is_conflict=len(labels[row[6]]) > 1,
        )
        for row, group in zip(rows, groups, strict=True)
    ]
    assignments = assign_splits(members)
    organised = pa.table(
        {
            "key": [row[0] for row in rows],
            "split": pa.array([a.split for a in assignments], pa.string()),
            "status": [a.status for a in assignments],
            "group_id": [a.group_id for a in assignments],
        }
    )
    connection.register("organised", organised)
    connection.execute(
        "UPDATE samples SET split = organised.split, status = organised.status, "
        'group_id = organised.group_id FROM organised WHERE samples."key" = organised."key" AND '
        "(samples.split, samples.status, samples.group_id) IS DISTINCT FROM "
        "(organised.split, organised.status, organised.group_id)"
    )
    connection.unregister("organised")


def label_tree(connection: duckdb.DuckDBPyConnection) -> LabelTree:
    """The tree of every species and condition that is in a split."""
    return LabelTree.from_pairs(
        connection.execute(
            'SELECT DISTINCT species, "condition" FROM samples WHERE split IS NOT NULL'
        ).fetchall()
    )
