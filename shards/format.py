"""One shard: a WebDataset tar of KEY.jpg and KEY.json, and its Parquet sidecar.

The tar holds bytes and where they came from, nothing that may change: labels and splits are the
catalog's. The sidecar is written last and means "complete".
Format: https://github.com/webdataset/webdataset (files of one sample share the name up to the
first dot), POSIX ustar.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq


class ShardWriter:
    """Appends samples to `path`.tmp; `close` gives it its name. The same input, the same bytes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._temporary = path.with_suffix(".tar.tmp")
        self._file = self._temporary.open("wb")
        self._tar = tarfile.TarFile(fileobj=self._file, mode="w", format=tarfile.USTAR_FORMAT)

    def add(self, key: str, jpeg: bytes, origin: Mapping[str, Any]) -> tuple[int, int]:
        """Append one sample. Returns (offset, length) of the JPEG's bytes in the tar."""
        offset = self._add_member(f"{key}.jpg", jpeg)
        text = json.dumps(origin, ensure_ascii=False, sort_keys=True)
        self._add_member(f"{key}.json", text.encode())
        return offset, len(jpeg)

    def close(self) -> None:
        """Finish the tar and rename it to its name."""
        self._tar.close()
        self._file.close()
        self._temporary.rename(self.path)

    def _add_member(self, name: str, data: bytes) -> int:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        info.mode = 0o644
        offset = self._tar.offset + tarfile.BLOCKSIZE  # the header is one block
        self._tar.addfile(info, io.BytesIO(data))
        return offset


def read_bytes(tar: IO[bytes], offset: int, length: int) -> bytes:
    """The bytes of one picture, from the open tar of its shard.

    Raises EOFError if the tar ends before them.
    """
    tar.seek(offset)
    data = tar.read(length)
    if len(data) != length:
        raise EOFError(f"{tar.name}: {len(data)} of {length} bytes at offset {offset}")
    return data


def write_sidecar(path: Path, table: pa.Table, plan_id: str) -> None:
    """Write the sidecar of a complete shard; `plan_id` names the plan that it fulfils."""
    temporary = path.with_suffix(".parquet.tmp")
    pq.write_table(table.replace_schema_metadata({"plan_id": plan_id}), temporary)
    temporary.rename(path)


def sidecar_plan_id(path: Path) -> str | None:
    """The plan that the sidecar fulfils, or None if there is no sidecar."""
    if not path.is_file():
        return None
    metadata = pq.read_schema(path).metadata or {}
    return metadata.get(b"plan_id", b"").decode()
