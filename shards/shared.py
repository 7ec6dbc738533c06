"""Memory that processes of this machine share. In: a name and a size. Out: bytes under a path.

On Linux it is an anonymous file in memory (memfd_create(2)): the system frees it when the last
process that has it open is gone, however that ended, so that nothing can be left behind. Others
open it as /proc/PID/fd/FD, of any process that has it open; a note in the temporary folder lists
these, so that it is found as long as one of them lives, whoever created it.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import tempfile
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from leaflake import UsageError


class Shared:
    """`data`, uint8 (num_bytes,), is the memory. It costs what is written of it, page by page."""

    def __init__(self, fd: int, num_bytes: int, file: str | None = None) -> None:
        """`file` is the path of the file behind it, where that is not anonymous."""
        self.path = file or f"/proc/{os.getpid()}/fd/{fd}"
        """Where another process of this user opens it, as long as this one has it open."""

        self.data = np.frombuffer(mmap.mmap(fd, num_bytes), np.uint8)
        self.close = weakref.finalize(self, os.close, fd)
        """Close the file; `data` stays valid as long as something refers to it."""


def create(name: str, num_bytes: int) -> Shared:
    """New memory of zeros; `name` is for people who look into /proc."""
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create(name)
        os.ftruncate(fd, num_bytes)
        return Shared(fd, num_bytes)
    fd, file = tempfile.mkstemp(prefix=f"{name}-")  # not Linux
    os.ftruncate(fd, num_bytes)
    shared = Shared(fd, num_bytes, file)
    weakref.finalize(shared, os.unlink, file)
    return shared


def attach(path: str) -> Shared:
    """The memory that another process created. Raises OSError if it is gone."""
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    return Shared(fd, os.fstat(fd).st_size, None if path.startswith("/proc/") else path)


def find_or_create(name: str, num_bytes: int, check: Callable[[], None]) -> Shared:
    """The memory that some process of this user has open under `name`, or new of zeros.

    Of several that start at once the first creates it; that one calls `check` before, which may
    refuse by raising.
    """
    folder = _notes()
    with _locked(folder / "lock"):
        holders: dict[str, list[str]] = {}
        for note in sorted(folder.iterdir()):
            if note.name != "lock":
                holders[note.name] = _holders(note)
                if not holders[note.name]:
                    note.unlink()  # they ended, or were killed
        paths = holders.get(name, [])
        shared = _attach_any(paths, name)
        if shared is None:
            check()
            shared = create(name, num_bytes)
        lines = dict.fromkeys([*paths, shared.path])
        (folder / name).write_text("\n".join(lines), encoding="ascii")
        return shared


def _notes() -> Path:
    """The folder of notes, which nobody else can write to."""
    folder = Path(tempfile.gettempdir()) / f"leaflake-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise UsageError(
            f"{folder}: belongs to another user. Remove it, or set TMPDIR to a folder of yours. "
            "Nothing was written."
        )
    return folder


def _holders(note: Path) -> list[str]:
    """The paths in a note under which its memory can still be opened."""
    return [
        path for path in note.read_text(encoding="ascii").split("\n") if _holds(path, note.name)
    ]


def _holds(path: str, name: str) -> bool:
    """Whether the memory `name` is at `path`: the process there may have ended or closed it."""
    if not path.startswith("/proc/"):
        return os.path.isfile(path)  # not Linux
    try:
        # By now the numbers may be another process and file, but that has another name.
        return name in os.readlink(path)
    except OSError:
        return False


def _attach_any(paths: list[str], name: str) -> Shared | None:
    """The memory under the first of these paths that still has it."""
    for path in paths:
        with contextlib.suppress(FileNotFoundError):  # closed at this moment
            shared = attach(path)
            if _holds(shared.path, name):  # and not what was opened under that number since
                return shared
            shared.close()
    return None


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
