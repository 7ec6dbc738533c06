"""Find the class folders and their files. In: source folders. Out: a Scan, sorted.

A source is one dataset (its subfolders are the classes) or a collection of datasets (its
subfolders hold folders and no pictures, or a SOURCES.tsv lies in it). Everything below a class
folder, however deep, belongs to it. Every folder is listed once. The inbox of a lake is a dataset
whose classes are what people said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.classes import label_folders, read_classes
from ingest.inbox import FEEDBACK, InboxScan, Label, scan_inbox
from ingest.listing import FILE, Lister, Listing, printable
from ingest.sources import (
    SOURCES_NAME,
    Dataset,
    SourceRow,
    one_a_name,
    read_sources,
    refuse_unknown_species,
)
from leaflake import UsageError
from shards.inbox_tar import is_inbox

FILES = pa.schema([pa.field("folder", pa.int32()), *FILE])
"""One row a file: `folder` is a position in Scan.folders, the rest is as in listing.FILE."""


@dataclass(frozen=True)
class ClassFolder:
    """One flat folder: a raw label."""

    dataset: str
    folder: str

    path: str
    """Absolute."""

    species_hint: str | None
    """The species that the source names, for folders that name only a disease."""

    num_files: int
    """May be 0."""

    label: Label | None = None
    """Where it was said in ids, as in an inbox or a file of classes; None: the name has to be
    read."""


@dataclass(frozen=True)
class PassedOver:
    """What was found and will be in no table."""

    strays: int = 0
    """Files outside all class folders, so that no label could be read for them."""

    hidden_files: int = 0
    """Names with a dot in front belong to the operating system."""

    hidden_folders: int = 0

    damaged: int = 0
    """Corrections in an inbox that cannot be read."""


@dataclass(frozen=True)
class Scan:
    """What the sources hold."""

    datasets: tuple[Dataset, ...]
    """Sorted by name, which is theirs alone."""

    folders: tuple[ClassFolder, ...]
    """Sorted by dataset and folder."""

    files: pa.Table
    """As FILES says, sorted by folder and path; 1.47 million files take 200 MB."""

    passed_over: PassedOver

    feedback: pa.Table = field(default_factory=FEEDBACK.empty_table)
    """As inbox.FEEDBACK says: what inboxes hold, with pictures and without."""


def scan(sources: Sequence[Path], species: str | None = None, classes: Path | None = None) -> Scan:
    """All class folders of `sources` and their files.

    `species` is the hint for every dataset for which no SOURCES.tsv gives one. `classes` is a file
    that names the class of every folder (ingest/classes.py). Links to sources, datasets and class
    folders are followed; below a class folder a link is a file.
    Raises UsageError if a source is no folder, holds no file in any class folder, cannot be read,
    or is neither a dataset nor a collection; or if a SOURCES.tsv or `classes` makes no sense.
    """
    refuse_unknown_species(species, "--species")
    said = read_classes(classes) if classes else {}
    datasets: list[Dataset] = []
    found: list[tuple[ClassFolder, pa.Table]] = []
    inboxes: list[InboxScan] = []
    strays = 0
    with Lister() as lister:
        for source in sources:
            if is_inbox(source):
                inbox = scan_inbox(source.resolve())
                inboxes.append(inbox)
                datasets.append(Dataset(inbox.name, inbox.path, None, None))
                found += _said_classes(inbox)
                continue
            top = lister.list_folder(_resolved(source))
            strays += _count_strays(top)
            before = len(found)
            for listing, row, class_listings in _find_datasets(source, top, lister):
                strays += _count_strays(listing) if listing is not top else 0
                hint = row.species or species
                datasets.append(Dataset(listing.name, printable(listing.path), hint, row.shots))
                for one in class_listings:
                    files = lister.files_below(one)
                    identity = (listing.name, one.name, printable(one.path))
                    found.append((ClassFolder(*identity, hint, files.num_rows), files))
            if not any(folder.num_files for folder, _ in found[before:]):
                raise UsageError(
                    f"{source}: no file in any class folder ({len(found) - before} folders "
                    "looked at). Expected SOURCE/CLASS NAME/PICTURES. Nothing was written."
                )
    found.sort(key=lambda one: (one[0].dataset, one[0].folder))
    folders = tuple(folder for folder, _ in found)
    _refuse_twins(folders)
    if classes:
        folders = label_folders(folders, said, classes)
    return Scan(
        datasets=one_a_name(datasets),
        folders=folders,
        files=_joined([files for _, files in found]),
        passed_over=PassedOver(
            strays,
            lister.hidden_files,
            lister.hidden_folders,
            sum(inbox.damaged for inbox in inboxes),
        ),
        feedback=pa.concat_tables([FEEDBACK.empty_table(), *(one.feedback for one in inboxes)]),
    )


def _resolved(source: Path) -> str:
    if not source.is_dir():
        what = "a file, not a folder" if source.exists() else "there is no such folder"
        raise UsageError(f"{source}: {what}. Name a folder of class folders. Nothing written.")
    return str(source.resolve())


def _said_classes(inbox: InboxScan) -> Iterator[tuple[ClassFolder, pa.Table]]:
    """Every class of an inbox, which is a dataset."""
    for one in inbox.classes:
        identity = (inbox.name, one.folder, inbox.path)
        yield ClassFolder(*identity, None, one.files.num_rows, one.label), one.files


def _find_datasets(
    source: Path, top: Listing, lister: Lister
) -> Iterator[tuple[Listing, SourceRow, list[Listing]]]:
    """(dataset, what SOURCES.tsv says of it, its class folders), one dataset after another.

    Raises UsageError if some subfolders look like datasets and some like classes.
    """
    rows = read_sources(source)
    children = [lister.list_folder(path) for path in top.subfolders()]
    datasets = [one for one in children if one.subfolders() and not one.has_pictures]
    classes = [one for one in children if one.has_pictures]
    if rows is None and datasets and classes:
        raise UsageError(
            f"{source}: {classes[0].name!r} holds pictures, as a class does, but "
            f"{datasets[0].name!r} holds only folders, as a dataset does. Name the datasets one by "
            f"one, or put a {SOURCES_NAME} into a collection of datasets. Nothing was written."
        )
    if rows is None and not datasets:
        yield top, SourceRow(), children
        return
    for one in children if rows is not None else datasets:
        row = (rows or {}).get(one.name, SourceRow())
        yield one, row, [lister.list_folder(path) for path in one.subfolders()]


def _count_strays(listing: Listing) -> int:
    names = pc.utf8_slice_codeunits(listing.files["path"], len(printable(listing.path)) + 1)
    return listing.files.num_rows - pc.sum(pc.equal(names, SOURCES_NAME), min_count=0).as_py()


def _joined(tables: Sequence[pa.Table]) -> pa.Table:
    """One table with the column `folder`, in one piece so that rows are quickly found."""
    counts = np.array([table.num_rows for table in tables], dtype=np.int64)
    folder = np.repeat(np.arange(len(tables), dtype=np.int32), counts)
    # An inbox without a picture has no table.
    files = pa.concat_tables([FILE.empty_table(), *tables]).combine_chunks()
    return files.add_column(0, FILES.field("folder"), pa.array(folder)).combine_chunks()


def _refuse_twins(folders: Sequence[ClassFolder]) -> None:
    for one, other in zip(folders, folders[1:], strict=False):
        if (one.dataset, one.folder) == (other.dataset, other.folder):
            raise UsageError(
                f"two sources hold a dataset {one.dataset!r} with a folder {one.folder!r}. "
                "Rename one dataset, so that rows can be told apart. Nothing was written."
            )
