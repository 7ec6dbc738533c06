"""One shard: a WebDataset tar of KEY.jpg and KEY.json, and its Parquet sidecar.

The tar holds bytes and where they came from, nothing that may change: labels and splits are the
catalog's. The sidecar is written last and means "complete".
Format: https://github.com/webdataset/webdataset (files of one sample share the name up to the
first dot), POSIX ustar.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from catalog.storage import Place, exists, open_file, publish

_BLOCK = tarfile.BLOCKSIZE
_RECORD = tarfile.RECORDSIZE
_BUFFER_BYTES = 2**20


def _header_template() -> bytes:
    """The 512 bytes before a file of 0 bytes without a name, mode 644, of nobody, of 1970."""
    info = tarfile.TarInfo()
    info.mode = 0o644
    return info.tobuf(tarfile.USTAR_FORMAT)


_HEADER = _header_template()
_NAME = slice(0, 100)
_SIZE = slice(124, 136)
_CHECKSUM = slice(148, 156)


class ShardWriter:
    """Appends samples to a new tar; `close` gives it its name. The same input, the same bytes."""

    def __init__(self, place: Place) -> None:
        self._publishing = ExitStack()
        self._file = self._publishing.enter_context(publish(place, _BUFFER_BYTES))
        self._end = 0

    def add(self, key: str, jpeg: bytes, origin: Mapping[str, Any]) -> tuple[int, int]:
        """Append one sample. Returns (offset, length) of the JPEG's bytes in the tar."""
        offset = self._add_member(f"{key}.jpg", jpeg)
        text = json.dumps(origin, ensure_ascii=False, sort_keys=True)
        self._add_member(f"{key}.json", text.encode())
        return offset, len(jpeg)

    def close(self) -> None:
        """Finish the tar and give it its name."""
        end = self._end + 2 * _BLOCK  # two empty blocks, then up to a whole record
        self._file.write(bytes(2 * _BLOCK + -end % _RECORD))
        self._publishing.close()

    def _add_member(self, name: str, data: bytes) -> int:
        offset = self._end + _BLOCK
        padding = bytes(-len(data) % _BLOCK)
        self._file.write(member_header(name, len(data)))
        self._file.write(data)
        self._file.write(padding)
        self._end = offset + len(data) + len(padding)
        return offset


def member_header(name: str, size: int) -> bytes:
    """The 512 bytes before a file of `size` bytes, as `tarfile` makes them, in a sixth of its time.

    `name` has at most 100 bytes of ASCII, `size` is under 8 GiB.
    Format: POSIX.1-1988 ustar; the checksum adds up the header with eight blanks in its own place.
    """
    header = bytearray(_HEADER)
    header[_NAME] = name.encode("ascii").ljust(100, b"\0")
    header[_SIZE] = b"%011o\0" % size
    header[_CHECKSUM] = b" " * 8
    header[_CHECKSUM] = b"%06o\0 " % sum(header)
    return bytes(header)


def write_sidecar(place: Place, table: pa.Table, plan_id: str) -> None:
    """Write the sidecar of a complete shard; `plan_id` names the plan that it fulfils."""
    with publish(place) as file:
        pq.write_table(table.replace_schema_metadata({"plan_id": plan_id}), file)


def sidecar_plan_id(place: Place) -> str | None:
    """The plan that the sidecar fulfils, or None if there is no sidecar."""
    if not exists(place):
        return None
    with open_file(place) as file:
        metadata = pq.read_schema(file).metadata or {}
    return metadata.get(b"plan_id", b"").decode()


def read_sidecar(place: Place, columns: Sequence[str]) -> pa.Table:
    """Some columns of a complete shard's sidecar."""
    with open_file(place) as file:
        return pq.read_table(file, columns=list(columns))
