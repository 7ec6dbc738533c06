"""The inbox of a lake: what people sent, appended to tars in a way that a kill cannot hurt.

In: rows and JPEGs. Out: LAKE/inbox/inbox.json, which says what the folder is, and tars, one after
another for each process that serves. Of every correction a tar holds KEY.jpg, where a picture is
kept, and then KEY.json, its row; a key without a row was cut off, and is none. `leaflake ingest
LAKE/inbox` reads them (ingest/inbox.py), `leaflake inbox LAKE` lists them and forgets one.

Needs only the standard library.
"""

from __future__ import annotations

import asyncio
import errno
import json
import os
import secrets
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from leaflake import UsageError
from shards.inbox_tar import FOLDER_NAME, FORMAT, MARKER_NAME
from shards.tar_member import end_bytes, member_bytes

TAR_BYTES = 256 * 2**20
"""A tar that has so many is finished, so that one can be copied or deleted at a time."""

MIN_FREE_BYTES = 2**30
"""What strangers send may fill the disk up to here: the lake, the log and the system live on it."""


class Inbox:
    """Appends to LAKE/inbox. Of one process; `add` and `close` belong to its event loop."""

    def __init__(self, lake: Path) -> None:
        """Make the folder if there is none. Raises UsageError if that, or writing, cannot be done.

        `lake` need not be a lake yet: a server may collect on a machine of its own.
        """
        self.folder = lake / FOLDER_NAME
        self._tar = _Tar(self.folder)
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="inbox")
        _make_folder(lake, self.folder)

    async def add(self, key: str, row: dict[str, Any], jpeg: bytes | None = None) -> None:
        """Append one correction; returns once it is on the disk. OSError: it is not.

        What comes while the disk is busy is written together after that, with one wait for the
        disk, so that many senders take hardly longer than one.
        """
        data = member_bytes(f"{key}.jpg", jpeg) if jpeg is not None else b""
        text = json.dumps(row, ensure_ascii=False, sort_keys=True)
        data += member_bytes(f"{key}.json", text.encode())
        written = asyncio.get_running_loop().create_future()
        self._waiting.append((data, written))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_waiting())
        await written

    async def close(self) -> None:
        """Write what waits, and finish the tar."""
        if self._writing is not None:
            await self._writing
        await asyncio.get_running_loop().run_in_executor(self._thread, self._tar.finish)
        self._thread.shutdown()

    async def _write_waiting(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            group, self._waiting = self._waiting, []
            error: Exception | None = None
            try:
                blobs = [data for data, _ in group]
                await loop.run_in_executor(self._thread, self._append, blobs)
            except Exception as found:  # a bug too: everybody who waits hears of it
                error = found
            for _, written in group:
                if written.done():  # whoever waited went away
                    continue
                if error is None:
                    written.set_result(None)
                else:
                    written.set_exception(error)

    def _append(self, blobs: Sequence[bytes]) -> None:
        if shutil.disk_usage(self.folder).free < MIN_FREE_BYTES:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.folder))
        self._tar.append(b"".join(blobs))


class _Tar:
    """The tar that this process appends to; made with the first bytes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: int | None = None
        self._end = 0

    def append(self, data: bytes) -> None:
        """Write `data` and wait for the disk. OSError: nothing of it is kept."""
        if self._file is not None and self._end >= TAR_BYTES:
            self.finish()
        if self._file is None:
            self._file, self._end = self._open(), 0
        self._write(self._file, data)
        self._end += len(data)

    def finish(self) -> None:
        """Mark the end as tars do. A tar without it, of a killed server, is read all the same."""
        if self._file is not None:
            self._write(self._file, end_bytes(self._end))
            os.close(self._file)
            self._file = None

    def _open(self) -> int:
        name = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(4)}.tar"
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC
        file = os.open(self._folder / name, flags, 0o640)
        _sync_folder(self._folder)  # a file without a name on the disk is lost
        return file

    def _write(self, file: int, data: bytes) -> None:
        left = memoryview(data)
        try:
            while left:
                left = left[os.write(file, left) :]  # may be a part, on a disk that is nearly full
            os.fsync(file)
        except OSError:
            # After a failed fsync nobody knows which pages are on the disk, so that this file is
            # never written to again. What was there before stays.
            self._file = None
            try:
                os.ftruncate(file, self._end)
            finally:
                os.close(file)
            raise


def _make_folder(lake: Path, folder: Path) -> None:
    if not lake.is_dir():
        raise UsageError(
            f"--inbox {lake}: there is no such folder. Name a lake, or a folder on this machine "
            "whose inbox/ is copied into one later. Nothing was written."
        )
    marker = folder / MARKER_NAME
    temporary = folder / f"{MARKER_NAME}.{os.getpid()}.tmp"  # workers start at the same time
    try:
        folder.mkdir(exist_ok=True)
        temporary.write_text(json.dumps(FORMAT) + "\n", encoding="utf-8")
        temporary.rename(marker)
        _sync_folder(folder)
        _sync_folder(lake)
    except OSError as error:
        raise UsageError(
            f"{folder}: cannot be written to ({error.strerror or error}). Let the server's user "
            "write there, or name another folder with --inbox. No correction was taken."
        ) from None


def _sync_folder(folder: Path) -> None:
    file = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
