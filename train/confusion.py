"""What is taken for what, as pictures. In: predictions. Out: SVG."""

from __future__ import annotations

import numpy as np

from catalog.taxonomy import LabelTree
from train.metrics import Predictions
from train.svg import document, slanted, text

CELL = 24
LEFT = 180
"""Pixels for the names of the rows."""

TOP = 140
"""Pixels for the names of the columns."""

MOST_SPECIES = 40
"""Rows of the picture of species; of more, those that are confused most."""

MOST_BLOCKS = 30
"""Species of the picture of diseases, those with most confusions first."""

NOTE = "Rows: what it is. Columns: what was answered. Shade: share of the row."


def counts(true: np.ndarray, said: np.ndarray, num: int) -> np.ndarray:
    """int64 (num, num): pictures by what is true (row) and what was answered (column)."""
    return np.bincount(true * num + said, minlength=num * num).reshape(num, num)


def species_confusion(predictions: Predictions, tree: LabelTree) -> str:
    """The confusion matrix of species."""
    truth = np.array(tree.class_species())[predictions.class_index]
    found = counts(truth, predictions.species.argmax(axis=1), tree.num_species)
    wrong = found - np.diag(np.diag(found))
    mistakes = wrong.sum(axis=0) + wrong.sum(axis=1)
    present = np.flatnonzero(found.sum(axis=1) + found.sum(axis=0))
    shown = present[np.argsort(-mistakes[present], kind="stable")[:MOST_SPECIES]]
    shown = np.sort(shown)
    names = [tree.species[index].name for index in shown]
    heading = f"Species: {int(np.trace(found)):,} of {int(found.sum()):,} right"
    note = NOTE
    if len(shown) < len(present):
        note += f" The {len(shown)} that are confused most, of {len(present)}."
    parts = [text(12, 26, heading, "title"), text(12, 46, note, "soft")]
    parts += _matrix(found[np.ix_(shown, shown)], names, 0, 60, found.sum(axis=1)[shown])
    side = CELL * len(names)
    width = max(LEFT + side + 90, 460)
    return document(width, 60 + TOP + side + 20, "Confusion matrix of species", parts)


def condition_confusions(predictions: Predictions, tree: LabelTree) -> str:
    """A confusion matrix of conditions for each species, given the species."""
    blocks = []
    for index, (start, stop) in enumerate(tree.blocks()):
        own = (predictions.class_index >= start) & (predictions.class_index < stop)
        if stop - start > 1 and own.any():
            said = predictions.condition[own, start:stop].argmax(axis=1)
            found = counts(predictions.class_index[own] - start, said, stop - start)
            blocks.append((index, found))
    blocks.sort(key=lambda one: -int(one[1].sum() - np.trace(one[1])))
    parts = [
        text(12, 26, "Diseases within each species, given the species", "title"),
        text(12, 46, f"{NOTE} Most confusions first.", "soft"),
    ]
    shown = blocks[:MOST_BLOCKS]
    widest = max((len(found) for _, found in shown), default=1)
    step = LEFT + CELL * widest + 100
    bottoms = [66.0, 66.0]
    for index, found in shown:
        column = int(bottoms[1] < bottoms[0])
        left, top = column * step, bottoms[column]
        names = [one.name for one in tree.species[index].conditions]
        right, pictures = int(np.trace(found)), int(found.sum())
        heading = f"{tree.species[index].name}: {right:,} of {pictures:,} right"
        parts.append(text(left + 12, top + 16, heading, "title"))
        parts += _matrix(found, names, left, top + 14, found.sum(axis=1))
        bottoms[column] = top + 14 + TOP + CELL * len(names) + 34
    title = "Confusion matrices of the diseases of each species"
    return document(2 * step, max(bottoms), title, parts)


def _matrix(
    found: np.ndarray, names: list[str], left: float, top: float, pictures: np.ndarray
) -> list[str]:
    """Cells with counts, and names beside and above them; `pictures` are the rows' totals."""
    parts = []
    for row, name in enumerate(names):
        y = top + TOP + CELL * row
        parts.append(text(left + LEFT - 8, y + 16, _short(name), anchor="end"))
        parts.append(slanted(left + LEFT + CELL * row + 15, top + TOP - 6, _short(name)))
        for column, other in enumerate(names):
            count = int(found[row, column])
            x = left + LEFT + CELL * column
            parts.append(
                f'<rect class="cell" x="{x:.0f}" y="{y:.0f}" width="{CELL - 2}" '
                f'height="{CELL - 2}"/>'
            )
            if count:
                share = count / pictures[row]
                kind = "right" if row == column else "wrong"
                said = f"{name}, answered {other}: {count} of {pictures[row]}"
                parts.append(
                    f'<rect class="{kind}" x="{x:.0f}" y="{y:.0f}" width="{CELL - 2}" '
                    f'height="{CELL - 2}" fill-opacity="{0.15 + 0.85 * share:.2f}">'
                    f"<title>{_escaped(said)}</title></rect>"
                )
                inside = "inside dark-cell" if share > 0.45 else "inside"
                parts.append(
                    f'<text class="{inside}" x="{x + CELL / 2 - 1:.1f}" y="{y + 15:.1f}">'
                    f"{count}</text>"
                )
    return parts


def _short(name: str) -> str:
    return name if len(name) <= 23 else name[:22] + "…"


def _escaped(words: str) -> str:
    return words.replace("&", "&amp;").replace("<", "&lt;")
