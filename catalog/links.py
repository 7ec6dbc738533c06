"""Keep the table `links`: for what reason two samples are taken to show one thing.

In: the samples as they are in this transaction, and as the last snapshot left them. What did not
change is not looked at again, and the table ends as if it had been made from nothing. Links of the
kind same_thing are another's work (leaflake group); here they only end with their samples.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from catalog.near_copies import LAYOUT_BYTES, near_copies
from catalog.order_links import Shot, folder_pairs

LINKS = pa.schema(
    [
        ("key", pa.string()),
        ("other", pa.string()),
        ("kind", pa.string()),
        ("distance", pa.float64()),
    ]
)

_TABLES = (
    "changed", "touched", "looks", "places", "renamed", "void", "renamed_links", "found_links"
)  # fmt: skip
"""Made and dropped here."""

_ROWS = 65_536
"""Rows taken out of DuckDB at a time."""

_COLUMNS = (
    '"key", dataset, folder, source_path, source, species, "condition", split, source_split, '
    "status, sha256, phash, "
    f"coalesce(layout, from_hex(repeat('00', {LAYOUT_BYTES}))) AS layout, captured"
)

_SIGNATURE = (
    'SELECT "key", hash(dataset, folder, source_path, species, sha256, phash, layout, captured) '
    "AS signature FROM "
)
"""Whatever a link hangs on. Compared within one process only, so any hash does."""

_LAST = f"(SELECT {_COLUMNS} FROM lake.samples)"

_REALM = "coalesce(species, '? ' || dataset || chr(0) || folder)"
"""Pictures are compared within a species; of an unknown one within the folder."""


def make_present(connection: duckdb.DuckDBPyConnection, incoming: str | None) -> None:
    """The view `present`: samples, with the rows of the temp table `incoming` if one is named."""
    more = f" UNION ALL SELECT {_COLUMNS} FROM {incoming}" if incoming else ""
    connection.execute(
        f"CREATE OR REPLACE TEMP VIEW present AS SELECT {_COLUMNS} FROM samples{more}"
    )


def update_links(connection: duckdb.DuckDBPyConnection) -> None:
    """Bring `links` up to date with the view `present`; rows that stay are not written again."""
    _find_touched(connection)
    found = pa.concat_tables([_near_copies(connection), _folder_links(connection)])
    connection.register("found", found)
    _find_void(connection)
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE found_links AS FROM found UNION ALL FROM renamed_links"
    )
    connection.execute(
        'DELETE FROM links WHERE ("key", other, kind, distance) IN '
        '(SELECT ("key", other, kind, distance) FROM (FROM void EXCEPT FROM found_links))'
    )
    connection.execute("INSERT INTO links FROM (FROM found_links EXCEPT FROM void) ORDER BY ALL")
    connection.unregister("found")
    for table in _TABLES:
        connection.execute(f"DROP TABLE {table}")


def _find_touched(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the temp tables of what has to be looked at.

    `changed`: keys that are new, gone or different. `touched`: these rows as they were and as they
    are. `looks` and `places`: appearances within a species, and folders, that a touched row has.
    """
    with connection.cursor() as last:  # sees the last snapshot, not this transaction
        connection.register("was", last.execute(f"{_SIGNATURE} {_LAST}").to_arrow_table())
        connection.execute(
            'CREATE OR REPLACE TEMP TABLE changed AS SELECT "key", '
            'was."key" IS NOT NULL AS is_old, now."key" IS NULL AS is_gone '
            f"FROM ({_SIGNATURE} present) AS now FULL JOIN was "
            'USING ("key") WHERE now.signature IS DISTINCT FROM was.signature'
        )
        connection.unregister("was")
        old = connection.execute('SELECT "key" FROM changed WHERE is_old').to_arrow_table()
        last.register("old", old)
        before = last.execute(
            f'FROM {_LAST} WHERE "key" IN (SELECT "key" FROM old)'
        ).to_arrow_table()
        rules = last.execute("SELECT dataset, shots FROM lake.datasets").to_arrow_table()
    connection.register("before", before)
    connection.register("rules", rules)
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE touched AS "
        f'SELECT "key", sha256, {_REALM} AS realm, phash, layout, dataset, folder FROM '
        '(FROM before UNION ALL FROM present WHERE "key" IN (SELECT "key" FROM changed))'
    )
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE looks AS SELECT DISTINCT realm, phash, layout FROM touched"
    )
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE places AS SELECT DISTINCT dataset, folder FROM touched UNION "
        "SELECT DISTINCT dataset, folder FROM present WHERE dataset IN (SELECT dataset FROM "
        "(SELECT dataset, shots FROM datasets) now FULL JOIN rules USING (dataset) "
        "WHERE now.shots IS DISTINCT FROM rules.shots)"
    )
    connection.execute(  # samples that were superseded by the same bytes under another key
        'CREATE OR REPLACE TEMP TABLE renamed AS SELECT before."key" AS was, '
        'min(present."key") AS "key" FROM before JOIN present USING (sha256) '
        'WHERE before."key" IN (SELECT "key" FROM changed WHERE is_gone) GROUP BY ALL'
    )
    connection.unregister("before")
    connection.unregister("rules")


def _near_copies(connection: duckdb.DuckDBPyConnection) -> pa.Table:
    """Links of pictures that are nearly the same, of which one has looks that were touched."""
    reader = connection.execute(
        f'SELECT {_REALM} AS realm, sha256, min("key") AS "key", phash, layout, '
        f"({_REALM}, phash, layout) IN (SELECT (realm, phash, layout) FROM looks) AS is_touched "
        f"FROM present WHERE {_REALM} IN (SELECT realm FROM looks) "
        "GROUP BY ALL ORDER BY realm, sha256"
    ).to_arrow_reader(_ROWS)
    tables = [LINKS.empty_table()]
    for pictures in _runs(reader, "realm"):
        layout = pictures["layout"].cast(pa.binary(LAYOUT_BYTES)).combine_chunks()
        pairs = near_copies(
            pictures["phash"].to_numpy(),
            np.frombuffer(layout.buffers()[1], np.uint8).reshape(-1, LAYOUT_BYTES)[: len(layout)],
            pictures["is_touched"].to_numpy(),
        )
        if len(pairs.first):
            one, other = pictures["key"].take(pairs.first), pictures["key"].take(pairs.second)
            ends = [pc.min_element_wise(one, other), pc.max_element_wise(one, other)]
            kind = pa.repeat("near_copy", len(one))
            tables.append(pa.table([*ends, kind, pairs.distance], schema=LINKS))
    return pa.concat_tables(tables)


def _folder_links(connection: duckdb.DuckDBPyConnection) -> pa.Table:
    """Links by the order of touched folders, and by the patterns of their datasets."""
    patterns = {
        dataset: re.compile(shots)
        for dataset, shots in connection.execute(
            "SELECT dataset, shots FROM datasets WHERE shots IS NOT NULL"
        ).fetchall()
    }
    reader = connection.execute(
        "SELECT dataset || chr(0) || folder AS place, dataset, "
        '"key", sha256, source_path, phash, epoch(captured) AS captured_s FROM present '
        "WHERE (dataset, folder) IN (SELECT (dataset, folder) FROM places) ORDER BY place"
    ).to_arrow_reader(_ROWS)
    tables = [LINKS.empty_table()]
    for folder in _runs(reader, "place"):
        names = ("key", "sha256", "source_path", "phash", "captured_s")
        shots = map(Shot, *(folder[name].to_pylist() for name in names))
        pairs = folder_pairs(list(shots), patterns.get(folder["dataset"][0].as_py()))
        if pairs:
            columns = zip(*((p.key, p.other, p.kind, p.distance) for p in pairs), strict=True)
            tables.append(pa.table([list(column) for column in columns], schema=LINKS))
    return pa.concat_tables(tables)


def _runs(reader: pa.RecordBatchReader, name: str) -> Iterator[pa.Table]:
    """The rows of every value of the column `name`, by which the rows are sorted."""
    held: list[pa.Table] = []
    value = None
    for batch in reader:
        runs = pc.run_end_encode(batch[name])
        start = 0
        for end, this in zip(runs.run_ends.to_pylist(), runs.values.to_pylist(), strict=True):
            if held and this != value:
                yield pa.concat_tables(held)
                held = []
            held.append(pa.table(batch.slice(start, end - start)))
            start, value = end, this
    if held:
        yield pa.concat_tables(held)


def _find_void(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `void`, the stored links that have to be found again to stay, and `renamed_links`."""
    ends_in = '("key" IN (FROM {0}) OR other IN (FROM {0}))'.format
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE void AS "
        'WITH gone AS (SELECT "key" FROM changed WHERE is_gone), '
        'seen AS (SELECT "key" FROM changed UNION ALL SELECT "key" FROM present '
        f"WHERE ({_REALM}, phash, layout) IN (SELECT (realm, phash, layout) FROM looks)), "
        'placed AS (SELECT "key" FROM changed UNION ALL SELECT "key" FROM present '
        "WHERE (dataset, folder) IN (SELECT (dataset, folder) FROM places)) "
        "FROM links WHERE CASE kind "
        f"WHEN 'near_copy' THEN {ends_in('seen')} "
        f"WHEN 'same_thing' THEN {ends_in('gone')} ELSE {ends_in('placed')} END"
    )
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE renamed_links AS "
        'SELECT DISTINCT least(one, two) AS "key", greatest(one, two) AS other, kind, distance '
        'FROM (SELECT coalesce(first."key", void."key") AS one, '
        'coalesce(second."key", void.other) AS two, kind, distance FROM void '
        'LEFT JOIN renamed AS first ON first.was = void."key" '
        "LEFT JOIN renamed AS second ON second.was = void.other WHERE kind = 'same_thing') "
        "WHERE one <> two "
        'AND one NOT IN (SELECT "key" FROM changed WHERE is_gone) '
        'AND two NOT IN (SELECT "key" FROM changed WHERE is_gone)'
    )
