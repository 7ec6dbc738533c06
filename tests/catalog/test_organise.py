"""The catalog's derived columns, in a lake: what came, and what somebody relabelled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import duckdb
import pytest

from catalog.lake import Lake, create_lake
from catalog.organise import label_tree, organise

SHA = {name: name * 64 for name in "0123456789abcdef"}
HASHES = dict(
    zip(
        "0123456789abcdef",
        [
            0x5A5AF00F12349876, 0x0F0F3C3CA5A49668, 0x8D3B61F2C7049EA8, 0x2C1F9AE054B7D386,
            0xE4917B0D36C8A5F2, 0x73D8A42E9F150B6C, 0xB62E05C9F8714D3A, 0x19F3C86A0D5E72B4,
            0xD0476EB95A3C81FE, 0x4EA1D9703BF6285C, 0x97025FC4E8A1B36C, 0x38CBE6150F7D942A,
            0xF51D306A8CE247B8, 0x6A8E4B97D13F05C2, 0xC3791DA64F82E05E, 0x05B4F8D13E6A97C0,
        ],
        strict=True,
    )
)  # fmt: skip


@pytest.fixture
def lake(tmp_path) -> Iterable[Lake]:
    with create_lake(tmp_path / "lake") as lake:
        yield lake


def insert(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    label: tuple[str | None, str | None],
    folder: str,
    path: str,
    table: str = "samples",
) -> None:
    """One sample, whose bytes and looks the letter stands for."""
    connection.execute(
        f'INSERT INTO {table} ("key", dataset, folder, source_path, species, "condition", '
        "sha256, phash) VALUES (?, 'set', ?, ?, ?, ?, ?, ?)",
        [f"{folder} {name}", folder, path, *label, SHA[name], HASHES[name]],
    )


def add(lake: Lake, names: str, label: tuple[str | None, str | None], folder: str) -> None:
    """One sample a letter; then organise."""
    with lake.commit(f"add {names}") as connection:
        for name in names:
            insert(connection, name, label, folder, f"/{folder}/{name * 3}")
        organise(connection)


def rows(lake: Lake) -> list[tuple[str, str | None, str, str]]:
    return lake.connection.sql(
        'SELECT "key", split, status, group_id FROM samples ORDER BY 1'
    ).fetchall()


def unsplit(lake: Lake) -> list[tuple[str, str]]:
    return lake.connection.sql('SELECT "key", why FROM unsplit ORDER BY "key"').fetchall()


def group(name: str) -> str:
    return name * 16


def test_groups_are_named_by_content(lake) -> None:
    add(lake, "012", ("tomato", "healthy"), "Tomato")
    assert [(key, status, group_id) for key, _, status, group_id in rows(lake)] == [
        ("Tomato 0", "ok", group("0")),
        ("Tomato 1", "ok", group("1")),
        ("Tomato 2", "ok", group("2")),
    ]
    assert unsplit(lake) == []


def send(connection: duckdb.DuckDBPyConnection, names: str) -> None:
    """A correction of each picture in the folder Sent, and one without a picture."""
    paths = [*(f"/Sent/{name * 3}" for name in names), None]
    connection.executemany(
        "INSERT INTO feedback (feedback_id, source_path) VALUES (?, ?)",
        [[f"id {number}", path] for number, path in enumerate(paths)],
    )


def split_sizes(lake: Lake) -> dict[str | None, int]:
    return Counter(split for _, split, _, _ in rows(lake))


def test_pictures_of_corrections_have_shares_of_their_own(lake) -> None:
    with lake.commit("corrections") as connection:
        send(connection, "0123456789")
    add(lake, "0123456789", ("tomato", "healthy"), "Sent")
    assert split_sizes(lake) == {"train": 6, "val": 1, "test": 3}


def test_a_picture_that_the_lake_has_from_elsewhere_too_was_not_only_sent(lake) -> None:
    with lake.commit("corrections and the same pictures") as connection:
        send(connection, "0123456789")
        for name in "0123456789":
            for folder in ("Sent", "Tomato"):
                insert(connection, name, ("tomato", "healthy"), folder, f"/{folder}/{name * 3}")
        organise(connection)
    assert split_sizes(lake) == {"train": 16, "val": 2, "test": 2}


def test_small_class_and_missing_label_are_in_no_split_and_listed(lake) -> None:
    add(lake, "012", ("tomato", "healthy"), "Tomato")
    add(lake, "34", ("apple", "scab"), "Apple")
    add(lake, "5", (None, None), "IMG folder")
    add(lake, "6", ("apple", None), "Apple something")
    assert unsplit(lake) == [
        ("Apple 3", "class too small"),
        ("Apple 4", "class too small"),
        ("Apple something 6", "no label"),
        ("IMG folder 5", "no label"),
    ]


def test_same_bytes_under_two_labels_are_a_conflict(lake) -> None:
    add(lake, "0123", ("tomato", "healthy"), "Tomato")
    add(lake, "3", ("tomato", "late_blight"), "Tomato blight")
    found = {key: (split, status, group_id) for key, split, status, group_id in rows(lake)}
    assert found["Tomato 3"] == (None, "conflict", group("3"))
    assert found["Tomato blight 3"] == (None, "conflict", group("3"))
    assert unsplit(lake) == [("Tomato 3", "conflict"), ("Tomato blight 3", "conflict")]
    assert lake.connection.sql('SELECT "key" FROM conflicts ORDER BY "key"').fetchall() == [
        ("Tomato 3",),
        ("Tomato blight 3",),
    ]


def test_a_conflict_that_somebody_decided_gets_a_split(lake) -> None:
    add(lake, "0123", ("tomato", "healthy"), "Tomato")
    add(lake, "3", ("tomato", "late_blight"), "Tomato blight")
    with lake.commit("it is healthy") as connection:
        connection.execute("UPDATE samples SET \"condition\" = 'healthy' WHERE species = 'tomato'")
        organise(connection)
    found = {key: (split, status) for key, split, status, _ in rows(lake)}
    assert found["Tomato 3"] == found["Tomato blight 3"]
    assert found["Tomato 3"][1] == "ok"
    assert (unsplit(lake), lake.connection.sql("FROM split_leaks").fetchall()) == ([], [])


def test_a_class_that_grew_large_enough_leaves_the_list(lake) -> None:
    add(lake, "01", ("apple", "scab"), "Apple")
    assert unsplit(lake) == [("Apple 0", "class too small"), ("Apple 1", "class too small")]
    add(lake, "2", ("apple", "scab"), "Apple")
    assert unsplit(lake) == []


def test_organising_again_changes_nothing(lake) -> None:
    add(lake, "0123456789", ("tomato", "healthy"), "Tomato")
    add(lake, "19", ("tomato", "healthy"), "Tomato again")
    before = rows(lake)
    with lake.commit("again") as connection:
        organise(connection)
    assert rows(lake) == before


def test_splits_stay_when_pictures_are_added(lake) -> None:
    add(lake, "02468ace", ("tomato", "healthy"), "Tomato")
    before = rows(lake)
    add(lake, "13579bdf", ("tomato", "healthy"), "Tomato field")
    assert [
        row for row in rows(lake) if row[0].startswith("Tomato ") and "field" not in row[0]
    ] == (before)


def test_a_picture_that_joins_two_splits_is_a_tie_and_no_leak(lake) -> None:
    """Two in different splits, and one that looks like the first and comes beside the second."""
    add(lake, "0123", ("tomato", "healthy"), "Tomato")
    with lake.commit("by hand") as connection:
        connection.execute("UPDATE samples SET split = 'train'")
        connection.execute("UPDATE samples SET split = 'test' WHERE sha256[1] = '1'")
        connection.execute("UPDATE samples SET phash = ? WHERE sha256[1] = '0'", [HASHES["f"]])
        connection.execute(
            "UPDATE samples SET source_path = '/Field/8.jpg', folder = 'Field' "
            "WHERE sha256[1] = '1'"
        )
        organise(connection)
    with lake.commit("one more") as connection:
        insert(connection, "f", ("tomato", "healthy"), "Field", "/Field/9.jpg")
        organise(connection)
    found = {key: (split, status, group_id) for key, split, status, group_id in rows(lake)}
    assert found == {
        "Field f": (None, "tie", "tie-" + group("f")),
        "Tomato 0": ("train", "ok", group("0")),
        "Tomato 1": ("test", "ok", group("1")),
        "Tomato 2": ("train", "ok", group("2")),
        "Tomato 3": ("train", "ok", group("3")),
    }
    assert unsplit(lake) == [("Field f", "tie")]
    assert lake.connection.sql("FROM split_leaks").fetchall() == []


def test_of_near_copies_that_a_relabelling_brings_together_one_is_withdrawn(lake) -> None:
    add(lake, "012", ("tomato", "healthy"), "Tomato")
    add(lake, "345", ("pear", "healthy"), "Pear")
    with lake.commit("by hand") as connection:
        connection.execute("UPDATE samples SET split = 'train' WHERE sha256[1] = '0'")
        connection.execute("UPDATE samples SET split = 'test' WHERE sha256[1] = '3'")
        connection.execute(
            "UPDATE samples SET phash = ? WHERE sha256[1] IN ('0', '3')", [HASHES["f"]]
        )
        organise(connection)
    assert unsplit(lake) == []
    relabel = "UPDATE samples SET species = 'tomato' WHERE sha256[1] = '3'"
    with lake.commit("relabel") as connection:
        connection.execute(relabel)
        organise(connection)
    assert unsplit(lake) == [("Tomato 0", "withdrawn")]
    with lake.commit("the reason goes, the memory of its split does not") as connection:
        connection.execute("DELETE FROM samples WHERE sha256[1] = '3'")
        organise(connection)
    assert unsplit(lake) == [("Tomato 0", "withdrawn")]
    with lake.commit("place it again") as connection:
        connection.execute("UPDATE samples SET status = NULL WHERE status = 'withdrawn'")
        organise(connection)
    assert unsplit(lake) == []


def test_incoming_rows_are_inserted_finished_and_old_ones_written_only_where_they_differ(
    lake,
) -> None:
    add(lake, "2468", ("tomato", "healthy"), "Tomato")
    before = rows(lake)
    with lake.commit("come") as connection:
        connection.execute("CREATE TEMP TABLE incoming AS FROM samples LIMIT 0")
        for name in "3f":
            insert(connection, name, ("tomato", "healthy"), "Field", f"/F/{name * 3}", "incoming")
        organise(connection, "incoming")
    old = [row for row in rows(lake) if row[0].startswith("Tomato")]
    new = [(key, status, group_id) for key, _, status, group_id in rows(lake) if "Field" in key]
    assert old == before
    assert new == [("Field 3", "ok", group("3")), ("Field f", "ok", group("f"))]
    changes = lake.connection.execute(
        "SELECT change_type, count(*) FROM ducklake_table_changes('lake', 'main', 'samples', ?, ?) "
        "GROUP BY ALL",
        [lake.snapshot, lake.snapshot],
    ).fetchall()
    assert changes == [("insert", 2)]


def test_a_file_that_was_only_touched_keeps_its_split(lake) -> None:
    add(lake, "012345", ("tomato", "healthy"), "Tomato")
    before = {key: split for key, split, _, _ in rows(lake)}
    with lake.commit("touched") as connection:
        connection.execute(
            'CREATE TEMP TABLE incoming AS SELECT * REPLACE (\'new \' || "key" AS "key", '
            "NULL AS status) FROM samples WHERE sha256 < '3'"
        )
        connection.execute("DELETE FROM samples WHERE sha256 < '3'")
        organise(connection, "incoming")
    after = {key.removeprefix("new "): split for key, split, _, _ in rows(lake)}
    assert after == before
    assert len(after) == 6


def by_source(lake: Lake) -> dict[str, tuple[str | None, str | None]]:
    rows = lake.connection.sql('SELECT "key", source, source_split FROM samples').fetchall()
    return {key: (source, side) for key, source, side in rows}


def test_sources_are_named_and_lie_on_one_side(lake) -> None:
    add(lake, "012345", ("tomato", "healthy"), "IMG_20211011_120000")
    with lake.commit("somebody knows two of the photographers") as connection:
        connection.execute(
            "UPDATE samples SET source = 'photographer:anna', source_split = NULL "
            "WHERE sha256 < '2'"
        )
        connection.execute("UPDATE samples SET source = NULL WHERE sha256[1] = '5'")
        organise(connection)
    assert by_source(lake) == {
        **{f"IMG_20211011_120000 {name}": ("photographer:anna", "test") for name in "01"},
        **{f"IMG_20211011_120000 {name}": ("dataset:set", "train") for name in "2345"},
    }
    assert lake.connection.sql("FROM source_leaks").fetchall() == []


def test_what_is_in_no_split_has_a_source_and_no_side(lake) -> None:
    add(lake, "01", ("apple", "scab"), "Apple")
    add(lake, "2", (None, None), "Apple something")
    assert set(by_source(lake).values()) == {("dataset:set", None)}


def test_copies_in_two_datasets_tie_their_sources(lake) -> None:
    add(lake, "0123456789", ("tomato", "healthy"), "Tomato")
    with lake.commit("two more datasets, of which one holds a copy") as connection:
        for name, dataset in (("0", "one"), ("f", "one"), ("e", "two")):
            insert(connection, name, ("tomato", "healthy"), dataset, f"/{dataset}/{name}")
            connection.execute("UPDATE samples SET dataset = folder WHERE folder = ?", [dataset])
        organise(connection)
    found = by_source(lake)
    assert [found[key] for key in ("Tomato 0", "one 0", "one f", "two e")] == [
        ("dataset:set", "train"),
        ("dataset:one", "train"),
        ("dataset:one", "train"),
        ("dataset:two", "test"),
    ]
    assert lake.connection.sql("FROM source_leaks").fetchall() == []


def test_the_label_tree_is_what_lies_in_a_split(lake) -> None:
    add(lake, "012", ("tomato", "healthy"), "Tomato")
    add(lake, "345", ("apple", "scab"), "Apple")
    add(lake, "67", ("pear", "healthy"), "Pear")
    tree = label_tree(lake.connection)
    assert [
        (species.species_id, condition.condition_id)
        for species, condition in map(tree.label, range(tree.num_classes))
    ] == [("apple", "scab"), ("tomato", "healthy")]
