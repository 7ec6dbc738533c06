"""The inbox on disk: what is in it after a kill, a full disk, many senders; and who reads it."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

from leaflake import UsageError
from serve.inbox import Inbox
from shards.inbox_tar import is_inbox, read_entries, read_picture

ROW = {"note": "Kürbis"}


def fill(lake: Path, body: Any) -> None:
    """Run `body` with an open inbox, and close it."""

    async def run() -> None:
        inbox = Inbox(lake)
        try:
            await body(inbox)
        finally:
            await inbox.close()

    asyncio.run(run())


def entries(lake: Path) -> list[tuple[str, dict[str, Any], bytes | None]]:
    """(key, row, picture) of everything that a reader finds."""
    return [
        (one.key, one.row, None if one.picture is None else read_picture(one.path))
        for one in read_entries(lake / "inbox")
    ]


async def send_two(inbox: Inbox) -> None:
    await inbox.add("aa", ROW, b"\xff\xd8 jpeg \xff\xd9")
    await inbox.add("bb", ROW)


def test_an_inbox_is_a_plain_tar_of_pictures_and_rows(tmp_path) -> None:
    fill(tmp_path, send_two)
    (path,) = (tmp_path / "inbox").glob("*.tar")
    with tarfile.open(path) as tar:
        found = [(one.name, tar.extractfile(one).read()) for one in tar]
    assert found == [
        ("aa.jpg", b"\xff\xd8 jpeg \xff\xd9"),
        ("aa.json", json.dumps(ROW, ensure_ascii=False).encode()),
        ("bb.json", json.dumps(ROW, ensure_ascii=False).encode()),
    ]
    assert is_inbox(tmp_path / "inbox")
    assert entries(tmp_path) == [("aa", ROW, b"\xff\xd8 jpeg \xff\xd9"), ("bb", ROW, None)]


def test_nothing_is_written_before_the_first_correction(tmp_path) -> None:
    async def nothing(inbox: Inbox) -> None: ...

    fill(tmp_path, nothing)
    assert [path.name for path in (tmp_path / "inbox").iterdir()] == ["inbox.json"]


def test_add_returns_after_the_disk_has_it_and_many_share_one_wait(tmp_path, monkeypatch) -> None:
    synced: list[int] = []
    real = os.fsync

    def fsync(file: int) -> None:
        real(file)
        synced.append(os.fstat(file).st_size)

    async def send_many(inbox: Inbox) -> None:
        monkeypatch.setattr(os, "fsync", fsync)
        await inbox.add("first", ROW)
        (path,) = inbox.folder.glob("*.tar")
        assert synced[-1] == path.stat().st_size > 0
        synced.clear()
        await asyncio.gather(*(inbox.add(f"{n:02}", ROW) for n in range(50)))
        assert len(synced) <= 2
        assert synced[-1] == path.stat().st_size

    fill(tmp_path, send_many)
    assert [key for key, _, _ in entries(tmp_path)] == ["first", *(f"{n:02}" for n in range(50))]


def test_what_a_kill_cuts_off_costs_nothing_that_was_there(tmp_path) -> None:
    fill(tmp_path, send_two)
    (path,) = (tmp_path / "inbox").glob("*.tar")
    data = path.read_bytes()
    row_of_bb = 4 * 512  # aa: header, picture, header, row; then the header of bb
    for size in range(0, row_of_bb + 1_024, 100):
        path.write_bytes(data[:size])
        whole = (size >= 3 * 512 + 18) + (size >= row_of_bb + 512 + 18)
        assert [key for key, _, _ in entries(tmp_path)] == ["aa", "bb"][:whole]


def test_two_processes_write_two_tars(tmp_path) -> None:
    fill(tmp_path, send_two)
    fill(tmp_path, send_two)
    assert len(list((tmp_path / "inbox").glob("*.tar"))) == 2
    assert len(entries(tmp_path)) == 4


def test_a_tar_that_is_large_is_finished(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("serve.inbox.TAR_BYTES", 1_000)
    fill(tmp_path, send_two)
    sizes = [path.stat().st_size for path in (tmp_path / "inbox").glob("*.tar")]
    assert sizes == [10_240, 10_240]  # each a whole record


def test_a_full_disk_takes_nothing_more(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("serve.inbox.MIN_FREE_BYTES", 2**60)

    async def send(inbox: Inbox) -> None:
        with pytest.raises(OSError, match="No space left"):
            await inbox.add("aa", ROW)

    fill(tmp_path, send)
    assert entries(tmp_path) == []


@pytest.mark.parametrize("name", ["write", "fsync"])
def test_a_write_that_fails_leaves_what_was_there_and_the_next_goes_elsewhere(
    tmp_path, monkeypatch, name
) -> None:
    real = getattr(os, name)
    fails = False

    def broken(file: int, *args: Any) -> Any:
        if not fails:
            return real(file, *args)
        if args:
            real(file, bytes(args[0])[:600])  # a part of it
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, name, broken)

    async def send(inbox: Inbox) -> None:
        nonlocal fails
        await inbox.add("aa", ROW)
        fails = True
        both = await asyncio.gather(
            inbox.add("bb", ROW), inbox.add("cc", ROW), return_exceptions=True
        )
        assert [str(error) for error in both] == ["[Errno 5] Input/output error"] * 2
        fails = False
        await inbox.add("dd", ROW)

    fill(tmp_path, send)
    assert sorted(key for key, _, _ in entries(tmp_path)) == ["aa", "dd"]
    assert len(list((tmp_path / "inbox").glob("*.tar"))) == 2


def test_a_tar_whose_end_cannot_be_written_keeps_what_it_has(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("serve.inbox.TAR_BYTES", 1_000)
    real = os.write

    def full(file: int, data: Any) -> int:
        real(file, bytes(data)[:700])
        raise OSError(errno.ENOSPC, "No space left on device")

    async def send(inbox: Inbox) -> None:
        await inbox.add("aa", ROW)
        monkeypatch.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space left"):
            await inbox.add("bb", ROW)
        monkeypatch.setattr(os, "write", real)
        await inbox.add("cc", ROW)

    fill(tmp_path, send)
    assert sorted(key for key, _, _ in entries(tmp_path)) == ["aa", "cc"]


def test_a_sender_who_goes_away_holds_nobody_up(tmp_path) -> None:
    async def send(inbox: Inbox) -> None:
        gone = asyncio.create_task(inbox.add("aa", ROW))
        await asyncio.sleep(0)
        gone.cancel()
        await inbox.add("bb", ROW)

    fill(tmp_path, send)
    assert [key for key, _, _ in entries(tmp_path)] == ["aa", "bb"]


def test_a_lake_that_is_not_there_is_refused(tmp_path) -> None:
    with pytest.raises(UsageError, match=r"--inbox .*/lake: there is no such folder"):
        Inbox(tmp_path / "lake")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_to_is_refused(tmp_path) -> None:
    (tmp_path / "inbox").write_text("a file")
    with pytest.raises(UsageError, match="inbox: cannot be written to"):
        Inbox(tmp_path)


def test_an_inbox_of_another_version_is_none(tmp_path) -> None:
    assert not is_inbox(tmp_path)
    (tmp_path / "inbox.json").write_text('{"format": "leaflake-inbox", "version": 2}')
    assert not is_inbox(tmp_path)


def test_a_picture_that_is_not_in_the_tar_is_not_found(tmp_path) -> None:
    fill(tmp_path, send_two)
    (path,) = (tmp_path / "inbox").glob("*.tar")
    with pytest.raises(FileNotFoundError, match="no such file in the tar"):
        read_picture(f"{path}/zz.jpg")
