"""The catalog's derived columns, in a lake: what came, and what somebody relabelled."""

from __future__ import annotations

from collections.abc import Iterable

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


def add(lake: Lake, names: str, label: tuple[str | None, str | None], folder: str) -> None:
    """One sample a letter, whose bytes and looks the letter stands for; then organise."""
    with lake.commit(f"add {names}") as connection:
        for name in names:
            connection.execute(
                'INSERT INTO samples ("key", dataset, folder, source_path, species, "condition", '
                "sha256, phash) VALUES (?, 'set', ?, ?, ?, ?, ?, ?)",
                [
                    f"{folder} {name}",
                    folder,
                    f"/{folder}/{name * 3}",
                    *label,
                    SHA[name],
                    HASHES[name],
                ],
            )
        organise(connection)


def rows(lake: Lake) -> list[tuple[str, str | None, str, str]]:
    return lake.connection.sql(
        'SELECT "key", split, status, group_id FROM samples ORDER BY 1'
    ).fetchall()


def unsplit(lake: Lake) -> list[tuple[str, str]]:
    return lake.connection.sql('SELECT "key", why FROM unsplit').fetchall()


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
    assert lake.connection.sql('SELECT "key" FROM conflicts').fetchall() == [
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
    add(lake, "0123", ("tomato", "healthy"), "Tomato")
    with lake.commit("by hand") as connection:
        connection.execute("UPDATE samples SET split = 'train'")
        connection.execute("UPDATE samples SET split = 'test' WHERE sha256[1] = '1'")
        # A picture that looks like both would join them: here its looks are made theirs.
        connection.execute(
            "UPDATE samples SET phash = ? WHERE sha256[1] IN ('0', '1')", [HASHES["f"]]
        )
    add(lake, "f", ("tomato", "healthy"), "Field")
    found = {key: (split, status, group_id) for key, split, status, group_id in rows(lake)}
    assert found == {
        "Field f": (None, "tie", "tie-" + group("0")),
        "Tomato 0": ("train", "ok", group("0")),
        "Tomato 1": ("test", "ok", group("1")),
        "Tomato 2": ("train", "ok", group("2")),
        "Tomato 3": ("train", "ok", group("3")),
    }
    assert unsplit(lake) == [("Field f", "tie")]
    assert lake.connection.sql("FROM split_leaks").fetchall() == []


def test_the_label_tree_is_what_lies_in_a_split(lake) -> None:
    add(lake, "012", ("tomato", "healthy"), "Tomato")
    add(lake, "345", ("apple", "scab"), "Apple")
    add(lake, "67", ("pear", "healthy"), "Pear")
    tree = label_tree(lake.connection)
    assert [
        (species.species_id, condition.condition_id)
        for species, condition in map(tree.label, range(tree.num_classes))
    ] == [("apple", "scab"), ("tomato", "healthy")]
