"""Find the class folders and their files. In: source folders. Out: sorted ClassFolders.

A source is one dataset (its subfolders are the classes) or a collection of datasets (its
subfolders hold folders only, or a SOURCES.tsv lies in it). Everything below a class folder, however
deep, belongs to it.
"""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass
from pathlib import Path

from leaflake import UsageError

SOURCES_NAME = "SOURCES.tsv"
"""Tab-separated with a header; the columns `dataset` and `species` are read, others are notes."""


@dataclass(frozen=True)
class SourceFile:
    """One file below a class folder."""

    path: str
    """Absolute, as `printable` gives it."""

    size: int
    """Bytes."""

    mtime_ns: int
    """Modification time, nanoseconds since 1970."""


@dataclass(frozen=True)
class ClassFolder:
    """One flat folder: a raw label and its files."""

    dataset: str
    folder: str

    species_hint: str | None
    """The species that the source names, for folders that name only a disease."""

    files: tuple[SourceFile, ...]
    """Sorted by path; may be empty."""


def scan(sources: list[Path], species: str | None = None) -> list[ClassFolder]:
    """All class folders of `sources`, sorted by dataset and name.

    `species` is the hint for every dataset for which no SOURCES.tsv gives one.
    Raises UsageError if a source is no folder, or holds no file in any class folder.
    """
    found: list[ClassFolder] = []
    for source in sources:
        if not source.is_dir():
            what = "a file, not a folder" if source.exists() else "there is no such folder"
            raise UsageError(f"{source}: {what}. Name a folder of class folders. Nothing written.")
        before = len(found)
        hints = _read_sources(source / SOURCES_NAME)
        for dataset in _datasets(source):
            hint = hints.get(dataset.name) or species
            found += [_class_folder(dataset, child, hint) for child in _subfolders(dataset)]
        if not any(folder.files for folder in found[before:]):
            raise UsageError(
                f"{source}: no file in any class folder ({len(found) - before} folders looked at). "
                "Expected SOURCE/CLASS NAME/PICTURES. Nothing was written."
            )
    found.sort(key=lambda folder: (folder.dataset, folder.folder))
    _refuse_twins(found)
    return found


def _datasets(source: Path) -> list[Path]:
    children = _subfolders(source)
    is_collection = (source / SOURCES_NAME).is_file() or (
        bool(children) and all(_holds_only_folders(child) for child in children)
    )
    return children if is_collection else [source.resolve()]


def _subfolders(folder: Path) -> list[Path]:
    return sorted(child for child in folder.iterdir() if child.is_dir())


def _holds_only_folders(folder: Path) -> bool:
    children = list(folder.iterdir())
    return bool(children) and all(child.is_dir() for child in children)


def _class_folder(dataset: Path, folder: Path, hint: str | None) -> ClassFolder:
    files = []
    for parent, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(parent, name)
            status = os.stat(path, follow_symlinks=False)
            name_in_catalog = printable(os.path.abspath(path))
            files.append(SourceFile(name_in_catalog, status.st_size, status.st_mtime_ns))
    files.sort(key=lambda file: file.path)
    return ClassFolder(printable(dataset.name), printable(folder.name), hint, tuple(files))


def printable(path: str) -> str:
    """`path` as UTF-8, which Parquet and JSON ask for; other bytes become `\\xe9`.

    No file has the escaped name, so such a file ends as a rejection, "unreadable".
    """
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _read_sources(path: Path) -> dict[str, str]:
    """dataset -> species, for the rows of SOURCES.tsv that name one."""
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t")
        missing = {"dataset", "species"} - set(rows.fieldnames or ())
        if missing:
            raise UsageError(
                f"{path}:1: no column {' and '.join(sorted(missing))} in the header. "
                "Columns are separated by tabs. Nothing was written."
            )
        return {row["dataset"]: row["species"] for row in rows if row["species"]}


def _refuse_twins(folders: list[ClassFolder]) -> None:
    for one, other in zip(folders, folders[1:], strict=False):
        if (one.dataset, one.folder) == (other.dataset, other.folder):
            raise UsageError(
                f"two sources hold a dataset {one.dataset!r} with a folder {one.folder!r}. "
                "Rename one dataset, so that rows can be told apart. Nothing was written."
            )
