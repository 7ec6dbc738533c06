"""Find the class folders and their files. In: source folders. Out: sorted ClassFolders.

A source is one dataset (its subfolders are the classes) or a collection of datasets (its
subfolders hold folders and no pictures, or a SOURCES.tsv lies in it). Everything below a class
folder, however deep, belongs to it.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from catalog.labels import resolve_species
from leaflake import UsageError

SOURCES_NAME = "SOURCES.tsv"
"""Tab-separated with a header; the columns `dataset` and `species` are read, others are notes."""

PICTURE_SUFFIXES = {"", ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif"}
"""Only for telling a class folder from a dataset; a file is judged by its content. Some pictures
have lost their suffix."""


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

    path: str
    """Absolute."""

    species_hint: str | None
    """The species that the source names, for folders that name only a disease."""

    files: tuple[SourceFile, ...]
    """Sorted by path; may be empty."""


def scan(sources: list[Path], species: str | None = None) -> list[ClassFolder]:
    """All class folders of `sources`, sorted by dataset and name.

    `species` is the hint for every dataset for which no SOURCES.tsv gives one. Hidden files and
    folders (names with a dot in front) belong to the operating system and are passed over.
    Raises UsageError if a source is no folder, holds no file in any class folder, cannot be read,
    or is neither a dataset nor a collection; or if no table knows a species that is hinted at.
    """
    refuse_unknown_species(species, "--species")
    found: list[ClassFolder] = []
    for source in sources:
        if not source.is_dir():
            what = "a file, not a folder" if source.exists() else "there is no such folder"
            raise UsageError(f"{source}: {what}. Name a folder of class folders. Nothing written.")
        before = len(found)
        hints = _read_sources(source / SOURCES_NAME)
        for dataset in find_datasets(source):
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


def find_datasets(source: Path) -> list[Path]:
    """The dataset folders of a source: its subfolders if it is a collection, else itself.

    Raises UsageError if some subfolders look like datasets and some like classes.
    """
    children = _subfolders(source)
    if (source / SOURCES_NAME).is_file():
        return children
    datasets = [child for child in children if _subfolders(child) and not _pictures(child)]
    classes = [child for child in children if _pictures(child)]
    if datasets and classes:
        raise UsageError(
            f"{source}: {classes[0].name!r} holds pictures, as a class does, but "
            f"{datasets[0].name!r} holds only folders, as a dataset does. Name the datasets one by "
            f"one, or put a {SOURCES_NAME} into a collection of datasets. Nothing was written."
        )
    return datasets if datasets else [source.resolve()]


def stray_files(sources: list[Path]) -> int:
    """How many files lie outside all class folders, so that no label could be read for them."""
    places = [place for source in sources for place in {source, *find_datasets(source)}]
    return sum(
        not child.is_dir() and child.name != SOURCES_NAME
        for place in places
        for child in _visible(place)
    )


def refuse_unknown_species(species: str | None, where: str) -> None:
    """Raise UsageError, naming `where` it stands, if no table knows the plant."""
    if species and resolve_species(species) is None:
        raise UsageError(
            f'{where}: no plant in catalog/names/species.tsv is called "{species}". Use its common '
            "or scientific name, or add it there. Nothing was written."
        )


def _visible(folder: Path) -> list[Path]:
    try:
        return sorted(child for child in folder.iterdir() if not child.name.startswith("."))
    except OSError as error:
        raise UsageError(
            f"{folder}: cannot be read ({error.strerror}). Make it readable, or leave it out. "
            "Nothing was written."
        ) from None


def _subfolders(folder: Path) -> list[Path]:
    return [child for child in _visible(folder) if child.is_dir()]


def _pictures(folder: Path) -> list[Path]:
    """Direct files that are named like pictures; what they hold is found out later."""
    files = [child for child in _visible(folder) if not child.is_dir()]
    return [file for file in files if file.suffix.lower() in PICTURE_SUFFIXES]


def _class_folder(dataset: Path, folder: Path, hint: str | None) -> ClassFolder:
    files = sorted(_files_below(folder), key=lambda file: file.path)
    path = printable(os.path.abspath(folder))
    return ClassFolder(printable(dataset.name), printable(folder.name), path, hint, tuple(files))


def _files_below(folder: Path) -> Iterator[SourceFile]:
    for child in _visible(folder):
        if child.is_dir() and not child.is_symlink():  # a link may lead in a circle
            yield from _files_below(child)
        else:
            status = child.lstat()
            path = printable(os.path.abspath(child))
            yield SourceFile(path, status.st_size, status.st_mtime_ns)


def printable(path: str) -> str:
    """`path` as UTF-8, which Parquet and JSON ask for; other bytes become `\\xe9`.

    No file has the escaped name, so such a file ends as a rejection, "unreadable".
    """
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _read_sources(path: Path) -> dict[str, str]:
    """dataset -> species, for the rows of SOURCES.tsv that name one."""
    if not path.is_file():
        return {}
    try:
        rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines(), delimiter="\t"))
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8 ({error.reason}). Save it as UTF-8.") from None
    missing = {"dataset", "species"} - set(rows[0] if rows else ())
    if missing:
        raise UsageError(
            f"{path}:1: no column {' and '.join(sorted(missing))} in the header, or no row below "
            "it. Columns are separated by tabs. Nothing was written."
        )
    for line, row in enumerate(rows, start=2):
        refuse_unknown_species(row["species"], f"{path}:{line}")
    return {row["dataset"]: row["species"] for row in rows if row["species"]}


def _refuse_twins(folders: list[ClassFolder]) -> None:
    for one, other in zip(folders, folders[1:], strict=False):
        if (one.dataset, one.folder) == (other.dataset, other.folder):
            raise UsageError(
                f"two sources hold a dataset {one.dataset!r} with a folder {one.folder!r}. "
                "Rename one dataset, so that rows can be told apart. Nothing was written."
            )
