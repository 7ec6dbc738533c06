"""Drawings of an evaluation as SVG, by hand: sharp on a phone and on paper, and light or dark as
the reader has it. In: numbers and text. Out: elements, and the text of a file."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

STYLE = """
text { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; fill: #1c241f; }
.title { font-size: 15px; font-weight: 600; }
.soft { fill: #5f6b64; }
.page { fill: #ffffff; }
.line { stroke: #d5dad2; fill: none; }
.even { stroke: #8b948e; stroke-dasharray: 4 4; fill: none; }
.cell { fill: #f2f4f0; }
.right { fill: #2c6e49; } .wrong { fill: #b5482f; }
.all { --own: #2c6e49; } .laboratory { --own: #3d63b0; } .other { --own: #b7791f; }
.before { --own: #8b948e; } .after { --own: #2c6e49; }
.curve { stroke: var(--own); stroke-width: 2; fill: none; }
.dot { fill: var(--own); } text.key { fill: var(--own); font-weight: 600; }
.inside { font-size: 10px; text-anchor: middle; } .dark-cell { fill: #ffffff; }
@media (prefers-color-scheme: dark) {
  text { fill: #e8ece6; } .soft { fill: #a3ada6; } .page { fill: #161b18; }
  .line { stroke: #38423b; } .even { stroke: #6d766f; } .cell { fill: #1f2722; }
  .right { fill: #3f9468; } .wrong { fill: #d0614a; }
  .all { --own: #7cc79b; } .laboratory { --own: #84a5ea; } .other { --own: #dba24a; }
  .before { --own: #8b948e; } .after { --own: #7cc79b; }
}
"""
"""Colours of the report on a lake (shards/report.css)."""


def document(width: float, height: float, title: str, parts: list[str]) -> str:
    """The text of a file; `title` is what a screen reader says of it."""
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" role="img" aria-label={quoteattr(title)}>\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n"
        f'<rect class="page" width="100%" height="100%"/>\n{body}\n</svg>\n'
    )


def text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    """One line of text."""
    classes = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{classes}>{escape(words)}</text>'


def slanted(x: float, y: float, words: str) -> str:
    """Text that rises to the right from its first letter, for the columns of a matrix."""
    return (
        f'<text class="soft" x="{x:.1f}" y="{y:.1f}" transform="rotate(-50 {x:.1f} {y:.1f})">'
        f"{escape(words)}</text>"
    )


def curve(points: list[tuple[float, float]], kind: str) -> str:
    """A line through points in pixels."""
    joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<g class="{kind}"><polyline class="curve" points="{joined}"/></g>'
