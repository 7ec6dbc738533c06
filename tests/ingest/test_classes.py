"""Pictures of anything: folders, and a file that says which class each shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from catalog.lake import open_lake
from catalog.organise import label_tree
from ingest.classes import class_id, read_classes
from ingest.run import ingest
from leaflake import UsageError, main

CLASSES = "folder\tclass\ncoast\tSandy beach\ndunes\tSandy beach\npeaks\tMountain\nrest\tno_plant\n"


@pytest.fixture
def places(tmp_path, write, draw, encode) -> Path:
    """Four folders of five pictures."""
    folders = ("coast", "dunes", "peaks", "rest")
    pictures = {
        f"{folder}/{name}.jpg": encode(draw(10 * number + position))
        for number, folder in enumerate(folders)
        for position, name in enumerate(("ant", "bee", "cat", "dog", "elk"))
    }
    (tmp_path / "classes.tsv").write_text(CLASSES)
    return write(tmp_path / "places", pictures)


def test_folders_are_merged_into_classes_that_have_no_condition(places, tmp_path):
    ingest([places], tmp_path / "lake", classes=tmp_path / "classes.tsv")
    with open_lake(tmp_path / "lake") as lake:
        ask = lake.connection.execute
        assert ask(
            'SELECT species, "condition", list(DISTINCT folder ORDER BY folder), count(*), '
            "count(DISTINCT split) FROM samples GROUP BY ALL ORDER BY ALL"
        ).fetchall() == [
            ("mountain", "unknown", ["peaks"], 5, 3),
            ("no_plant", "background", ["rest"], 5, 3),
            ("sandy_beach", "unknown", ["coast", "dunes"], 10, 3),
        ]
        assert ask("SELECT count(*) FROM label_review").fetchall() == [(0,)]
        tree = label_tree(lake.connection)
    assert [(one.name, len(one.conditions)) for one in tree.species] == [
        ("Mountain", 1),
        ("No plant", 1),
        ("Sandy beach", 1),
    ]


def test_what_is_new_is_taken_in_with_and_without_the_file(places, tmp_path, draw, encode):
    ingest([places], tmp_path / "lake", classes=tmp_path / "classes.tsv")
    (places / "peaks/fox.jpg").write_bytes(encode(draw(100)))
    assert ingest([places], tmp_path / "lake", classes=tmp_path / "classes.tsv").files == 1
    (places / "peaks/gnu.jpg").write_bytes(encode(draw(101)))
    assert ingest([places], tmp_path / "lake").files == 1
    with open_lake(tmp_path / "lake") as lake:
        row = lake.connection.execute("SELECT count(*) FROM samples WHERE species = 'mountain'")
        assert row.fetchall() == [(7,)]


def test_a_folder_that_is_something_else_in_the_lake_is_refused(places, tmp_path, capsys):
    command = ["ingest", str(places), "--lake", str(tmp_path / "lake"), "--workers", "1"]
    command += ["--classes", str(tmp_path / "classes.tsv")]
    assert main(command) == 0
    (tmp_path / "classes.tsv").write_text(CLASSES.replace("dunes\tSandy beach", "dunes\tDesert"))
    assert main(command) == 2
    assert (
        "the folder 'dunes' of 'places' is sandy_beach in the lake, and desert in the file of "
        "classes. Relabel it there first"
    ) in capsys.readouterr().err


def test_a_dry_run_has_no_name_to_review(places, tmp_path, capsys):
    command = ["ingest", str(places), "--lake", str(tmp_path / "lake"), "--dry-run"]
    assert main([*command, "--classes", str(tmp_path / "classes.tsv")]) == 0
    assert "4 class folders, 0 names to review" in capsys.readouterr().out


def test_names_become_ids():
    assert [class_id(name) for name in ("Sandy  beach", "Forêt-2", "no_plant", "海滩")] == [
        "sandy_beach",
        "foret_2",
        "no_plant",
        "",
    ]


def test_spellings_of_one_class_and_empty_lines_and_the_mark_of_spreadsheets_do_no_harm(tmp_path):
    path = tmp_path / "classes.tsv"
    path.write_text("\ufefffolder\tclass\na b\tBeach\n\nc\tbeach\n")
    assert read_classes(path) == {"a b": "beach", "c": "beach"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", ":1: the header is missing"),
        ("folder,class\na,b\n", ":1: the header is ['folder,class']"),
        ("folder\tclass\na\n", ":2: ['a'] are not two cells"),
        ("folder\tclass\na\t\n", ":2: ['a', ''] are not two cells"),
        ("folder\tclass\na\tb\nc\td\te\n", ":3: ['c', 'd', 'e'] are not two cells"),
        ("folder\tclass\na\tb\na\tc\n", ":3: 'a' stands in an earlier line already"),
        ("folder\tclass\na\t海滩\n", ":2: '海滩' has no Latin letter and no digit"),
        (CLASSES.replace("dunes\tSandy beach\n", ""), ": it does not name the folder 'dunes'"),
        (CLASSES + "forest\tForest\n", ": there is no folder 'forest' in the sources"),
    ],
)
def test_a_wrong_file_is_refused_and_nothing_written(places, tmp_path, capsys, text, why):
    path = tmp_path / "classes.tsv"
    path.write_text(text)
    command = ["ingest", str(places), "--lake", str(tmp_path / "lake"), "--classes", str(path)]
    assert main(command) == 2
    said = capsys.readouterr().err
    assert f"{path}{why}" in said and said.endswith("Nothing was written.\n")
    assert not (tmp_path / "lake").exists()


def test_a_file_that_is_not_there_or_no_text_is_refused(tmp_path):
    with pytest.raises(UsageError, match="cannot be read"):
        read_classes(tmp_path / "none.tsv")
    (tmp_path / "latin.tsv").write_bytes(b"folder\tclass\nfor\xeat\tb\n")
    with pytest.raises(UsageError, match="cannot be read"):
        read_classes(tmp_path / "latin.tsv")


def test_species_and_classes_exclude_each_other(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["ingest", "a", "--lake", "b", "--species", "tomato", "--classes", "c"])
    assert "not allowed with argument" in capsys.readouterr().err
