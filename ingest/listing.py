"""List folders, each once, with one `stat` a file. In: a folder. Out: Listings, files as Arrow."""

from __future__ import annotations

import os
from dataclasses import dataclass

import pyarrow as pa
from tqdm import tqdm

from leaflake import UsageError

FILE = pa.schema([("path", pa.string()), ("size", pa.int64()), ("mtime_ns", pa.int64())])
"""One row a file: its absolute path as `printable` gives it, bytes, nanoseconds since 1970."""

PICTURE_SUFFIXES = {"", ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif"}
"""Only for telling a class folder from a dataset; a file is judged by its content. Some pictures
have lost their suffix."""

QUIET_S = 2.0
"""A scan that takes longer shows how far it is."""


@dataclass(frozen=True)
class Listing:
    """What stands in one folder, without what is hidden."""

    path: str
    """Absolute, as the operating system has it: bytes that are no UTF-8 are surrogates."""

    folders: tuple[str, ...]
    """Names, sorted."""

    links: tuple[str, ...]
    """Names of symbolic links that lead to folders, sorted."""

    files: pa.RecordBatch
    """Everything else, as FILE says, in no order."""

    link_files: pa.RecordBatch
    """The links once more, as the files that they are below a class folder."""

    has_pictures: bool
    """A file here is named like a picture."""

    @property
    def name(self) -> str:
        """The folder's own name, printable."""
        return printable(os.path.basename(self.path))

    def subfolders(self) -> list[str]:
        """Paths of its folders, and of the links to folders, sorted."""
        return [os.path.join(self.path, name) for name in sorted((*self.folders, *self.links))]


class Lister:
    """Lists folders, counts what it passes over, and shows how far it is on standard error."""

    def __init__(self) -> None:
        self.hidden_files = 0
        self.hidden_folders = 0
        self._bar = tqdm(desc="scan", unit="file", delay=QUIET_S, leave=False)

    def __enter__(self) -> Lister:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def list_folder(self, path: str) -> Listing:
        """List one folder. Raises UsageError if it, or a file in it, cannot be looked at."""
        folders, links, files, link_files = [], [], _Files(path), _Files(path)
        has_pictures = False
        try:
            with os.scandir(path) as entries:
                for entry in entries:
                    is_folder = entry.is_dir(follow_symlinks=False)
                    if entry.name.startswith("."):
                        self.hidden_folders += is_folder
                        self.hidden_files += not is_folder
                    elif is_folder:
                        folders.append(entry.name)
                    elif entry.is_symlink() and os.path.isdir(entry.path):
                        links.append(entry.name)
                        link_files.add(entry)
                    else:
                        files.add(entry)
                        suffix = os.path.splitext(entry.name)[1]
                        has_pictures = has_pictures or suffix.lower() in PICTURE_SUFFIXES
        except OSError as error:
            raise UsageError(
                f"{path}: cannot be read ({error.strerror}). Make it readable, or leave it out. "
                "Nothing was written."
            ) from None
        self._bar.update(len(files.names))
        return Listing(
            path,
            tuple(sorted(folders)),
            tuple(sorted(links)),
            files.batch(),
            link_files.batch(),
            has_pictures,
        )

    def files_below(self, listing: Listing) -> pa.Table:
        """Every file of a folder and of the folders below it, as FILE says, sorted by path.

        A link to a folder may lead in a circle, so below a class folder it is a file: one that
        cannot be read.
        """
        batches = [listing.files, listing.link_files]
        waiting = [os.path.join(listing.path, name) for name in listing.folders]
        while waiting:
            below = self.list_folder(waiting.pop())
            batches += [below.files, below.link_files]
            waiting += [os.path.join(below.path, name) for name in below.folders]
        return pa.Table.from_batches(batches, FILE).sort_by("path").combine_chunks()


class _Files:
    """The files of one folder, column by column."""

    def __init__(self, folder: str) -> None:
        self.prefix = os.path.join(folder, "")
        self.names: list[str] = []
        self.sizes: list[int] = []
        self.times: list[int] = []

    def add(self, entry: os.DirEntry[str]) -> None:
        try:
            status = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            return  # removed since the folder was opened
        self.names.append(entry.name)
        self.sizes.append(status.st_size)
        self.times.append(status.st_mtime_ns)

    def batch(self) -> pa.RecordBatch:
        paths = [self.prefix + name for name in self.names]
        try:
            column = pa.array(paths, pa.string())
        except UnicodeEncodeError:
            column = pa.array([printable(path) for path in paths], pa.string())
        columns = [column, pa.array(self.sizes, pa.int64()), pa.array(self.times, pa.int64())]
        return pa.RecordBatch.from_arrays(columns, schema=FILE)


def printable(path: str) -> str:
    """`path` as UTF-8, which Parquet and JSON ask for; other bytes become `\\xe9`.

    No file has the escaped name, so such a file ends as a rejection, "unreadable".
    """
    return os.fsencode(path).decode("utf-8", "backslashreplace")
