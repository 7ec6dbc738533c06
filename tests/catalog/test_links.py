"""The table of links: what is found, what is found again, and what ends with its samples.

DuckDB's own tables stand in for the lake's, as they are ten times as fast to make;
test_organise.py runs the same on a lake.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import catalog.lake
from catalog.groups import MAX_GROUP
from catalog.links import make_present, update_links
from catalog.organise import organise

SCHEMA = Path(catalog.lake.__file__).with_name("schema.sql").read_text(encoding="utf-8")
BASE = 0x0F0F_3C3C_A5A4_9668
FAR = 0x5A5A_F00F_1234_9876

Row = dict[str, Any]


def bits(count: int) -> int:
    """A mask of `count` bits, none of them bit 0."""
    return ((1 << count) - 1) << 1


def make_tables() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("ATTACH ':memory:' AS lake")
    connection.execute("USE lake")
    connection.execute(SCHEMA)
    return connection


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with make_tables() as connection:
        yield connection


@contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    connection.execute("BEGIN")
    yield
    connection.execute("COMMIT")


def sample(key: str, phash: int = BASE, **other: Any) -> Row:
    """Of tomato, healthy, in a folder of that name, with a name that follows no other."""
    given_folder = other.get("folder", "Tomato")
    return {
        "key": key,
        "sha256": f"{key:_<64}",
        "phash": phash,
        "dataset": "set",
        "folder": given_folder,
        "source_path": f"/set/{given_folder}/{key * 2}.jpg",
        "species": "tomato",
        "condition": "healthy",
        **other,
    }


def insert(connection: duckdb.DuckDBPyConnection, rows: list[Row], table: str = "samples") -> None:
    for row in rows:
        names = ", ".join(f'"{name}"' for name in row)
        marks = ", ".join("?" * len(row))
        connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", list(row.values()))


def link(connection: duckdb.DuckDBPyConnection, *statements: str, rows: list[Row] = []) -> None:  # noqa: B006
    """Run the statements, insert the rows, and bring the links up to date."""
    with transaction(connection):
        for statement in statements:
            connection.execute(statement)
        insert(connection, rows)
        make_present(connection, None)
        update_links(connection)


def links(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str, str, float]]:
    return connection.sql("FROM links ORDER BY ALL").fetchall()


def test_near_copies_are_found_in_a_species_across_folders(connection) -> None:
    rows = [
        sample("a", BASE),
        sample("b", BASE ^ bits(4), folder="Tomato field"),
        sample("c", BASE ^ bits(4), species="pear", folder="Pear"),
        sample("d", FAR),
    ]
    link(connection, rows=rows)
    assert links(connection) == [("a", "b", "near_copy", 4.0)]


def test_of_an_unknown_species_only_those_of_one_folder_are_compared(connection) -> None:
    unknown: Row = {"species": None, "condition": None}
    rows = [
        sample("a", BASE, folder="x", **unknown),
        sample("b", FAR, folder="x", **unknown),
        sample("c", BASE ^ bits(2), folder="x", **unknown),
        sample("d", BASE ^ bits(2), folder="y", **unknown),
    ]
    link(connection, rows=rows)
    assert links(connection) == [("a", "c", "near_copy", 2.0)]


def test_same_bytes_need_no_link_and_one_row_stands_for_all(connection) -> None:
    rows = [
        sample("b", BASE, sha256="s", folder="x"),
        sample("a", BASE, sha256="s", folder="y"),
        sample("c", BASE ^ bits(3), folder="z"),
    ]
    link(connection, rows=rows)
    assert links(connection) == [("a", "c", "near_copy", 3.0)]


def test_different_colours_make_no_near_copy(connection) -> None:
    layouts = np.random.default_rng(0).integers(0, 256, (2, 48), dtype=np.uint8)
    rows = [sample(key, layout=layouts[n].tobytes(), folder=key) for n, key in enumerate("ab")]
    link(connection, rows=rows)
    assert links(connection) == []


def test_neighbours_by_name_and_by_time_are_linked(connection) -> None:
    noon = datetime(2024, 5, 17, 12)
    rows = [
        sample("a", BASE, source_path="/set/T/IMG_9.jpg"),
        sample("b", FAR, source_path="/set/T/IMG_10.jpg", captured=noon),
        sample("c", BASE ^ bits(30), source_path="/set/T/IMG_20.jpg"),
        sample(
            "d", FAR ^ bits(15), source_path="/set/T/z.jpg", captured=noon + timedelta(seconds=9)
        ),  # fmt: skip
    ]
    link(connection, rows=rows)
    assert links(connection) == [
        ("a", "b", "numbered", float((BASE ^ FAR).bit_count())),
        ("b", "d", "burst", 15.0),
    ]


def test_shots_are_linked_as_soon_as_the_dataset_has_a_pattern_and_as_long(connection) -> None:
    rows = [
        sample("a", BASE, source_path="/set/T/x leaf7.jpg"),
        sample("b", FAR, source_path="/set/T/y leaf7.jpg"),
    ]
    link(connection, rows=rows)
    assert links(connection) == []
    link(connection, r"INSERT INTO datasets VALUES ('set', '/set', NULL, '(leaf\d+)')")
    assert links(connection) == [("a", "b", "shots", 0.0)]
    link(connection, "UPDATE datasets SET path = '/moved/set'")
    assert links(connection) == [("a", "b", "shots", 0.0)]
    link(connection, "DELETE FROM datasets")
    assert links(connection) == []


def test_links_end_with_their_samples_and_new_neighbours_get_theirs(connection) -> None:
    rows = [sample(key, source_path=f"/set/T/IMG_{key}.jpg") for key in "123"]
    rows[1]["phash"] = FAR
    rows[2]["phash"] = BASE ^ bits(15)
    link(connection, rows=rows)
    assert [row[:3] for row in links(connection)] == [
        ("1", "2", "numbered"),
        ("2", "3", "numbered"),
    ]
    link(connection, "DELETE FROM samples WHERE \"key\" = '2'")
    assert links(connection) == [("1", "3", "burst", 15.0)]


def test_another_stands_for_its_copies_when_the_first_one_goes(connection) -> None:
    rows = [
        sample("a", BASE, sha256="s", folder="x"),
        sample("b", BASE, sha256="s", folder="y"),
        sample("c", BASE ^ bits(3), folder="z"),
    ]
    link(connection, rows=rows)
    link(connection, "DELETE FROM samples WHERE \"key\" = 'a'")
    assert links(connection) == [("b", "c", "near_copy", 3.0)]


def test_a_relabelled_picture_is_compared_with_its_new_species(connection) -> None:
    rows = [
        sample("a", BASE),
        sample("b", BASE ^ bits(2), folder="x"),
        sample("c", BASE ^ bits(4), folder="y", species="pear"),
    ]
    link(connection, rows=rows)
    assert links(connection) == [("a", "b", "near_copy", 2.0)]
    link(connection, "UPDATE samples SET species = 'pear' WHERE \"key\" = 'b'")
    assert links(connection) == [("b", "c", "near_copy", 2.0)]


def test_links_by_appearance_stay_end_and_go_over_to_a_new_key_of_the_same_bytes(
    connection,
) -> None:
    rows = [sample(key, FAR ^ bits(25 * place)) for place, key in enumerate("abc")]
    link(connection, rows=rows)
    link(
        connection,
        "INSERT INTO links VALUES ('a', 'b', 'same_thing', 0.1), ('b', 'c', 'same_thing', 0.2)",
    )
    again = {**rows[0], "key": "z"}
    link(connection, "DELETE FROM samples WHERE \"key\" IN ('a', 'c')", rows=[again])
    assert links(connection) == [("b", "z", "same_thing", 0.1)]


def test_only_what_changed_is_written(connection) -> None:
    link(connection, rows=[sample("a"), sample("b", BASE ^ bits(2), folder="x")])
    connection.execute("UPDATE links SET distance = 77")  # would be mended if it were looked at
    link(connection, rows=[sample("d", FAR, folder="y")])
    assert links(connection) == [("a", "b", "near_copy", 77.0)]


# What follows makes lakes step by step and asks what must hold in each.

STEP = st.lists(
    st.tuples(
        st.integers(0, 11),  # bytes; their looks and their time follow from them
        st.sampled_from(["tomato", "pear", None]),
        st.sampled_from(["healthy", "rust"]),
        st.integers(0, 1),  # folder
        st.integers(1, 9),  # number in the name
    ),
    max_size=14,
)
_RNG = np.random.default_rng(5)
_LOOKS = [int(h) & ~1 for h in _RNG.integers(0, 2**63, 4, dtype=np.uint64)]
_NOON = datetime(2024, 5, 17, 12)


def rows_of(step: int, drawn: list[tuple[int, str | None, str, int, int]]) -> list[Row]:
    rows = []
    for place, (content, species, condition, folder, number) in enumerate(drawn):
        name = f"{species}{folder}"
        rows.append(
            sample(
                f"{step:03d}-{place:03d}",
                _LOOKS[content % 4] ^ bits(content),
                sha256=f"{content * 7 % 12:x}" * 64,
                folder=name,
                source_path=f"/set/{name}/IMG_{number}_{step}.jpg",
                species=species,
                condition=condition if species else None,
                captured=_NOON + timedelta(seconds=content * 6) if content % 2 else None,
            )
        )
    return rows


def take_in(connection: duckdb.DuckDBPyConnection, rows: list[Row]) -> None:
    """As an ingest does it."""
    with transaction(connection):
        connection.execute("CREATE OR REPLACE TEMP TABLE incoming AS FROM samples LIMIT 0")
        insert(connection, rows, "incoming")
        organise(connection, "incoming")


def organised(connection: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    return connection.sql(
        'SELECT "key", split, status, group_id FROM samples ORDER BY "key"'
    ).fetchall()


def check(connection: duckdb.DuckDBPyConnection) -> None:
    """No bytes, no group and no sure link in two splits; links as if made anew; twice is once."""
    leaks = connection.sql(
        "SELECT sha256 FROM samples GROUP BY ALL HAVING count(DISTINCT split) > 1 UNION ALL "
        "SELECT group_id FROM samples GROUP BY ALL HAVING count(DISTINCT split) > 1 UNION ALL "
        'SELECT links."key" FROM links JOIN samples AS a ON a."key" = links."key" '
        'JOIN samples AS b ON b."key" = links.other '
        "WHERE a.split <> b.split AND kind IN ('near_copy', 'shots')"
    ).fetchall()
    assert leaks == []
    largest = connection.sql(
        "SELECT max(pictures) FROM (SELECT count(DISTINCT sha256) AS pictures FROM samples "
        "GROUP BY group_id)"
    ).fetchall()[0][0]
    assert largest is None or largest <= MAX_GROUP
    before = (organised(connection), links(connection))
    with transaction(connection):
        organise(connection)
    assert (organised(connection), links(connection)) == before
    with make_tables() as anew:
        anew.register("datasets_now", connection.sql("FROM datasets").to_arrow_table())
        anew.execute("INSERT INTO datasets FROM datasets_now")
        anew.register("old", connection.sql("FROM samples").to_arrow_table())
        link(anew, "INSERT INTO samples FROM old")
        assert links(anew) == before[1]


@settings(max_examples=8, deadline=None)
@given(st.lists(STEP, min_size=1, max_size=4))
def test_additions_change_no_split_and_leak_nothing(steps) -> None:
    with make_tables() as connection:
        for number, drawn in enumerate(steps):
            before = organised(connection)
            take_in(connection, rows_of(number, drawn))
            after = {row[0]: row[1:] for row in organised(connection)}
            for key, split, _, _ in before:
                now, status, _ = after[key]
                assert now == split or split is None or status == "conflict"
            check(connection)


CHANGE = st.sampled_from(
    [
        "UPDATE samples SET species = 'pear', \"condition\" = 'rust' WHERE folder = 'tomato0'",
        "UPDATE samples SET species = 'tomato' WHERE folder = 'pear1'",
        "UPDATE samples SET species = NULL, \"condition\" = NULL WHERE folder = 'pear0'",
        "DELETE FROM samples WHERE \"key\" LIKE '%3'",
        "DELETE FROM samples WHERE sha256 < '4'",
        "UPDATE samples SET split = 'test' WHERE folder = 'tomato1'",
        "UPDATE samples SET split = NULL",
        "UPDATE samples SET status = NULL",
        'INSERT INTO samples BY NAME SELECT * REPLACE (\'z\' || "key" AS "key", '
        "NULL AS split, 'pear1' AS folder) FROM samples WHERE \"key\" LIKE '000%'",
        "DELETE FROM datasets",
        "INSERT INTO datasets VALUES ('set', '/set', NULL, '_(\\d)')",
    ]
)


@settings(max_examples=8, deadline=None)
@given(STEP, st.lists(st.tuples(CHANGE, STEP), max_size=3))
def test_whatever_somebody_changes_nothing_leaks_and_links_are_as_made_anew(first, more) -> None:
    with make_tables() as connection:
        take_in(connection, rows_of(0, first))
        for number, (change, drawn) in enumerate(more, 1):
            with transaction(connection):
                connection.execute(change.replace("'z'", f"'z{number}'"))
                organise(connection)
            check(connection)
            take_in(connection, rows_of(number, drawn))
            check(connection)
