"""Bring the catalog's derived columns up to date: links, conflicts, groups, sources, splits.

In and out: the samples, within the transaction that added or relabelled some. What is derived hangs
on the bytes of a picture, so everything here is one row a content: the samples of one sha256.
"""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa

from catalog.groups import KINDS, SPLITS, Contents, Groups, Links, find_groups, find_withdrawn
from catalog.links import make_present, update_links
from catalog.source_splits import Credits, assign_source_splits
from catalog.sources import name_sources
from catalog.splits import assign_splits
from catalog.taxonomy import LabelTree

STATUSES = ("ok", "tie", "withdrawn", "conflict")


def organise(connection: duckdb.DuckDBPyConnection, incoming: str | None = None) -> None:
    """Compute links, status, group_id and both splits of every sample, keeping what was given.

    `incoming` names a temp table with the columns of samples, whose rows are added to samples here;
    their splits and group_id are NULL except where they supersede a row of the same bytes. Of the
    old rows only those are written that differ. A source is named where it is NULL.
    """
    for table in ("samples", incoming):
        if table is not None:
            name_sources(connection, table)
    make_present(connection, incoming)
    update_links(connection)
    _make_contents(connection)
    contents, withdrawn, conflict, source_split = _load_contents(connection)
    links = _load_links(connection)

    leaving = find_withdrawn(contents.split, links)
    withdrawn |= leaving
    contents.split[leaving] = 0
    groups = find_groups(contents, links)
    split = assign_splits(contents, groups.unit, groups.is_tied)
    source_split = assign_source_splits(
        contents.class_index,
        contents.num_pictures,
        groups.unit,
        _load_credits(connection),
        split,
        source_split,
    )

    status = np.select([conflict, withdrawn, groups.is_tied], [3, 2, 1], 0)
    _make_organised(connection, groups, split, source_split, status)
    _write(connection, incoming)


def label_tree(connection: duckdb.DuckDBPyConnection) -> LabelTree:
    """The tree of every species and condition that is in a split."""
    return LabelTree.from_pairs(
        connection.execute(
            'SELECT DISTINCT species, "condition" FROM samples '
            'WHERE split IS NOT NULL AND "condition" IS NOT NULL'
        ).fetchall()
    )


def _make_contents(connection: duckdb.DuckDBPyConnection) -> None:
    """The temp table `contents`: one row a sha256, numbered in their order."""
    places = " ".join(f"WHEN '{name}' THEN {number}" for number, name in enumerate(SPLITS, 1))
    label = "coalesce(species, '') || '/' || coalesce(\"condition\", '')"
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE contents AS "
        "SELECT (row_number() OVER (ORDER BY sha256) - 1)::INTEGER AS content, * FROM ("
        "SELECT sha256, count(*) AS num_pictures, "
        f"min({label}) <> max({label}) AS is_conflict, "
        "min(species || '/' || \"condition\") AS label, "
        f"max(CASE split {places} ELSE 0 END)::TINYINT AS split, "
        # Of copies on two sides, train has it: catalog/source_splits.py.
        f"coalesce(min(CASE source_split {places} END), 0)::TINYINT AS source_split, "
        "min(hash(source)) AS first_source, max(hash(source)) AS last_source, "
        "bool_or(status = 'withdrawn') AND max(split) IS NULL AS is_withdrawn, "
        # Beside a NULL, which is a correction without a picture, IN is never false.
        "bool_and(source_path IN (SELECT source_path FROM feedback WHERE source_path IS NOT NULL)) "
        "AS is_sent "
        "FROM present GROUP BY sha256)"
    )


def _load_contents(
    connection: duckdb.DuckDBPyConnection,
) -> tuple[Contents, np.ndarray, np.ndarray, np.ndarray]:
    """The contents; which of them were withdrawn earlier, and are a conflict, bool (N,); and the
    split by source that each has already, int8 (N,)."""
    table = connection.execute(
        "SELECT coalesce(class_index, -1)::INTEGER AS class_index, split, source_split, "
        "num_pictures, is_conflict, coalesce(is_withdrawn, false) AS is_withdrawn, is_sent "
        "FROM contents LEFT JOIN "
        "(SELECT label, row_number() OVER (ORDER BY label) - 1 AS class_index "
        "FROM (SELECT DISTINCT label FROM contents WHERE label IS NOT NULL)) USING (label) "
        "ORDER BY content"
    ).to_arrow_table()
    column = {name: table[name].to_numpy() for name in table.column_names}
    conflict = column["is_conflict"]
    has_label = (column["class_index"] >= 0) & ~conflict
    split = np.where(has_label, column["split"], 0).astype(np.int8)
    contents = Contents(
        class_index=np.where(has_label, column["class_index"], -1),
        split=split,
        is_free=has_label & ~column["is_withdrawn"] & (split == 0),
        num_pictures=column["num_pictures"],
        is_sent=column["is_sent"],
    )
    return contents, column["is_withdrawn"].copy(), conflict, column["source_split"]


def _load_credits(connection: duckdb.DuckDBPyConnection) -> Credits:
    """Who took what. Hashes are used within this process only."""
    table = connection.execute(
        "SELECT content, first_source AS source FROM contents UNION ALL "
        "SELECT DISTINCT content, hash(present.source) FROM present JOIN "
        "(SELECT content, sha256 FROM contents WHERE first_source <> last_source) USING (sha256)"
    ).to_arrow_table()
    return Credits(table["content"].to_numpy().astype(np.int64), table["source"].to_numpy())


def _load_links(connection: duckdb.DuckDBPyConnection) -> Links:
    kinds = " ".join(f"WHEN '{kind}' THEN {number}" for number, kind in enumerate(KINDS))
    table = connection.execute(
        'WITH named AS (SELECT "key", content FROM present JOIN contents USING (sha256)) '
        "SELECT a.content::BIGINT AS first, b.content::BIGINT AS second, distance, "
        f"(CASE kind {kinds} END)::TINYINT AS kind FROM links "
        'JOIN named AS a ON a."key" = links."key" JOIN named AS b ON b."key" = links.other'
    ).to_arrow_table()
    first, second = table["first"].to_numpy(), table["second"].to_numpy()
    # Left to here: of an inequality in the query DuckDB makes a product of all contents.
    differ = first != second
    kind, distance = table["kind"].to_numpy(), table["distance"].to_numpy()
    return Links(first[differ], second[differ], kind[differ], distance[differ])


def _make_organised(
    connection: duckdb.DuckDBPyConnection,
    groups: Groups,
    split: np.ndarray,
    source_split: np.ndarray,
    status: np.ndarray,
) -> None:
    """The temp table `organised`: sha256, split, source_split, status, group_id.

    A group is named by its content, so that it is called the same in every lake; a tied picture is
    in no group.
    """
    result = pa.table(
        {
            "content": pa.array(np.arange(len(split), dtype=np.int32)),
            "root": np.where(groups.is_tied, np.arange(len(split)), groups.group).astype(np.int32),
            "split": _names(split),
            "source_split": _names(source_split),
            "status": pa.DictionaryArray.from_arrays(status.astype(np.int8), list(STATUSES)),
        }
    )
    connection.register("result", result)
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE organised AS SELECT contents.sha256, "
        "result.split::VARCHAR AS split, result.source_split::VARCHAR AS source_split, "
        "result.status::VARCHAR AS status, "
        "if(result.status = 'tie', 'tie-', '') || left(named.sha256, 16) AS group_id "
        "FROM result JOIN contents USING (content) "
        "JOIN contents AS named ON named.content = result.root"
    )
    connection.unregister("result")


def _names(split: np.ndarray) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(split - 1, mask=split == 0), list(SPLITS))


def _write(connection: duckdb.DuckDBPyConnection, incoming: str | None) -> None:
    """Insert what comes, finished, and update the old rows that differ."""
    differ = (
        "(samples.split, samples.source_split, samples.status, samples.group_id) IS DISTINCT FROM "
        "(organised.split, organised.source_split, organised.status, organised.group_id)"
    )
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE moved AS SELECT DISTINCT organised.* "
        f"FROM samples JOIN organised USING (sha256) WHERE {differ}"
    )
    connection.execute(
        "UPDATE samples SET split = moved.split, source_split = moved.source_split, "
        "status = moved.status, group_id = moved.group_id FROM moved "
        "WHERE samples.sha256 = moved.sha256 "
        f"AND {differ.replace('organised', 'moved')}"
    )
    if incoming is not None:
        connection.execute(
            f"INSERT INTO samples BY NAME SELECT {incoming}.* REPLACE (organised.split AS split, "
            "organised.source_split AS source_split, organised.status AS status, "
            "organised.group_id AS group_id) "
            f'FROM {incoming} JOIN organised USING (sha256) ORDER BY "key"'
        )
    for table in ("contents", "organised", "moved"):
        connection.execute(f"DROP TABLE {table}")
    connection.execute("DROP VIEW present")
