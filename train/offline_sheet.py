"""What augmentation makes of some pictures, as one HTML page that needs no network."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path

import cv2
import numpy as np
import simplejpeg

from shards.decode import decode_image
from train.offline_labels import TRAIN, LabelRow
from train.offline_steps import ChosenStep, augment_image

STYLE = Path(__file__).with_name("offline_sheet.css").read_text(encoding="utf-8")

VARIANTS = 7
"""Beside each picture: with it they fill a line of a desk's screen."""

MAX_CLASSES = 50
"""At 8 pictures of 4 kB the page then has some 2 MB."""

SIDE = 120
"""Pixels of the longer side."""

QUALITY = 80


def write_sheet(
    path: Path,
    folder: Path,
    made: Sequence[Sequence[LabelRow]],
    steps: Sequence[ChosenStep],
    seed: int,
) -> None:
    """Show one picture of each class with variants of it, and first what each step does alone.

    `made` has the rows of each picture in `folder` and of its copies. Of a class it is the picture
    with the most copies; the first variants are its copies, the others were only drawn here.
    """
    shown: dict[str, Sequence[LabelRow]] = {}
    for rows in made:
        label = rows[0].label
        if rows[0].split == TRAIN and len(rows) > len(shown.get(label, ())):
            shown[label] = rows
    labels = sorted(shown)[:MAX_CLASSES]
    first = shown[labels[0]][0]
    parts = [
        _row(f"{step.name} alone", _numbers(step), folder, first, [step], seed) for step in steps
    ]
    for label in labels:
        rows = shown[label]
        note = f"{rows[0].path}: {_written(len(rows) - 1)}"
        parts.append(_row(label, note, folder, rows[0], steps, seed))
    if more := len(shown) - len(labels):
        parts.append(f"<p>{more} more classes are not shown.</p>")
    names = ", ".join(step.name for step in steps)
    page = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><title>Augmented pictures</title>'
        f"<style>{STYLE}</style></head>\n<body><h1>Augmented pictures</h1>"
        f"<p>On the left a picture as it is, then variants of it after {escape(names)}, with seed "
        f"{seed}.</p>\n" + "\n".join(parts) + "</body></html>\n"
    )
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(page, encoding="utf-8")
    temporary.rename(path)


def _row(
    title: str,
    note: str,
    folder: Path,
    row: LabelRow,
    steps: Sequence[ChosenStep],
    seed: int,
) -> str:
    image = decode_image((folder / row.path).read_bytes())
    variants = [
        augment_image(image, steps, seed=seed, path=row.path, copy=copy)
        for copy in range(1, VARIANTS + 1)
    ]
    alts = ["as it is", *(f"variant {copy}" for copy in range(1, VARIANTS + 1))]
    pictures = "".join(
        f"<li>{_picture(one, f'{title}, {alt}')}</li>"
        for one, alt in zip([image, *variants], alts, strict=True)
    )
    return f"<h2>{escape(title)}</h2><p>{escape(note)}</p><ul>{pictures}</ul>"


def _picture(image: np.ndarray, alt: str) -> str:
    height, width = image.shape[:2]
    scale = min(1.0, SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    data = base64.b64encode(simplejpeg.encode_jpeg(small, quality=QUALITY)).decode()
    return (
        f'<img src="data:image/jpeg;base64,{data}" width="{size[0]}" height="{size[1]}" '
        f'alt="{escape(alt)}">'
    )


def _numbers(step: ChosenStep) -> str:
    found = []
    for name, value in step.settings.items():
        ends = value if isinstance(value, (tuple, list)) else (value,)
        found.append(f"{name} {' to '.join(map(_short, ends))}")
    return ", ".join(found)


def _short(number: float) -> str:
    """1.3333 -> 1.33, and 4096 as it is."""
    return f"{number:.3g}" if isinstance(number, float) else str(number)


def _written(copies: int) -> str:
    """Which of the variants are files, too."""
    if not copies:
        return "none written, all are only drawn here"
    if copies >= VARIANTS:
        return "all written" + (f", and {copies - VARIANTS} more" if copies > VARIANTS else "")
    first = "the first variant was" if copies == 1 else f"the first {copies} variants were"
    return f"{first} written, the others are only drawn here"
