"""The classes of pictures that are sorted by something else than plant and disease.

In: a table of folders and classes, such as beach and mountain. Out: a label for each class folder,
so that its name need not be read: the class as a species, of whose condition nothing is said.
Several folders may be one class.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from catalog.taxonomy import BACKGROUND, NO_PLANT, UNKNOWN
from leaflake import UsageError

if TYPE_CHECKING:
    from ingest.scan import ClassFolder

COLUMNS = ("folder", "class")


def read_classes(path: Path) -> dict[str, str]:
    """Folder name -> species id of its class; NO_PLANT for pictures of none of the classes.

    The file is tab-separated with the header `folder`, `class`. Raises UsageError, with the line,
    if it cannot be read, a cell is empty, a folder stands in two lines, or a class has no Latin
    letter or digit to make an id of.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise _refusal(f"{path}", f"cannot be read ({error})") from None
    rows = list(csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
    if not rows or tuple(rows[0]) != COLUMNS:
        raise _refusal(f"{path}:1", f"the header is {rows[0] if rows else 'missing'}")
    classes: dict[str, str] = {}
    for line, row in enumerate(rows[1:], start=2):
        if not any(row):
            continue
        if len(row) != len(COLUMNS) or not all(row):
            raise _refusal(f"{path}:{line}", f"{row} are not two cells")
        folder, name = row
        if folder in classes:
            raise _refusal(f"{path}:{line}", f"{folder!r} stands in an earlier line already")
        classes[folder] = class_id(name)
        if not classes[folder]:
            raise _refusal(f"{path}:{line}", f"{name!r} has no Latin letter and no digit")
    return classes


def class_id(name: str) -> str:
    """`Sandy beach` -> `sandy_beach`, from which people are shown `Sandy beach`; may be empty."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return "_".join(re.findall("[a-z0-9]+", plain))


def label_folders(
    folders: Sequence[ClassFolder], classes: Mapping[str, str], path: Path
) -> tuple[ClassFolder, ...]:
    """The folders with their labels; one that has a label, as in an inbox, keeps it.

    Raises UsageError if a folder is not in the file, or the file names one that is not there: each
    may be a slip of the hand, and would leave its pictures in no class.
    """
    to_label = {one.folder for one in folders if one.label is None}
    if unnamed := sorted(to_label - set(classes)):
        raise _refusal(f"{path}", f"it does not name the folder {unnamed[0]!r}")
    if unknown := sorted(set(classes) - to_label):
        raise _refusal(f"{path}", f"there is no folder {unknown[0]!r} in the sources")
    return tuple(
        one if one.label else replace(one, label=_label(classes[one.folder])) for one in folders
    )


def _label(species: str) -> tuple[str, str]:
    return species, BACKGROUND if species == NO_PLANT else UNKNOWN


def _refusal(where: str, found: str) -> UsageError:
    return UsageError(
        f"{where}: {found}. Expected a line `folder<tab>class` for the header and for each class "
        "folder. Nothing was written."
    )
