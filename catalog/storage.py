"""Where a lake lies: a folder, or a URL of an object store. In: a place. Out: files and bytes.

A place is a `Path`, or a `str` such as s3://bucket/lake, which fsspec opens (its package for that
store, such as s3fs, has to be installed). A file gets its name when it is complete: on disk by a
rename, in an object store because a put is all or nothing.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from glob import has_magic
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from leaflake import UsageError

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

Place = str | Path

PROTOCOL = "lake"
"""What DuckDB calls a lake on a URL: lake://catalog/... It keeps s3:// for its own extension, which
would want the credentials once more."""

GAP_BYTES = 64 * 1024
"""Ranges of one object that are so near are fetched in one request: a round trip to an object store
takes about as long as these bytes."""

REQUEST_BYTES = 32 * 1024**2
"""Most bytes of one request; a shard of 1,000 pictures takes one."""


def as_place(text: Place) -> Place:
    """A URL without its last slash, as str; everything else as Path, file:// URLs too."""
    if isinstance(text, Path):
        return text
    if text.startswith("file://"):
        return Path(text.removeprefix("file://"))
    return text.rstrip("/") if is_url(text) else Path(text)


def resolved(place: Place) -> Place:
    """The place in full, whatever folder the process is in."""
    return place.resolve() if isinstance(place, Path) else place


def is_url(place: Place) -> bool:
    """Whether the place is in an object store."""
    return isinstance(place, str) and "://" in place


def join(place: Place, *names: str) -> Place:
    """The place below `place`."""
    return place.joinpath(*names) if isinstance(place, Path) else "/".join([place, *names])


def name_of(place: Place) -> str:
    """The last part of the place."""
    return str(place).rstrip("/").rsplit("/", 1)[-1]


def exists(place: Place) -> bool:
    """Whether there is a file."""
    return place.is_file() if isinstance(place, Path) else bool(_files(place).isfile(place))


def make_folder(place: Place) -> None:
    """Make a folder and those above it; an object store has none."""
    if isinstance(place, Path):
        place.mkdir(parents=True, exist_ok=True)


def open_file(place: Place) -> IO[bytes]:
    """Open a file for reading. Raises FileNotFoundError if there is none."""
    return place.open("rb") if isinstance(place, Path) else _files(place).open(place, "rb")


def list_sizes(folder: Place) -> dict[str, int]:
    """Bytes of every file that lies in `folder` itself, by name, sorted; {} without a folder."""
    if isinstance(folder, Path):
        if not folder.is_dir():
            return {}
        return {file.name: file.stat().st_size for file in sorted(folder.iterdir())}
    try:
        found = _files(folder).ls(folder, detail=True)
    except FileNotFoundError:
        return {}
    sizes = {entry["name"].rsplit("/", 1)[-1]: entry["size"] for entry in found}
    return dict(sorted((name, int(size or 0)) for name, size in sizes.items() if name))


def size_of(place: Place) -> int:
    """Bytes of a file. Raises FileNotFoundError if there is none."""
    return place.stat().st_size if isinstance(place, Path) else int(_files(place).size(place))


@contextmanager
def publish(place: Place, buffering: int = -1) -> Iterator[IO[bytes]]:
    """A file to write to, which gets its name when the block ends; never, if the block raises."""
    if isinstance(place, Path):
        temporary = place.with_name(place.name + ".tmp")
        with temporary.open("wb", buffering) as file:
            yield file
        temporary.rename(place)
        return
    # On this machine until it is whole: fsspec's own files are put also when the block raises.
    with tempfile.NamedTemporaryFile(buffering=buffering, prefix="leaflake-") as file:
        yield file
        file.flush()
        _files(place).put_file(file.name, place)


def delete(place: Place) -> None:
    """Remove a file; none is fine too."""
    if isinstance(place, Path):
        place.unlink(missing_ok=True)
    elif exists(place):
        _files(place).rm_file(place)


def read_ranges(place: Place, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
    """The bytes of every (offset, length) of one file, in their order.

    Raises FileNotFoundError if there is no such file, EOFError if it ends before a range does.
    """
    if isinstance(place, Path):
        with place.open("rb") as file:
            return [_read_range(file, place, offset, length) for offset, length in ranges]
    return _fetch_ranges(place, ranges)


def _read_range(file: IO[bytes], place: Place, offset: int, length: int) -> bytes:
    file.seek(offset)
    return _whole(file.read(length), place, offset, length)


def _whole(data: bytes, place: Place, offset: int, length: int) -> bytes:
    if len(data) != length:
        raise EOFError(f"{place}: {len(data)} of {length} bytes at offset {offset}")
    return data


def _fetch_ranges(url: str, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
    """As `read_ranges`, with as few requests as neighbouring ranges allow."""
    data = [b""] * len(ranges)
    order = sorted(range(len(ranges)), key=lambda index: ranges[index])
    blocks: list[list[int]] = []
    end = 0
    for index in order:
        offset, length = ranges[index]
        start = ranges[blocks[-1][0]][0] if blocks else 0
        if blocks and offset <= end + GAP_BYTES and offset + length - start <= REQUEST_BYTES:
            blocks[-1].append(index)
            end = max(end, offset + length)
        else:
            blocks.append([index])
            end = offset + length
    starts = [ranges[block[0]][0] for block in blocks]
    ends = [max(sum(ranges[index]) for index in block) for block in blocks]
    fetched = _files(url).cat_ranges([url] * len(blocks), starts, ends, on_error="raise")
    for block, start, content in zip(blocks, starts, fetched, strict=True):
        for index in block:
            offset, length = ranges[index]
            found = bytes(content[offset - start : offset - start + length])
            data[index] = _whole(found, url, offset, length)
    return data


def folder_filesystem(url: str) -> AbstractFileSystem:
    """What DuckDB registers to read and write below `url` as lake://."""
    from fsspec.implementations.dirfs import DirFileSystem

    # fsspec has no types, so that its classes are Any where mypy does not see the package.
    class LakeFileSystem(DirFileSystem):  # type: ignore[misc, unused-ignore]
        """The lake's folder as a file system of its own.

        A single file is never a pattern, though the lake's place may look like one:
        s3://photos/[2026].
        """

        protocol = PROTOCOL

        def glob(self, path: str, **options: Any) -> Any:
            if has_magic(path):
                return super().glob(path, **options)
            name = self._strip_protocol(path)
            return [name] if self.isfile(name) else []

        def rm(self, path: str, *args: Any, **options: Any) -> None:
            if args or options:
                super().rm(path, *args, **options)
            else:
                self.rm_file(path)

    return LakeFileSystem(path=url, fs=_files(url), skip_instance_cache=True)


def fetch(url: Place, path: Path) -> None:
    """Copy one object into a local file."""
    _files(url).get_file(url, str(path))


def _files(place: Place) -> Any:
    import fsspec

    protocol = str(place).split("://", 1)[0]
    try:
        # Without a cache of listings: other processes write there too.
        return fsspec.filesystem(protocol, use_listings_cache=False)
    except (ImportError, ValueError) as error:
        raise UsageError(
            f"{protocol}://: cannot be opened: {error}. Install fsspec's package for it (for "
            "s3:// that is `pip install leaflake[s3]`). Nothing was written."
        ) from None
