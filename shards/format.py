"""One shard: a WebDataset tar of KEY.jpg and KEY.json, and its Parquet sidecar.

The tar holds bytes and where they came from, nothing that may change: labels and splits are the
catalog's. The sidecar is written last and means "complete".
Format: https://github.com/webdataset/webdataset (files of one sample share the name up to the
first dot), POSIX ustar.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from catalog.storage import Place, exists, open_file, publish
from shards.tar_member import BLOCK, end_bytes, member_bytes

_BUFFER_BYTES = 2**20


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
        self._file.write(end_bytes(self._end))
        self._publishing.close()

    def _add_member(self, name: str, data: bytes) -> int:
        offset = self._end + BLOCK
        member = member_bytes(name, data)
        self._file.write(member)
        self._end += len(member)
        return offset


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
