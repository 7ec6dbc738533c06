"""The tars of an inbox, as a reader sees them. In: the folder. Out: Entries, whole ones only.

serve/inbox.py writes them, and may be writing one at this moment. Needs only the standard library.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from shards.tar_member import Member, walk

FOLDER_NAME = "inbox"
MARKER_NAME = "inbox.json"
FORMAT = {"format": "leaflake-inbox", "version": 1}

FORGOTTEN = "forgotten"
"""The one key of a row that somebody had forgotten."""

TAR_SIGN = ".tar/"
"""In the path of a picture that lies in a tar: /lake/inbox/NAME.tar/KEY.jpg."""


@dataclass(frozen=True)
class Entry:
    """One correction."""

    key: str
    tar: Path
    row: dict[str, Any]
    """As serve/correction.py makes it; {} where it is damaged, FORGOTTEN: true where forgotten."""

    member: Member
    """Where the row lies."""

    picture: Member | None
    """None where no picture was kept."""

    @property
    def path(self) -> str:
        """What stands for the picture's path."""
        return f"{self.tar}/{self.key}.jpg"


def is_inbox(folder: Path) -> bool:
    """Whether the folder says that it is one, of the version that is read here."""
    try:
        return bool(json.loads((folder / MARKER_NAME).read_text(encoding="utf-8")) == FORMAT)
    except (OSError, ValueError):
        return False


def read_entries(folder: Path) -> Iterator[Entry]:
    """Every correction in the folder, tar by tar, in the order in which they came."""
    for tar in sorted(folder.glob("*.tar")):
        yield from _read_tar(tar)


def _read_tar(tar: Path) -> Iterator[Entry]:
    picture: Member | None = None
    with tar.open("rb") as file:
        for member in walk(tar):
            key, _, kind = member.name.partition(".")
            if kind == "jpg":
                picture = member
                continue
            file.seek(member.offset)
            of_it = picture if picture is not None and picture.name == f"{key}.jpg" else None
            yield Entry(key, tar, _read_row(file.read(member.length)), member, of_it)
            picture = None


def _read_row(data: bytes) -> dict[str, Any]:
    try:
        row = json.loads(data)
    except ValueError:
        return {}
    return row if isinstance(row, dict) else {}


def read_picture(path: str) -> bytes | None:
    """The bytes of a picture whose path leads into a tar; None if it leads into none.

    Raises OSError if there is no such picture.
    """
    tar, sign, name = path.rpartition(TAR_SIGN)
    if not sign:
        return None
    place = Path(tar + TAR_SIGN.rstrip("/"))
    if not place.is_file():  # a folder may be called so
        return None
    member = _members(place, place.stat().st_size).get(name)
    if member is None:
        raise FileNotFoundError(errno.ENOENT, "there is no such file in the tar", path)
    with place.open("rb") as file:
        file.seek(member.offset)
        return file.read(member.length)


@lru_cache(maxsize=4)
def _members(tar: Path, size: int) -> dict[str, Member]:
    """Name -> member, walked once a tar and process; `size` tells one that has grown since."""
    return {member.name: member for member in walk(tar)}


def overwrite(entry: Entry) -> None:
    """Leave of a correction its id alone, and wait for the disk.

    In place, so that a server may append to the tar meanwhile; the tar stays one.
    """
    row = json.dumps({FORGOTTEN: True}).encode()
    with entry.tar.open("r+b") as file:
        if entry.picture is not None:
            file.seek(entry.picture.offset)
            file.write(bytes(entry.picture.length))
        file.seek(entry.member.offset)
        file.write(row.ljust(entry.member.length))  # a row is longer than this, and blanks are JSON
        file.flush()
        os.fsync(file.fileno())
