"""Shared memory: one copy as long as anybody has it, and notes that nobody else can write."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from leaflake import UsageError
from shards import shared
from shards.shared import Shared, attach, create, find_or_create

HOLDER = """
import sys, tempfile
tempfile.tempdir = sys.argv[1]
from shards.shared import find_or_create
shared = find_or_create("pictures", 8, lambda: None)
print(bytes(shared.data[:2]).hex(), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def start() -> Iterator:
    """start() -> another process that has found or created the memory, and its first two bytes."""
    started = []

    def start() -> tuple[subprocess.Popen[str], str]:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, tempfile.gettempdir()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout
        return process, process.stdout.readline().strip()

    yield start
    for process in started:
        process.communicate()


def find(num_bytes: int = 8) -> Shared:
    return find_or_create("pictures", num_bytes, lambda: None)


def inode(shared: Shared) -> int:
    return os.stat(shared.path).st_ino


def note() -> list[str]:
    path = Path(tempfile.gettempdir()) / f"leaflake-{os.getuid()}" / "pictures"
    return path.read_text().split("\n")


def test_it_is_found_after_its_creator_closed_it() -> None:
    first = find()
    first.data[:2] = [7, 9]
    second = find()
    first.close()
    third = find()
    assert inode(third) == inode(second)
    assert third.data.tolist() == [7, 9, 0, 0, 0, 0, 0, 0]
    assert note() == [second.path, third.path]
    second.close()
    third.close()


def test_it_is_found_after_its_creators_process_ended(start) -> None:
    creator, found = start()
    assert found == "0000"
    mine = find()
    mine.data[:2] = [1, 2]
    creator.communicate()
    assert note()[0].startswith(f"/proc/{creator.pid}/")
    _, found = start()
    assert found == "0102"
    mine.close()


def test_when_all_have_closed_it_the_next_one_is_new() -> None:
    first = find()
    first.data[0] = 7
    first.close()
    with pytest.raises(RuntimeError, match="no room"):
        find_or_create("pictures", 8, refuse)
    second = find()
    assert second.data.tolist() == [0] * 8
    assert note() == [second.path]
    second.close()


def refuse() -> None:
    raise RuntimeError("no room")


@pytest.mark.parametrize("moment", ["before looking", "between looking and opening"])
def test_another_file_under_the_number_of_then_is_not_taken_for_it(
    tmp_path, monkeypatch, moment
) -> None:
    if moment == "between looking and opening":
        monkeypatch.setattr(shared, "_holders", lambda note: note.read_text().split("\n"))
    other = tmp_path / "other"
    other.write_bytes(b"precious")
    first = find()
    fd = int(first.path.rpartition("/")[2])
    first.close()
    with other.open("r+b") as file:
        os.dup2(file.fileno(), fd)
        second = find()
        second.data[:] = 0
        os.close(fd)
    assert other.read_bytes() == b"precious"
    second.close()


def test_memory_is_of_zeros_and_others_see_what_is_written() -> None:
    mine = create("batches", 4)
    assert mine.data.tolist() == [0, 0, 0, 0]
    theirs = attach(mine.path)
    theirs.data[2] = 5
    assert mine.data.tolist() == [0, 0, 5, 0]
    theirs.close()
    mine.close()
    assert mine.data.tolist() == [0, 0, 5, 0]
    with pytest.raises(OSError):
        attach(mine.path)


def test_without_anonymous_files_it_is_one_in_the_temporary_folder(monkeypatch, tmp_path) -> None:
    monkeypatch.delattr(os, "memfd_create")
    mine = find()
    assert Path(mine.path).parent == tmp_path and Path(mine.path).read_bytes() == bytes(8)
    theirs = find()
    theirs.data[0] = 3
    assert mine.data[0] == 3
    assert note() == [mine.path]
    path = mine.path
    theirs.close()
    mine.close()
    del mine
    assert not os.path.exists(path)


def test_a_folder_of_notes_that_belongs_to_another_user_is_refused(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    with pytest.raises(UsageError) as refused:
        find()
    assert str(refused.value) == (
        f"{tmp_path / 'leaflake-12345'}: belongs to another user. Remove it, or set TMPDIR to a "
        "folder of yours. Nothing was written."
    )
