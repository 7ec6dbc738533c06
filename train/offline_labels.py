"""The label file of `leaflake augment`. In: CSV with path, label and perhaps split. Out: rows, and
the same with weights."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from leaflake import UsageError

TRAIN = "train"
SPLITS = (TRAIN, "val", "test")
COLUMNS = ("path", "label", "split")

WEIGHTS_HEAD = "path,label,weight"
"""How the first line of a file with weights begins."""


@dataclass(frozen=True)
class LabelRow:
    """One picture."""

    path: str
    """Relative to the folder of pictures, with forward strokes."""

    label: str

    split: str = TRAIN
    """One of SPLITS."""


@dataclass(frozen=True)
class LabelFile:
    """What a label file says."""

    rows: tuple[LabelRow, ...]
    """In the file's order."""

    has_splits: bool
    """Whether it has that column; without it all pictures are to learn from."""


def read_labels(file: Path, folder: Path) -> LabelFile:
    """Read a label file, whose paths are relative to `folder`, or absolute and in it.

    Raises UsageError, with the line, for a file that is none, a column or cell that is missing or
    unknown, a picture that is not there, is outside the folder or stands in two rows.
    """
    folder = folder.resolve()
    try:
        # Spreadsheets put a mark before UTF-8.
        with file.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines, strict=True)
            names = tuple(reader.fieldnames or ())
            if set(names) not in ({"path", "label"}, set(COLUMNS)):
                raise _refusal(
                    f"{file}:1", f"the columns are {', '.join(names) or 'none'}", "path,label"
                )
            rows = [_row(f"{file}:{reader.line_num}", cells, folder) for cells in reader]
    except OSError as error:
        why = f"cannot be read ({error.strerror})"
        raise _refusal(str(file), why, "a CSV file with the columns path,label") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise _refusal(str(file), f"is no CSV in UTF-8 ({error})", "path,label") from None
    counts = Counter(row.path for row in rows)
    if twice := [path for path, count in counts.items() if count > 1]:
        raise _refusal(str(file), f"{twice[0]} stands in {counts[twice[0]]} rows", "one row each")
    return LabelFile(tuple(rows), "split" in names)


def _row(where: str, cells: dict[str, str], folder: Path) -> LabelRow:
    if None in cells or None in cells.values():  # more cells than columns, or fewer
        raise _refusal(where, "the row has another number of cells than the header", "the same")
    path, label = cells["path"], cells["label"].strip()
    place = folder / path
    place = place.parent.resolve() / place.name  # the picture itself may be a link
    if not place.is_relative_to(folder):
        raise _refusal(where, f"{path} is not in {folder}", "a path in the folder of pictures")
    if not path or not place.is_file():
        raise _refusal(where, f"there is no file {place}", "a picture")
    split = cells.get("split", TRAIN)
    if not label:
        raise _refusal(where, f"{path} has no label", "one, or no row")
    if split not in SPLITS:
        raise _refusal(where, f"{path} is in the split {split!r}", f"one of {', '.join(SPLITS)}")
    return LabelRow(place.relative_to(folder).as_posix(), label, split)


def class_weights(rows: Iterable[LabelRow]) -> dict[str, float]:
    """Label -> weight of each of its pictures to learn from, so that all classes count alike:
    pictures / (classes * pictures of the class), whose mean over the pictures is 1.

    (King and Zeng, "Logistic Regression in Rare Events Data", 2001, section 4.2, with classes that
    are equally frequent.)
    """
    counts = Counter(row.label for row in rows if row.split == TRAIN)
    whole = sum(counts.values()) / len(counts)
    return {label: whole / count for label, count in counts.items()}


def write_labels(file: Path, rows: Sequence[LabelRow], has_splits: bool) -> None:
    """Write path, label, weight and, with `has_splits`, split. What is judged on weighs 1."""
    weights = class_weights(rows)
    temporary = file.with_name(file.name + ".tmp")
    temporary.parent.mkdir(parents=True, exist_ok=True)
    with temporary.open("w", encoding="utf-8", newline="") as out:
        out.write(WEIGHTS_HEAD + (",split" if has_splits else "") + "\n")
        writer = csv.writer(out, lineterminator="\n")
        for row in rows:
            weight = weights[row.label] if row.split == TRAIN else 1
            writer.writerow([row.path, row.label, f"{weight:.6g}", row.split][: 3 + has_splits])
    temporary.rename(file)


def _refusal(where: str, found: str, expected: str) -> UsageError:
    return UsageError(f"{where}: {found}; expected {expected}. Mend it. Nothing was written.")
