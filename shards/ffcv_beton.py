"""A selection as a .beton, ffcv's format. In: a Selection. Out: one file.

ffcv's own writer decodes and encodes every picture anew; and where one of its processes raises, it
waits for ever. So its parts are put together here in one process, and the bytes of the JPEGs go in
as they lie in the shards.
Format: ffcv 1.0.2, ffcv/types.py (header, fields), ffcv/writer.py (pages, table of allocations).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from leaflake import UsageError
from shards.cache import in_gb
from shards.crop import jpeg_shape
from shards.decode import DecodeError
from shards.select import Selection, read_encoded

if TYPE_CHECKING:
    from ffcv.writer import DatasetWriter

CHUNK = 1_000
"""Pictures that are in memory at once, some 18 MB at 256 pixels."""

PAGE_BYTES = 8 * 2**20
"""ffcv's own default. A picture lies in one page, so that a larger one needs larger pages."""


def require_ffcv(what: str) -> None:
    """Raises UsageError if ffcv cannot be imported; `what` is what was asked for."""
    try:
        import ffcv.loader  # noqa: F401 - its compiled part, which may be what fails
    except ImportError as error:
        raise UsageError(
            f"{what} needs the package ffcv, which cannot be imported ({error}). Install it with "
            "pip install leaflake[ffcv]. It is built on the spot, so that it needs a C++ compiler "
            "and, of Debian, the packages libopencv-dev, libturbojpeg0-dev and pkg-config. "
            "Nothing was written."
        ) from None


def write_beton(selection: Selection, out: Path, progress: str = "export") -> None:
    """Write the pictures with their class indices to `out`, row i of the selection as sample i.

    The fields are `image`, an RGBImageField of JPEGs, and `label`, an IntField. `out` is a
    temporary name: the file looks whole before it is. If writing fails, there is no file.
    Raises UsageError if there is no room for it, a shard is missing or a JPEG is damaged.
    """
    _refuse_full_disk(selection, out)
    try:
        with _writing(selection, out) as writer:
            _write_samples(selection, writer, progress)
    except BaseException:
        out.unlink(missing_ok=True)
        raise


@contextmanager
def _writing(selection: Selection, path: Path) -> Iterator[DatasetWriter]:
    """A writer whose header is written, and whose metadata are shared memory until the end."""
    from ffcv.fields import IntField, RGBImageField
    from ffcv.writer import DatasetWriter

    page = PAGE_BYTES
    while page < selection.length.max():
        page *= 2
    fields = {"image": RGBImageField(write_mode="jpg"), "label": IntField()}
    writer = DatasetWriter(str(path), fields, page_size=page)
    writer.num_samples = len(selection)
    writer.prepare()
    try:
        yield writer
    finally:
        writer.metadata_sm.close()
        writer.metadata_sm.unlink()


def _write_samples(selection: Selection, writer: DatasetWriter, progress: str) -> None:
    from ffcv.fields.rgb_image import IMAGE_MODES
    from ffcv.memory_allocator import MemoryAllocator

    metadata = np.zeros(len(selection), writer.metadata_type)
    metadata["f0"]["mode"] = IMAGE_MODES["jpg"]
    metadata["f1"] = selection.class_index
    allocator = MemoryAllocator(writer.fname, writer.data_region_start, writer.page_size)
    with allocator, tqdm(total=len(selection), unit="picture", desc=progress, delay=1) as bar:
        for start in range(0, len(selection), CHUNK):
            chunk = selection.take(np.arange(start, min(start + CHUNK, len(selection))))
            for row, data in enumerate(read_encoded(chunk), start):
                height, width = _shape(data, selection.keys[row])
                allocator.set_current_sample(row)
                place, room = allocator.malloc(len(data))
                room[:] = np.frombuffer(data, np.uint8)
                image = metadata["f0"][row]
                image["width"], image["height"], image["data_ptr"] = width, height, place
            bar.update(len(chunk))
    writer.metadata_sm.buf[: metadata.nbytes] = metadata.tobytes()
    writer.finalize(allocator.allocations)


def _shape(data: bytes, key: str) -> tuple[int, int]:
    try:
        return jpeg_shape(np.frombuffer(data, np.uint8))
    except DecodeError as error:
        raise UsageError(
            f"{key}: {error}. Its shard is damaged: leaflake catalog check --lake LAKE. "
            "Nothing was written."
        ) from None


def _refuse_full_disk(selection: Selection, out: Path) -> None:
    needed, free = int(selection.length.sum()), shutil.disk_usage(out.parent).free
    if needed > free:
        raise UsageError(
            f"{out.parent}: {in_gb(free)} are free, and {len(selection):,} pictures need "
            f"{in_gb(needed)}. Make room, or narrow the selection. Nothing was written."
        )
