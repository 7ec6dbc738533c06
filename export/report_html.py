"""Pieces of the report's page. In: figures and texts. Out: HTML."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any


def section(title: str, words: str, body: str) -> str:
    """A part of the page; `words` and `body` are HTML."""
    text = f'<p class="soft">{words}</p>' if words else ""
    return f"<section><h2>{escape(title)}</h2>{text}{body}</section>\n"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, texts: int = 1) -> str:
    """`rows` are HTML; the columns after the first `texts` are numbers."""
    kinds = [' class="number"' if i >= texts else "" for i in range(len(heads))]
    lines = [
        "<tr>"
        + "".join(f"<td{kind}>{one}</td>" for kind, one in zip(kinds, row, strict=True))
        + "</tr>"
        for row in rows
    ]
    if not lines:
        return '<p class="soft">None.</p>'
    head = "".join(f"<th{kind}>{escape(one)}</th>" for kind, one in zip(kinds, heads, strict=True))
    top = f"<thead><tr>{head}</tr></thead>" if any(heads) else ""
    return f'<div class="scroll"><table>{top}<tbody>{"".join(lines)}</tbody></table></div>'


def per_cent(share: float | None) -> str:
    """With one digit; nothing for None."""
    return "" if share is None else f"{100 * share:.1f} %"


def share_parts(row: Mapping[str, Any], name: str) -> tuple[str, str]:
    """A figure of an accuracy row, and its interval; nothing if the row lacks it."""
    if name not in row:
        return "", ""
    low, high = row["intervals"][name]
    return per_cent(row[name]), f"{100 * low:.1f} to {100 * high:.1f}"


def share_cell(row: Mapping[str, Any], name: str) -> str:
    """Both in one cell, the interval in small print."""
    value, span = share_parts(row, name)
    return f"{value}<small>{span}</small>"


def threshold(value: float) -> str:
    """Of a probability; above one it is never reached."""
    return "never" if value > 1 else f"{100 * value:.3g} %"
