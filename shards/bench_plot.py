"""A bar chart as SVG. In: names and numbers. Out: the text of the file."""

from __future__ import annotations

from xml.sax.saxutils import escape

WIDTH, ROW, LEFT, RIGHT = 760, 26, 150, 70


def bars(values: dict[str, float], title: str, highlight: str) -> str:
    """Horizontal bars, longest first, each with its number; one of them in another colour."""
    longest = max(values.values())
    height = 50 + ROW * len(values)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        'font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        f'<text x="12" y="24" font-size="15">{escape(title)}</text>',
    ]
    for place, name in enumerate(sorted(values, key=lambda name: -values[name])):
        top = 40 + ROW * place
        length = (WIDTH - LEFT - RIGHT) * values[name] / longest
        colour = "#2e7d32" if name == highlight else "#9e9e9e"
        parts += [
            f'<text x="{LEFT - 8}" y="{top + 14}" text-anchor="end">{escape(name)}</text>',
            f'<rect x="{LEFT}" y="{top}" width="{length:.1f}" height="{ROW - 7}" fill="{colour}"/>',
            f'<text x="{LEFT + length + 6:.1f}" y="{top + 14}">{values[name]:,.0f}</text>',
        ]
    return "\n".join([*parts, "</svg>", ""])
