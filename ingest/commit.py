"""Make packed shards part of the catalog: one transaction, one snapshot. In: complete sidecars."""

from __future__ import annotations

import json
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from catalog.labels import read_folder_name
from catalog.lake import Lake, create_lake
from catalog.organise import label_tree, organise
from catalog.sources import source_sql
from catalog.storage import Place, exists, join, open_file, publish
from ingest.pack import ROW
from ingest.scan import ClassFolder
from ingest.sources import Dataset

MIN_CONFIDENCE = 0.7
"""Below it a folder's reading is a guess: its pictures stay without a label, and the folder is in
label_review."""

MEMORY_LIMIT = "800MB"
"""Of DuckDB's tables, while 1.47 million rows go into the catalog; Python has its own beside it."""

SAID = "said"
"""Rule of a folder whose label people said: in the server's page, by its ids, or in a file of
classes."""

PACKAGES = ("duckdb", "numpy", "pillow", "pyarrow", "simplejpeg")
"""What the bytes of shards and catalog depend on, besides Leaflake."""


@dataclass(frozen=True)
class Run:
    """What the table `ingests` says of a run besides what its sidecars say."""

    started: datetime
    """UTC, without a time zone."""

    sources: tuple[Path, ...]
    settings: Mapping[str, Any]
    durations: Mapping[str, float]
    """Stage -> seconds; grows while the run goes on."""

    stored_bytes: int


def commit_shards(
    lake_path: Place,
    sidecars: Sequence[Place],
    folders: Sequence[ClassFolder],
    datasets: Sequence[Dataset],
    feedback: pa.Table,
    run: Run,
) -> int:
    """Add the shards' rows, label, group and split them. Returns the new snapshot's number.

    `feedback` is as inbox.FEEDBACK says. Without sidecars only folders, datasets and corrections
    are brought up to date.
    """
    with create_lake(lake_path) as lake, _bounded_memory(lake.connection, lake.path):
        connection = lake.connection
        files = _read_sidecars(connection, [lake.in_sql(sidecar) for sidecar in sidecars])

        def add(connection: duckdb.DuckDBPyConnection) -> None:
            _put_datasets(connection, datasets)
            _insert_folders(connection, folders)
            _supersede(connection)
            _insert_feedback(connection, feedback)
            _make_incoming(connection)
            _insert_rejections(connection)
            organise_incoming(connection)
            _record_run(connection, len(sidecars), run)

        lake.change(f"ingest of {files:,} files", add)
        write_taxonomy(lake)
        return lake.snapshot


def write_taxonomy(lake: Lake) -> None:
    """The label tree as of the newest snapshot, for people without SQL; left alone if it is so."""
    tree = label_tree(lake.connection)
    text = json.dumps(tree.to_json(), indent=1, ensure_ascii=False) + "\n"
    place = join(lake.path, "taxonomy.json")
    if exists(place):
        with open_file(place) as file:
            if file.read() == text.encode():
                return
    with publish(place) as file:
        file.write(text.encode())


@contextmanager
def _bounded_memory(connection: duckdb.DuckDBPyConnection, lake_path: Place) -> Iterator[None]:
    """Let DuckDB put aside on the lake's disk what goes beyond MEMORY_LIMIT; on this machine's, if
    the lake is in an object store."""
    if isinstance(lake_path, Path):
        spill = lake_path / "spill.tmp"
    else:
        spill = Path(tempfile.gettempdir()) / f"leaflake-{os.getpid()}.tmp"
    shutil.rmtree(spill, ignore_errors=True)  # of a run that was killed
    connection.execute(f"SET temp_directory = '{str(spill).replace(chr(39), chr(39) * 2)}'")
    connection.execute(f"SET memory_limit = '{MEMORY_LIMIT}'")
    try:
        yield
    finally:
        shutil.rmtree(spill, ignore_errors=True)


def _read_sidecars(connection: duckdb.DuckDBPyConnection, sidecars: Sequence[str]) -> int:
    """Make the view `packed` of all sidecars: Parquet is read where it lies, not held in memory.

    Returns the number of its rows.
    """
    if sidecars:
        # A view takes no parameters, so the list stands in its text.
        quoted = ", ".join("'" + name.replace("'", "''") + "'" for name in sidecars)
        source = f"FROM read_parquet([{quoted}])"
    else:
        connection.register("no_sidecar", ROW.empty_table())
        source = "FROM no_sidecar"
    connection.execute(f"CREATE OR REPLACE TEMP VIEW packed AS {source}")
    return _count(connection, "SELECT count(*) FROM packed")


def _put_datasets(connection: duckdb.DuckDBPyConnection, datasets: Sequence[Dataset]) -> None:
    """One row a dataset; what this ingest says of it stands."""
    rows = [astuple(dataset) for dataset in datasets]
    schema = [(name, pa.string()) for name in ("dataset", "path", "species", "shots")]
    said = _table(rows, pa.schema(schema))
    connection.register("said", said)
    connection.execute("DELETE FROM datasets WHERE dataset IN (SELECT dataset FROM said)")
    connection.execute("INSERT INTO datasets FROM said ORDER BY dataset")
    connection.unregister("said")


def _insert_folders(connection: duckdb.DuckDBPyConnection, folders: Sequence[ClassFolder]) -> None:
    """One row a new class folder. One that is there keeps its row: somebody may have mended it."""
    present = set(connection.execute("SELECT dataset, folder FROM folders").fetchall())
    rows = []
    for folder in folders:
        if (folder.dataset, folder.folder) not in present:
            rows.append((folder.dataset, folder.folder, *_read_label(folder)))
    connection.register("readings", _table(rows, _READING))
    connection.execute("INSERT INTO folders BY NAME FROM readings")
    connection.unregister("readings")


def _read_label(folder: ClassFolder) -> tuple[str | None, str | None, str, float, bool, str]:
    """What the table `folders` says of a new one, from species to candidates."""
    if folder.label is not None:
        return (*folder.label, SAID, 1.0, True, json.dumps([[*folder.label, 1.0]]))
    reading = read_folder_name(folder.folder, folder.species_hint)
    label = (reading.species, reading.condition, reading.rule)
    return (*label, reading.confidence, reading.sure, json.dumps(reading.candidates))


_READING = pa.schema(
    [
        ("dataset", pa.string()),
        ("folder", pa.string()),
        ("species", pa.string()),
        ("condition", pa.string()),
        ("rule", pa.string()),
        ("confidence", pa.float64()),
        ("sure", pa.bool_()),
        ("candidates", pa.string()),
    ]
)


def _table(rows: Sequence[tuple[Any, ...]], schema: pa.Schema) -> pa.Table:
    columns = zip(*rows, strict=True) if rows else [[] for _ in schema]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.table(arrays, schema=schema)


def _supersede(connection: duckdb.DuckDBPyConnection) -> None:
    """Take the rows of files that changed out of the tables; `superseded` keeps their labels."""
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE superseded AS "
        'SELECT source_path, sha256, species, "condition", split, group_id, '
        "source, source_split FROM samples "
        "WHERE source_path IN (SELECT source_path FROM packed)"
    )
    for table in ("samples", "rejections"):
        connection.execute(
            f"DELETE FROM {table} WHERE source_path IN (SELECT source_path FROM packed)"
        )


def _insert_feedback(connection: duckdb.DuckDBPyConnection, feedback: pa.Table) -> None:
    """Add the corrections that are new, and make the temp table `said` for their pictures.

    `said` has their senders; and, where the lake has the very bytes from elsewhere, the label that
    it has of them, which stands: two labels of one picture make a conflict, and leave it in no
    split, so that anybody could take pictures out of the lake by sending them back.
    """
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE said "
        '(source_path VARCHAR, sender VARCHAR, species VARCHAR, "condition" VARCHAR)'
    )
    if not feedback.num_rows:
        return
    connection.register("given", feedback)
    connection.execute(
        "INSERT INTO feedback BY NAME SELECT DISTINCT ON (feedback_id) given.* FROM given "
        "ANTI JOIN feedback USING (feedback_id) ORDER BY feedback_id"
    )
    connection.unregister("given")
    connection.execute(
        "INSERT INTO said SELECT packed.source_path, any_value(sender), "
        'first(had.species ORDER BY had."key"), first(had."condition" ORDER BY had."key") '
        "FROM packed JOIN feedback USING (source_path) "
        "LEFT JOIN (FROM samples ANTI JOIN feedback USING (source_path)) AS had "
        "ON had.sha256 = packed.sha256 GROUP BY packed.source_path"
    )


def _make_incoming(connection: duckdb.DuckDBPyConnection) -> None:
    """The new samples, labelled by their folder; a file that was only touched keeps what it had."""
    connection.execute("CREATE OR REPLACE TEMP TABLE incoming AS FROM samples LIMIT 0")
    connection.execute(
        f"""
        INSERT INTO incoming BY NAME
        SELECT * REPLACE (coalesce(source, {source_sql()}) AS source)
        FROM (SELECT packed.* EXCLUDE (reason, detail),
            CASE WHEN was.sha256 IS NOT NULL THEN was.species
                WHEN said.species IS NOT NULL THEN said.species ELSE folders.species END AS species,
            CASE WHEN was.sha256 IS NOT NULL THEN was."condition"
                WHEN said.species IS NOT NULL THEN said."condition" ELSE folders."condition" END
                AS "condition",
            was.split, was.group_id, coalesce(was.source, 'sender:' || said.sender) AS source,
            was.source_split
        FROM packed
        LEFT JOIN folders ON folders.dataset = packed.dataset AND folders.folder = packed.folder
            AND folders.confidence >= ?
        LEFT JOIN superseded AS was ON was.source_path = packed.source_path
            AND was.sha256 = packed.sha256
        LEFT JOIN said ON said.source_path = packed.source_path
        WHERE reason IS NULL)
        """,
        [MIN_CONFIDENCE],
    )


def _insert_rejections(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(
        "INSERT INTO rejections BY NAME SELECT dataset, folder, source_path, reason, detail, "
        "source_bytes, source_mtime_ns FROM packed WHERE reason IS NOT NULL ORDER BY source_path"
    )


def _record_run(connection: duckdb.DuckDBPyConnection, num_shards: int, run: Run) -> None:
    seconds = (datetime.now(UTC).replace(tzinfo=None) - run.started).total_seconds()
    commit_s = seconds - sum(run.durations.values())
    versions = {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}
    connection.execute(
        "INSERT INTO ingests BY NAME SELECT ?::TIMESTAMP AS started, ?::DOUBLE AS seconds, "
        "? AS sources, count(*) AS files, count(*) FILTER (reason IS NULL) AS samples, "
        "count(reason) AS rejections, ?::INTEGER AS shards, "
        "coalesce(sum(packed.source_bytes), 0)::BIGINT AS source_bytes, "
        "?::BIGINT AS stored_bytes, ?::JSON AS settings, ?::JSON AS durations, ? AS version, "
        "?::JSON AS versions FROM packed",
        [
            run.started,
            seconds,
            ", ".join(str(source.resolve()) for source in run.sources),
            num_shards,
            run.stored_bytes,
            json.dumps(dict(run.settings)),
            json.dumps({**run.durations, "commit": commit_s}),
            version("leaflake"),
            json.dumps(versions),
        ],
    )


def _count(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    row = connection.execute(query).fetchone()
    assert row is not None  # counting always gives one row
    return int(row[0])


def organise_incoming(connection: duckdb.DuckDBPyConnection) -> None:
    """Move `incoming` into samples, grouped and split."""
    organise(connection, "incoming")
