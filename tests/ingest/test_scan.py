"""Which folders are classes, which dataset they are of, and what is refused."""

from __future__ import annotations

import os

import pytest

from ingest.scan import ClassFolder, Dataset, PassedOver, Scan, scan
from leaflake import UsageError


def found(scanned: Scan) -> list[tuple[str, str, str | None, list[str]]]:
    """(dataset, folder, hint, file names below the folder), in order."""
    names: list[list[str]] = [[] for _ in scanned.folders]
    for row in scanned.files.to_pylist():
        names[row["folder"]].append(os.path.basename(row["path"]))
    assert [len(below) for below in names] == [folder.num_files for folder in scanned.folders]
    return [
        (one.dataset, one.folder, one.species_hint, below)
        for one, below in zip(scanned.folders, names, strict=True)
    ]


def test_a_folder_of_class_folders_is_a_dataset(tmp_path, write) -> None:
    source = write(tmp_path / "leaves", {"rust/b.jpg": b"bb", "rust/a.jpg": b"a", "scab/c": b""})
    assert found(scan([source])) == [
        ("leaves", "rust", None, ["a.jpg", "b.jpg"]),
        ("leaves", "scab", None, ["c"]),
    ]


def test_a_folder_of_folders_of_folders_is_a_collection(tmp_path, write) -> None:
    source = write(tmp_path / "all", {"apples/rust/a": b"a", "pears/rust/b": b"b"})
    assert found(scan([source])) == [
        ("apples", "rust", None, ["a"]),
        ("pears", "rust", None, ["b"]),
    ]


def test_classes_beside_datasets_are_refused_until_somebody_says_which(tmp_path, write) -> None:
    source = write(tmp_path / "all", {"apples/rust/a.jpg": b"a", "pears/b.JPG": b"b"})
    with pytest.raises(UsageError, match="'pears' holds pictures, .* 'apples' holds only folders"):
        scan([source])


def test_notes_and_hidden_files_do_not_make_a_dataset_a_class(tmp_path, write) -> None:
    files = {"apples/rust/a.jpg": b"a", "apples/README.md": b"r", "apples/.DS_Store": b"d"}
    source = write(tmp_path / "all", files | {".git/objects/x": b"x", "notes.txt": b"n"})
    assert found(scan([source])) == [("apples", "rust", None, ["a.jpg"])]
    strays_are = ["README.md", "notes.txt"]
    assert scan([source]).passed_over == PassedOver(len(strays_are), 1, 1)


def test_an_empty_class_folder_is_listed(tmp_path, write) -> None:
    source = write(tmp_path / "all", {"rust/a.jpg": b"a", "rust/.hidden": b"h"})
    (source / "empty").mkdir()
    assert found(scan([source])) == [("all", "empty", None, []), ("all", "rust", None, ["a.jpg"])]


def test_a_species_that_no_table_knows_is_refused(tmp_path, write) -> None:
    source = write(tmp_path / "all", {"rust/a.jpg": b"a"})
    with pytest.raises(UsageError, match='--species: no plant in .* is called "xyzzy"'):
        scan([source], "xyzzy")
    table = b"dataset\tspecies\nrust\t\nscab\tmangoo tree\n"
    collection = write(tmp_path / "more", {"SOURCES.tsv": table, "rust/healthy/a.jpg": b"a"})
    with pytest.raises(UsageError, match=r'SOURCES.tsv:3: .* is called "mangoo tree"'):
        scan([collection])


def test_sources_tsv_that_is_not_utf_8_is_refused(tmp_path, write) -> None:
    source = write(tmp_path / "all", {"SOURCES.tsv": "dataset".encode("utf-16"), "a/b/c": b"c"})
    with pytest.raises(UsageError, match=r"SOURCES.tsv: not UTF-8"):
        scan([source])


def test_sources_tsv_makes_it_a_collection_and_names_species(tmp_path, write) -> None:
    table = "dataset\tlicence\tspecies\nmangoes\tCC0\tmango\nmixed\tCC0\t\n"
    files = {"mangoes/rust/a": b"a", "mangoes/loose": b"l", "mixed/scab/b": b"b"}
    source = write(tmp_path / "all", {"SOURCES.tsv": table.encode(), **files})
    assert found(scan([source])) == [
        ("mangoes", "rust", "mango", ["a"]),
        ("mixed", "scab", None, ["b"]),
    ]
    assert found(scan([source], species="apple")) == [
        ("mangoes", "rust", "mango", ["a"]),
        ("mixed", "scab", "apple", ["b"]),
    ]


def test_sources_tsv_may_have_a_rule_for_shots(tmp_path, write) -> None:
    rule = r'^"?(\d+)_shot\d+'
    table = f"dataset\tspecies\tshots\nmangoes\tmango\t{rule}\nmixed\t\t\n"
    source = write(
        tmp_path / "all",
        {"SOURCES.tsv": table.encode(), "mangoes/rust/a": b"a", "mixed/scab/b": b"b"},
    )
    assert scan([source]).datasets == (
        Dataset("mangoes", f"{source}/mangoes", "mango", rule),
        Dataset("mixed", f"{source}/mixed", None, None),
    )


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ("(", "is no regular expression \\(missing \\), unterminated subpattern"),
        (r"\d+", "has 0 groups in round brackets; expected one"),
        (r"(\d+)_(\d+)", "has 2 groups in round brackets; expected one"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_with_its_line(tmp_path, write, rule, says) -> None:
    table = f"dataset\tspecies\tshots\nmixed\t\t\nmangoes\tmango\t{rule}\n"
    source = write(tmp_path / "all", {"SOURCES.tsv": table.encode(), "mangoes/rust/a": b"a"})
    with pytest.raises(UsageError, match=rf"SOURCES.tsv:3: shots .* {says}"):
        scan([source])


def test_two_datasets_of_one_name_must_agree_on_what_is_said_of_them(tmp_path, write) -> None:
    table = "dataset\tspecies\tshots\nleaves\tmango\t\n"
    one = write(tmp_path / "one", {"SOURCES.tsv": table.encode(), "leaves/rust/a": b"a"})
    other = write(tmp_path / "other/leaves", {"scab/b": b"b"})
    assert [dataset.path for dataset in scan([one, other], "mango").datasets] == [f"{one}/leaves"]
    with pytest.raises(UsageError, match="hold a dataset 'leaves', and say different things"):
        scan([one, other])


def test_a_link_to_a_class_folder_is_one_and_below_it_a_link_is_a_file(tmp_path, write) -> None:
    elsewhere = write(tmp_path / "elsewhere", {"a.jpg": b"a"})
    source = write(tmp_path / "leaves", {"rust/b.jpg": b"b"})
    (source / "scab").symlink_to(elsewhere)
    (source / "rust/circle").symlink_to(source)
    assert found(scan([source])) == [
        ("leaves", "rust", None, ["b.jpg", "circle"]),
        ("leaves", "scab", None, ["a.jpg"]),
    ]


def test_a_source_named_by_a_link_is_the_folder_it_leads_to(tmp_path, write) -> None:
    source = write(tmp_path / "leaves", {"rust/a": b"a"})
    (tmp_path / "link").symlink_to(source)
    assert scan([tmp_path / "link"]) == scan([source])


def test_every_folder_is_listed_once(tmp_path, write, monkeypatch) -> None:
    table = b"dataset\tspecies\nb\tapple\n"
    files = {"a/rust/x/1.jpg": b"1", "b/rust/2.jpg": b"2", "b/scab/3.jpg": b"3"}
    source = write(tmp_path / "all", {"SOURCES.tsv": table, **files})
    listed: list[str] = []
    scandir = os.scandir

    def counting(path: str) -> object:
        listed.append(os.path.relpath(path, source))
        return scandir(path)

    monkeypatch.setattr("ingest.listing.os.scandir", counting)
    scan([source])
    assert sorted(listed) == [".", "a", "a/rust", "a/rust/x", "b", "b/rust", "b/scab"]


def test_sources_tsv_without_its_columns_is_refused(tmp_path, write) -> None:
    source = write(tmp_path / "all", {"SOURCES.tsv": b"dataset,species\n", "a/b/c": b"c"})
    with pytest.raises(UsageError) as refused:
        scan([source])
    assert str(refused.value) == (
        f"{source}/SOURCES.tsv:1: no column dataset and species in the header, or no row below it. "
        "Columns are separated by tabs. Nothing was written."
    )


def test_files_deep_below_a_class_folder_belong_to_it(tmp_path, write) -> None:
    source = write(tmp_path / "all", {"rust/a": b"a", "rust/deep/er/b": b"b", "rust/deep/c": b"c"})
    assert [os.path.relpath(path, source) for path in scan([source]).files["path"].to_pylist()] == [
        "rust/a",
        "rust/deep/c",
        "rust/deep/er/b",
    ]


def test_a_file_is_known_by_absolute_path_size_and_time(tmp_path, write, monkeypatch) -> None:
    source = write(tmp_path / "all", {"rust/a": b"abc"})
    os.utime(source / "rust/a", ns=(5, 1_700_000_000_123_456_789))
    monkeypatch.chdir(tmp_path)
    scanned = scan([source.relative_to(tmp_path)])
    assert scanned.datasets == (Dataset("all", str(source), None, None),)
    assert scanned.folders == (ClassFolder("all", "rust", f"{source}/rust", None, 1),)
    assert scanned.files.to_pylist() == [
        {
            "folder": 0,
            "path": f"{source}/rust/a",
            "size": 3,
            "mtime_ns": 1_700_000_000_123_456_789,
        }
    ]


def test_the_current_folder_has_its_name_as_dataset(tmp_path, write, monkeypatch) -> None:
    monkeypatch.chdir(write(tmp_path / "leaves", {"rust/a": b"a"}))
    assert found(scan([type(tmp_path)(".")])) == [("leaves", "rust", None, ["a"])]


def test_several_sources_are_sorted_together(tmp_path, write) -> None:
    one = write(tmp_path / "zebra", {"rust/a": b"a"})
    other = write(tmp_path / "ant", {"scab/b": b"b"})
    assert scan([one, other]) == scan([other, one])
    assert [folder.dataset for folder in scan([one, other]).folders] == ["ant", "zebra"]


def test_two_datasets_of_one_name_with_one_folder_are_refused(tmp_path, write) -> None:
    one = write(tmp_path / "one/leaves", {"rust/a": b"a"})
    other = write(tmp_path / "other/leaves", {"rust/b": b"b"})
    with pytest.raises(
        UsageError, match="two sources hold a dataset 'leaves' with a folder 'rust'"
    ):
        scan([one, other])


def test_the_same_source_twice_is_refused(tmp_path, write) -> None:
    source = write(tmp_path / "leaves", {"rust/a": b"a"})
    with pytest.raises(UsageError, match="two sources hold a dataset 'leaves'"):
        scan([source, source])


def test_a_source_that_is_missing_a_file_or_empty_is_refused(tmp_path, write) -> None:
    source = write(tmp_path, {"file.jpg": b"f", "no classes/a.jpg": b"a"})
    (source / "empty/class").mkdir(parents=True)
    said = []
    for name in ("gone", "file.jpg", "no classes", "empty"):
        with pytest.raises(UsageError) as refused:
            scan([source / name])
        said.append(str(refused.value))
    expected = "Expected SOURCE/CLASS NAME/PICTURES. Nothing was written."
    assert said == [
        f"{source}/gone: there is no such folder. Name a folder of class folders. Nothing written.",
        f"{source}/file.jpg: a file, not a folder. "
        "Name a folder of class folders. Nothing written.",
        f"{source}/no classes: no file in any class folder (0 folders looked at). {expected}",
        f"{source}/empty: no file in any class folder (1 folders looked at). {expected}",
    ]


def test_an_empty_source_beside_a_full_one_is_refused_too(tmp_path, write) -> None:
    full = write(tmp_path / "full", {"rust/a": b"a"})
    (tmp_path / "empty/rust").mkdir(parents=True)
    with pytest.raises(UsageError, match="empty: no file in any class folder"):
        scan([full, tmp_path / "empty"])


def test_a_broken_link_is_a_file_like_any_other(tmp_path, write) -> None:
    source = write(tmp_path / "leaves", {"rust/a": b"a"})
    (source / "rust/link.jpg").symlink_to("nowhere.jpg")
    assert found(scan([source])) == [("leaves", "rust", None, ["a", "link.jpg"])]


def test_a_name_that_is_not_utf_8_is_written_with_escapes(tmp_path, write) -> None:
    source = write(tmp_path / "leaves", {"rust/a": b"a"})
    try:
        (source / os.fsdecode(b"rouill\xe9")).mkdir()
    except OSError as error:
        pytest.skip(f"this file system takes no such name: {error}")
    (source / os.fsdecode(b"rouill\xe9/\xe9t\xe9.jpg")).write_bytes(b"b")
    assert found(scan([source])) == [
        ("leaves", "rouill\\xe9", None, ["\\xe9t\\xe9.jpg"]),
        ("leaves", "rust", None, ["a"]),
    ]
