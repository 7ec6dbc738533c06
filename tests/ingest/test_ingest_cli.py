"""`leaflake ingest`: what it prints, its exit status, and that a refusal writes nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from leaflake import main


@pytest.fixture
def source(tmp_path, write, dozen) -> Path:
    return write(tmp_path / "leaves", {**dozen, "Tomato___healthy/page.jpg": b"<html>"})


def lines(text: str) -> list[str]:
    """Without what differs from run to run: times, rates, and what the disk holds."""
    text = re.sub(r"\d[\d.,]* (TB|GB|MB) are free", "SPACE are free", text)
    return re.sub(r"\d+\.\d s( \([\d,]+ pictures/s\))?", "TIME", text).splitlines()


def test_it_says_what_the_lake_holds_and_on_a_second_run_that_nothing_is_new(
    source, tmp_path, capsys
) -> None:
    command = ["ingest", str(source), "--lake", str(tmp_path / "lake"), "--workers", "1"]
    read_bytes = sum(path.stat().st_size for path in source.rglob("*.*"))
    holds = [
        "12 samples of 2 species in 3 classes, 12 groups: 6 train, 3 val, 3 test; 0 leaks",
        "rejected: 1 not_an_image; in no split: none; folder names to review: 0",
        "not compared by appearance: 12 pictures; leaflake group finds the ones that show one leaf",
    ]
    assert main(command) == 0
    printed = capsys.readouterr()
    assert lines(printed.out) == [
        "13 new files in 1 shard, snapshot 2",
        "  files     13",
        "  samples   12",
        "  rejected  1 (1 not_an_image)",
        f"  read      {read_bytes / 1000:.1f} kB",
        "  shards    1, 41.0 kB",
        "  scan      TIME",
        "  plan      TIME",
        "  pack      TIME",
        "  commit    TIME",
        *holds,
    ]
    assert lines(printed.err)[0] == (
        f"ingest: 13 files into 1 shard of {tmp_path}/lake, 1 at once; reads "
        f"{read_bytes / 1000:.1f} kB, needs about {(read_bytes + 13 * 3_000) / 1000:.1f} kB, "
        "SPACE are free"
    )
    assert main(command) == 0
    assert lines(capsys.readouterr().out) == [
        "nothing new; the lake is at snapshot 2",
        *holds,
    ]


def test_a_dry_run_says_what_would_be_done(source, tmp_path, capsys) -> None:
    assert main(["ingest", str(source), "--lake", str(tmp_path / "lake"), "--dry-run"]) == 0
    read_bytes = sum(path.stat().st_size for path in source.rglob("*.*"))
    assert lines(capsys.readouterr().out) == [
        "would pack 13 new files into 1 shard",
        f"reads {read_bytes / 1000:.1f} kB, needs about {(read_bytes + 13 * 3_000) / 1000:.1f} kB, "
        "SPACE are free",
        "3 class folders, 0 names to review",
        "nothing was written",
    ]
    assert not (tmp_path / "lake").exists()


def test_a_dry_run_lists_the_names_that_nobody_could_read(tmp_path, write, capsys) -> None:
    source = write(tmp_path / "leaves", {"Xyzzy___rust/a.jpg": b"a", "Tomato healthy/b.jpg": b"b"})
    assert main(["ingest", str(source), "--lake", str(tmp_path / "lake"), "--dry-run"]) == 0
    printed = capsys.readouterr().out
    assert "2 class folders, 1 names to review\n  Xyzzy___rust: None, rust (" in printed


def test_what_is_in_no_table_is_counted(tmp_path, write, dozen, capsys) -> None:
    extra = {"notes.txt": b"n", "Tomato___healthy/.DS_Store": b"d", ".git/config": b"c"}
    source = write(tmp_path / "leaves", {**dozen, **extra})
    (source / "Apple rust").mkdir()
    command = ["ingest", str(source), "--lake", str(tmp_path / "lake"), "--workers", "1"]
    assert main(command) == 0
    (source / "Tomato___healthy/ant.jpg").unlink()
    assert main(command) == 0
    assert lines(capsys.readouterr().out)[-4:-1] == [
        "passed over: 1 file outside the class folders, 1 hidden file, 1 hidden folder",
        "without a file: 1 class folder",
        "no longer in their folders: 1 file; their samples stay",
    ]


def test_keep_original_stores_every_size(tmp_path, write, draw, encode, capsys) -> None:
    large = draw(1, height=300, width=400)
    source = write(
        tmp_path / "leaves", {"Tomato healthy/a.jpg": encode(large, quality=80, subsampling=2)}
    )
    lake = str(tmp_path / "lake")
    assert main(["ingest", str(source), "--lake", lake, "--keep-original", "--workers", "1"]) == 0
    query = 'SELECT width, height, length = source_bytes AS "as it was" FROM samples'
    capsys.readouterr()
    assert main(["sql", "--lake", lake, "--format", "json", query]) == 0
    assert capsys.readouterr().out == '{"width": 400, "height": 300, "as it was": true}\n'


def test_keep_original_and_a_short_side_are_refused_together(source, tmp_path, capsys) -> None:
    command = ["ingest", str(source), "--lake", str(tmp_path / "lake"), "--keep-original"]
    with pytest.raises(SystemExit) as stopped:
        main([*command, "--short-side", "128"])
    assert stopped.value.code == 2
    assert "not allowed with argument --keep-original" in capsys.readouterr().err


def refused(command: list[str], root: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """The one line of the refusal, with nothing printed or written below `root` besides."""
    before = sorted(root.rglob("*"))
    assert main(command) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert sorted(root.rglob("*")) == before
    return printed.err.removeprefix("leaflake ingest: ").rstrip("\n")


def test_unknown_source_is_refused(tmp_path, capsys) -> None:
    command = ["ingest", str(tmp_path / "gone"), "--lake", str(tmp_path / "lake")]
    assert refused(command, tmp_path, capsys) == (
        f"{tmp_path}/gone: there is no such folder. "
        "Name a folder of class folders. Nothing written."
    )


def test_empty_source_is_refused(tmp_path, capsys) -> None:
    (tmp_path / "empty").mkdir()
    command = ["ingest", str(tmp_path / "empty"), "--lake", str(tmp_path / "lake")]
    assert refused(command, tmp_path, capsys) == (
        f"{tmp_path}/empty: no file in any class folder (0 folders looked at). "
        "Expected SOURCE/CLASS NAME/PICTURES. Nothing was written."
    )


def test_a_file_as_lake_is_refused(source, tmp_path, capsys) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    command = ["ingest", str(source), "--lake", str(tmp_path / "notes.txt")]
    assert refused(command, tmp_path, capsys) == (
        f"{tmp_path}/notes.txt: is a file; --lake names a folder. Nothing was written."
    )
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_folder_of_something_else_as_lake_is_refused(source, tmp_path, capsys) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home/letter.txt").write_text("mine")
    command = ["ingest", str(source), "--lake", str(tmp_path / "home")]
    assert refused(command, tmp_path, capsys) == (
        f"{tmp_path}/home: not a lake, and not empty: it holds 'letter.txt'. "
        "Name a new folder or an existing lake. Nothing was written."
    )


def test_twins_are_refused(source, tmp_path, capsys) -> None:
    command = ["ingest", str(source), str(source), "--lake", str(tmp_path / "lake")]
    assert refused(command, tmp_path, capsys) == (
        "two sources hold a dataset 'leaves' with a folder 'Apple___Apple_scab'. "
        "Rename one dataset, so that rows can be told apart. Nothing was written."
    )


@pytest.mark.parametrize("option", ["--short-side", "--workers"])
@pytest.mark.parametrize("value", ["0", "-3", "many"])
def test_settings_that_make_no_sense_are_refused(source, tmp_path, capsys, option, value) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["ingest", str(source), "--lake", str(tmp_path / "lake"), option, value])
    assert stopped.value.code == 2
    assert option in capsys.readouterr().err
    assert not (tmp_path / "lake").exists()


def test_an_empty_folder_may_become_a_lake(source, tmp_path, capsys) -> None:
    (tmp_path / "lake").mkdir()
    command = ["ingest", str(source), "--lake", str(tmp_path / "lake"), "--workers", "1"]
    assert main(command) == 0
    assert sorted(path.name for path in (tmp_path / "lake").iterdir()) == [
        "catalog",
        "catalog.ducklake",
        "ingest.lock",
        "shards",
        "taxonomy.json",
    ]
