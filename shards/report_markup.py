"""Tables and sheets of pictures of a report, as HTML. In: values and thumbnails. Out: markup.

What comes from folders and files is escaped here; arguments that are markup say so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from pathlib import Path

from catalog.report import Row
from shards.thumbnails import Thumbnail

Thumbnails = Mapping[str, Thumbnail]

OPEN_ROWS = 30
"""Rows of a table that stand open; the others are folded."""

NUMBERS = {
    "pictures",
    "conditions",
    "datasets",
    "groups",
    "folders",
    "minutes",
    "files",
    "samples",
    "rejected",
    "shards",
    "files/s",
}
"""Heads of columns that hold numbers."""


def pair(keys: Iterable[str], thumbnails: Thumbnails, note: str) -> str:
    figures = "".join(
        _figure(
            thumbnails[key],
            f"{label_of(thumbnails[key])}<br>{escape(thumbnails[key].dataset)}/"
            f"{escape(thumbnails[key].folder)}<br>{escape(Path(thumbnails[key].source_path).name)}",
        )
        for key in keys
    )
    caption = f'<p class="soft">{escape(note)}</p>' if note else ""
    return f'<li class="pair">{caption}<div>{figures}</div></li>'


def sheet(
    keys: Iterable[str],
    thumbnails: Thumbnails,
    caption: Callable[[Thumbnail], str],
    fit: str = "cut",
) -> str:
    """A grid of square pictures, `cut` to fit or `whole`; `caption` gives markup."""
    items = "".join(
        f"<li>{_figure(thumbnails[key], caption(thumbnails[key]))}</li>" for key in keys
    )
    return f'<ul class="sheet {fit}">{items}</ul>'


def _figure(one: Thumbnail, caption: str) -> str:
    alt = escape(f"{one.species or 'unknown plant'}, {one.condition or 'no label'}")
    title = escape(f"{one.key}, {one.split or 'in no split'}: {one.source_path}")
    below = f"<figcaption>{caption}</figcaption>" if caption else ""
    return (
        f'<figure><img src="{one.uri}" width="{one.width}" height="{one.height}" alt="{alt}" '
        f'title="{title}">{below}</figure>'
    )


def folded_table(heads: Sequence[str], rows: Sequence[str], what: str) -> str:
    """The first OPEN_ROWS rows, and the others behind a line that opens them."""
    shown = table(heads, rows[:OPEN_ROWS])
    if more := rows[OPEN_ROWS:]:
        folded = table(heads, more)
        shown += f"<details><summary>{len(more):,} more {what}</summary>{folded}</details>"
    return shown


def table(heads: Sequence[str], rows: Iterable[str]) -> str:
    """A table whose `rows` are markup; the heads of NUMBERS stand to the right, as those do."""
    cells = "".join(
        f'<th scope="col"{" class=number" if head in NUMBERS else ""}>{escape(head)}</th>'
        for head in heads
    )
    return (
        f'<div class="scroll"><table><thead><tr>{cells}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def table_row(
    values: Row, numbers: Sequence[int] = (), paths: Sequence[int] = (), head: bool = True
) -> str:
    cells = []
    for position, value in enumerate(values):
        text = f"{value:,}" if isinstance(value, int) else or_dash(value)
        if position in numbers:
            cells.append(f'<td class="number">{text}</td>')
        elif position in paths:
            cells.append(f'<td class="path">{text}</td>')
        elif position == 0 and head:
            cells.append(f'<th scope="row">{text}</th>')
        else:
            cells.append(f"<td>{text}</td>")
    return f"<tr>{''.join(cells)}</tr>"


def label_of(one: Thumbnail) -> str:
    return f"{words(one.species or 'no species')}, {words(one.condition or 'no label')}"


def words(slug: str) -> str:
    return escape(slug.replace("_", " "))


def or_dash(value: object) -> str:
    return "–" if value is None else escape(str(value))
