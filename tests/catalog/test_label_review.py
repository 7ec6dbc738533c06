"""`leaflake labels review` and `apply`: the sheet, what it is refused for, what it changes."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.label_review import Row, _guarded, _unguarded, read_sheet, write_sheet
from catalog.lake import create_lake, open_lake
from catalog.organise import organise
from catalog.taxonomy import Condition, LabelTree, Species
from leaflake import main

PHASHES = [
    0x5A5AF00F12349876, 0x0F0F3C3CA5A49668, 0x8D3B61F2C7049EA8, 0x2C1F9AE054B7D386,
    0xE4917B0D36C8A5F2, 0x73D8A42E9F150B6C, 0xB62E05C9F8714D3A, 0x19F3C86A0D5E72B4,
]  # fmt: skip
"""Pictures that look like nothing else."""

FOLDERS = [
    ("set", "Pepper spot", None, None, 0.4, False, '[["bell_pepper", "leaf_spot", 0.3]]'),
    ("set", "001", None, None, 0.0, False, "[]"),
    ("set", "=weird, é", "tomato", None, 0.3, False, '[["tomato", null, 0.3]]'),
    ("set", "Apple_rust", "apple", "rust", 0.99, True, '[["apple", "rust", 0.99]]'),
]
"""dataset, folder, species, condition, confidence, sure, candidates."""

HEADER = (
    "dataset,folder,pictures,species,condition,guess_species,guess_condition,rule,confidence,"
    "candidate_1,candidate_2,candidate_3,example\r\n"
)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake of four folders with two pictures each, in snapshot 2."""
    path = tmp_path_factory.mktemp("labels") / "lake"
    with create_lake(path) as lake, lake.commit("four folders") as connection:
        for number, (dataset, folder, species, condition, confidence, sure, near) in enumerate(
            FOLDERS
        ):
            connection.execute(
                "INSERT INTO folders VALUES (?, ?, ?, ?, 'test', ?, ?, ?)",
                [dataset, folder, species, condition, confidence, sure, near],
            )
            for position in (0, 1):
                place = 2 * number + position
                labels = (species, condition) if confidence >= 0.7 else (None, None)
                connection.execute(
                    'INSERT INTO samples ("key", dataset, folder, source_path, species, '
                    '"condition", sha256, phash) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
                    [f"k{place}", dataset, folder, f"/s/{folder}/{'ab'[position] * 3}.jpg", *labels,
                     f"{place}" * 64, PHASHES[place]],
                )  # fmt: skip
        organise(connection)
    return path


@pytest.fixture
def path(template: Path, tmp_path: Path) -> Path:
    """A copy of it for one test."""
    return shutil.copytree(template, tmp_path / "lake")


@pytest.fixture
def apply(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Callable]:
    """apply(text of the sheet, *options) -> (exit status, standard output, standard error)."""

    def run(text: str | bytes, *options: str) -> tuple[int, str, str]:
        sheet = tmp_path / "review.csv"
        sheet.write_bytes(text if isinstance(text, bytes) else text.encode())
        status = main(["labels", "apply", str(sheet), "--lake", str(path), *options])
        out, err = capsys.readouterr()
        return status, out, err.replace(f"{sheet}", "review.csv")

    return run


def labels(path: Path) -> dict[str, tuple[str | None, str | None]]:
    with open_lake(path) as lake:
        rows = lake.connection.sql('SELECT "key", species, "condition" FROM samples').fetchall()
    return {key: (species, condition) for key, species, condition in rows}


def snapshot(path: Path) -> int:
    with open_lake(path) as lake:
        return lake.snapshot


def test_review_writes_the_unsure_folders_with_their_guesses(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "review.csv"
    assert main(["labels", "review", "--lake", str(path), "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"{out}: 3 folders to look at, with 6 pictures\n"
    assert out.read_bytes().startswith(b"\xef\xbb\xbfdataset,folder")
    assert out.read_bytes().decode("utf-8-sig") == HEADER + (
        "set,'001,2,,,,,test,0.0,,,,/s/001/aaa.jpg\r\n"
        'set,"\'=weird, é",2,,,tomato,,test,0.3,tomato ? (0.30),,,"/s/=weird, é/aaa.jpg"\r\n'
        "set,Pepper spot,2,,,,,test,0.4,bell_pepper leaf_spot (0.30),,,/s/Pepper spot/aaa.jpg\r\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["lake", "review.csv"]


def test_review_does_not_overwrite_decisions(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "review.csv"
    out.write_text("mine")
    assert main(["labels", "review", "--lake", str(path), "--out", str(out)]) == 2
    assert "is there already, and may hold decisions" in capsys.readouterr().err
    assert out.read_text() == "mine"


def test_review_reads_an_older_snapshot(
    path: Path, tmp_path: Path, apply: Callable, capsys: pytest.CaptureFixture[str]
) -> None:
    apply("dataset,folder,species,condition\nset,001,apple,scab\n")
    for at, folders in (("2", 3), ("3", 2)):
        out = tmp_path / f"{at}.csv"
        assert main(["labels", "review", "--lake", str(path), "--out", str(out), "--at", at]) == 0
        assert f"{folders} folders" in capsys.readouterr().out


def test_apply_takes_ids_and_names_in_one_snapshot(path: Path, apply: Callable) -> None:
    assert apply(
        "dataset,folder,species,condition\n"
        "set,Pepper spot,Bell pepper,Bacterial leaf spot\n"
        "set,'001,,\n"
        'set,"\'=weird, é",tomato,late_blight\n'
    ) == (
        0,
        "set/Pepper spot: bell_pepper bacterial_spot, 2 pictures\n"
        "set/=weird, é: tomato late_blight, 2 pictures\n"
        "2 folders decided, 4 pictures relabelled, 1 rows undecided, 0 as they were, snapshot 3; "
        "--at 2 reads the lake as it was\n",
        "",
    )
    assert labels(path) == {
        "k0": ("bell_pepper", "bacterial_spot"), "k1": ("bell_pepper", "bacterial_spot"),
        "k2": (None, None), "k3": (None, None),
        "k4": ("tomato", "late_blight"), "k5": ("tomato", "late_blight"),
        "k6": ("apple", "rust"), "k7": ("apple", "rust"),
    }  # fmt: skip
    with open_lake(path) as lake:
        assert lake.connection.sql(
            "SELECT species, \"condition\", rule, confidence, sure, candidates FROM folders "
            "WHERE folder = 'Pepper spot'"
        ).fetchall() == [
            ("bell_pepper", "bacterial_spot", "person", 1.0, True,
             '[["bell_pepper", "bacterial_spot", 1.0]]')
        ]  # fmt: skip
        assert lake.connection.sql("SELECT folder FROM label_review").fetchall() == [("001",)]
    with open_lake(path, at=2) as lake:
        assert lake.connection.sql("SELECT count(*) FROM label_review").fetchall() == [(3,)]


def test_a_sheet_applied_twice_changes_nothing_the_second_time(path: Path, apply: Callable) -> None:
    sheet = "dataset,folder,species,condition\nset,001,,background\nset,Pepper spot,,\n"
    assert apply(sheet)[1].startswith("set/001: no_plant background, 2 pictures\n")
    assert apply(sheet) == (
        0, "1 rows undecided, 1 as they were. Nothing to change, nothing was written.\n", "",
    )  # fmt: skip
    assert snapshot(path) == 3


def test_a_decision_can_be_changed_and_a_picture_decided_by_itself_is_kept(
    path: Path, apply: Callable
) -> None:
    head = "dataset,folder,species,condition\n"
    apply(head + "set,001,apple,scab\n")
    sql = "update samples set condition = 'rust' where key = 'k2'"
    assert main(["sql", "--lake", str(path), sql]) == 0
    out = apply(head + "set,001,pear,scab\n")[1]
    assert out.splitlines()[-2] == "set/001: pear scab, 1 pictures, 1 keep a label of their own"
    assert labels(path)["k2"] == ("apple", "rust")
    assert labels(path)["k3"] == ("pear", "scab")


@pytest.mark.parametrize(
    "sheet",
    [
        "\ufeffdataset;folder;species;condition\r\nset;001;apple;scab\r\n",
        "Dataset\tFolder\tSpecies\tCondition\nset\t001\tApple \tscab\n",
        'dataset,folder,note,condition,species\nset,001,"a, b\nc",scab,apple\n,,,,\n\n',
        '"dataset";"folder";"species";"condition"\r\n"set";"\'001";"apple";"scab"',
    ],
    ids=["excel", "tabs", "moved columns", "quoted"],
)
def test_what_a_spreadsheet_makes_of_it_is_read(path: Path, apply: Callable, sheet: str) -> None:
    assert apply(sheet)[0] == 0
    assert labels(path)["k2"] == ("apple", "scab")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("set,Peper spot,apple,scab", ':2: there is no folder "Peper spot" of the dataset "set" in '
         "the lake. Near to it: Pepper spot."),
        ("other,001,apple,scab", ':2: there is no folder "001" of the dataset "other"'),
        ("set,001,aple,scab", ':2: "aple" is no known species. Near to it: maple, apple'),
        ("set,001,apple,skab", ':2: "skab" is no known condition. Near to it: scab'),
        ("set,001,Pepper,scab", ':2: "Pepper" is no known species. Near to it: '),
        ("set,001,Moon flower,scab", "like moon_flower, and let in by --new-names."),
        ("set,001,apple,", ":2: apple has no condition beside it. Write healthy, a disease, or"),
        ("set,001,,scab", ':2: the condition "scab" has no species beside it.'),
        ("set,001,no_plant,scab", ':2: "no_plant" and "scab" do not go together'),
        ("set,001,apple,background", ':2: "apple" and "background" do not go together'),
        ("set,001,apple,scab\nset,001,apple,rust", ':3: "001" is apple rust here and apple scab '
         "in line 2."),
        ('set,001,,\nset,"Pepper spot"', ":3: 2 cells, but the first line names 4 columns."),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_right_is_refused_with_its_line(
    path: Path, apply: Callable, lines: str, message: str
) -> None:
    status, out, err = apply(f"dataset,folder,species,condition\n{lines}\n")
    assert (status, out) == (2, "")
    assert message in err
    assert err.endswith("Nothing was written.\n")
    assert snapshot(path) == 2


@pytest.mark.parametrize(
    ("sheet", "message"),
    [
        (b"", ":1: has no column dataset, folder, species, condition, or has it twice."),
        (b"dataset,folder,species\n", ":1: has no column condition, or has it twice."),
        (b"dataset,folder,species,species,condition\n", ":1: has no column species, or has it"),
        ("dataset,folder,species,condition\nset,é,apple,scab".encode("latin-1"), "no UTF-8 text"),
    ],
)
def test_a_sheet_that_is_none_is_refused(
    path: Path, apply: Callable, sheet: bytes, message: str
) -> None:
    status, _, err = apply(sheet)
    assert (status, message in err) == (2, True)
    assert snapshot(path) == 2


def test_a_missing_sheet_is_refused(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["labels", "apply", "no.csv", "--lake", str(path)]) == 2
    assert "no.csv: No such file or directory. Nothing was written." in capsys.readouterr().err


def test_new_names_are_let_in_when_asked_and_known_from_then_on(
    path: Path, apply: Callable
) -> None:
    sheet = "dataset,folder,species,condition\nset,001,moon_flower,moon_rot\n"
    assert apply(sheet)[0] == 2
    status, out, _ = apply(sheet, "--new-names")
    assert status == 0
    assert out.splitlines()[1] == "new names: moon_flower, moon_rot"
    again = "dataset,folder,species,condition\nset,Pepper spot,moon_flower,Healthy\n"
    assert apply(again)[0] == 0
    with open_lake(path) as lake:
        pairs = lake.connection.sql(
            "SELECT DISTINCT species, \"condition\" FROM samples WHERE species = 'moon_flower'"
        ).fetchall()
        assert sorted(pairs) == [("moon_flower", "healthy"), ("moon_flower", "moon_rot")]
    assert LabelTree.from_pairs(pairs).label(1) == (
        Species("moon_flower", "Moon flower", "", (
            Condition("healthy", "Healthy", "none"),
            Condition("moon_rot", "Moon rot", "unknown"),
        )),
        Condition("moon_rot", "Moon rot", "unknown"),
    )  # fmt: skip


def test_a_name_that_is_no_id_is_refused_even_with_new_names(path: Path, apply: Callable) -> None:
    status, _, err = apply(
        "dataset,folder,species,condition\nset,001,Moon-Flower!,rust\n", "--new-names"
    )
    assert (status, "like moon_flower, and let in by --new-names" in err) == (2, True)


def test_a_decided_conflict_gets_a_split(path: Path) -> None:
    with open_lake(path, read_only=False) as lake, lake.commit("a copy elsewhere") as connection:
        for number in range(3):  # so that the class is large enough for a split
            connection.execute(
                'INSERT INTO samples ("key", dataset, folder, source_path, species, "condition", '
                "sha256, phash) VALUES (?, 'set', 'Apple_rust', ?, 'apple', 'rust', ?, ?)",
                [f"m{number}", f"/s/{'xyz'[number] * 3}.jpg", "abc"[number] * 64,
                 0x0123456789ABCDEF * (2 * number + 3) % 2**64],
            )  # fmt: skip
        connection.execute(
            'INSERT INTO samples ("key", dataset, folder, source_path, species, "condition", '
            "sha256, phash) VALUES ('copy', 'set', 'other', '/s/o/q.jpg', 'pear', 'scab', ?, ?)",
            ["6" * 64, PHASHES[6]],
        )
        organise(connection)
    question = "SELECT status, split IS NULL FROM samples WHERE sha256 = repeat('6', 64)"
    with open_lake(path) as lake:
        assert lake.connection.sql(question).fetchall() == [("conflict", True)] * 2
    decided = (
        "update samples set species = 'apple', condition = 'rust' "
        "where sha256 = (select sha256 from samples where key = 'k6')"
    )
    assert main(["sql", "--lake", str(path), decided]) == 0
    with open_lake(path) as lake:
        assert lake.connection.sql(question).fetchall() == [("ok", False)] * 2


@given(st.text(min_size=1, max_size=20))
def test_any_folder_name_survives_the_guard(name: str) -> None:
    assert _unguarded(str(_guarded(name))) == name


@pytest.mark.parametrize(
    "name", ["001", "1-2", "3.5", "5E3", "Mar 5", "5-Mar", "-N", "+x", "=1", "'"]
)
def test_what_a_spreadsheet_would_change_is_guarded(name: str) -> None:
    assert _guarded(name) == "'" + name


@pytest.mark.parametrize("name", ["5_cercospora", "Apple_rust", "March rot", "3 rust"])
def test_a_plain_name_is_left_as_it_is(name: str) -> None:
    assert _guarded(name) == name


@given(
    st.lists(st.tuples(*[st.text(st.characters(exclude_categories=["Cs"]), max_size=8)] * 2)),
    st.sampled_from([",", ";"]),
    st.sampled_from(["\n", "\r\n"]),
)
def test_any_sheet_is_read_back(tmp_path_factory, cells, delimiter, end) -> None:
    file = tmp_path_factory.mktemp("sheet") / "review.csv"
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerow(["dataset", "folder", "species", "condition"])
    for dataset, folder in cells:
        writer.writerow([_guarded(dataset), _guarded(folder), "apple", "scab"])
    file.write_bytes(text.getvalue().encode("utf-8-sig"))
    assert [(row.dataset, row.folder) for row in read_sheet(file)] == cells
    assert {(row.species, row.condition) for row in read_sheet(file)} <= {("apple", "scab")}


def test_rows_know_their_line(tmp_path: Path) -> None:
    file = tmp_path / "review.csv"
    file.write_text('dataset,folder,species,condition\n\nd,"a\nb",,\nd,c,apple,scab\n')
    assert list(read_sheet(file)) == [
        Row(3, "d", "a\nb", "", ""), Row(5, "d", "c", "apple", "scab"),
    ]  # fmt: skip


def test_an_empty_review_is_a_header(tmp_path: Path) -> None:
    with create_lake(tmp_path / "lake") as lake:
        assert write_sheet(lake.connection, tmp_path / "review.csv") == (0, 0)
    assert (tmp_path / "review.csv").read_bytes().decode("utf-8-sig") == HEADER
