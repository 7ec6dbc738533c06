"""A report as one HTML page that needs no network. In: figures and thumbnails. Out: its text.

Everything that comes from folders and files is escaped; there is no script.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import groupby
from pathlib import Path

from catalog.report import ClassFigures, Figures, FlagFigures
from shards.report_charts import SPLITS, class_curve, histogram_chart, split_bar
from shards.report_markup import (
    Thumbnails,
    folded_table,
    label_of,
    or_dash,
    pair,
    sheet,
    table,
    table_row,
    words,
)

STYLE = (Path(__file__).parent / "report.css").read_text(encoding="utf-8")

OPEN_CLASSES = 80
"""Classes whose pictures stand open."""

FLAGS = {
    "blurry": "low sharpness",
    "dark": "low brightness",
    "bright": "high brightness",
    "low_information": "few grey values",
    "grey": "hardly any colour",
    "odd_aspect": "one side more than twice the other",
    "tiny": "a short side under 112 pixels",
}
"""What a flag means; the thresholds and their reasons are in catalog/views/quality_flags.sql."""


def page(name: str, figures: Figures, thumbnails: Thumbnails) -> str:
    """The whole page; `name` is what to call the lake."""
    sections = [
        ("overview", "Overview", _overview(figures)),
        ("balance", "Class balance", _balance(figures)),
        ("sizes", "Sizes and light", _sizes(figures)),
        ("quality", "Quality flags", _quality(figures, thumbnails)),
        ("classes", "Classes", _classes(figures, thumbnails)),
        ("duplicates", "Duplicates", _duplicates(figures, thumbnails)),
        ("near", "Near copies", _near_copies(figures, thumbnails)),
        ("conflicts", "Conflicts", _conflicts(figures, thumbnails)),
        ("labels", "Labels to decide", _review(figures, thumbnails)),
        ("unsplit", "In no split", _unsplit(figures)),
        ("rejections", "Rejections", _rejections(figures)),
        ("runs", "Ingest runs", _runs(figures)),
    ]
    links = "".join(f'<li><a href="#{key}">{title}</a></li>' for key, title, _ in sections)
    body = "\n".join(
        f'<section id="{key}" aria-labelledby="{key}-title"><h2 id="{key}-title">{title}</h2>'
        f"{content}</section>"
        for key, title, content in sections
    )
    title = escape(name)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}: report</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n"
        '<a class="skip" href="#overview">To the content</a>\n'
        f'<header><h1>Leaf pictures in <span class="path">{title}</span></h1>'
        f'<p class="soft">Snapshot {figures.snapshot} of {escape(figures.time)} UTC</p></header>\n'
        f'<nav aria-label="Sections"><ul>{links}</ul></nav>\n<main>\n{body}\n</main>\n'
        f"<footer><p>{len(thumbnails):,} pictures are embedded, of "
        f"{figures.totals['pictures']:,} in the lake; every list has a bound. "
        "The numbers come from the lake's views, which <code>leaflake sql</code> describes."
        "</p></footer>\n</body>\n</html>\n"
    )


def _overview(figures: Figures) -> str:
    totals = figures.totals
    tiles = [
        ("pictures", totals["pictures"], False),
        ("species", totals["species"], False),
        ("classes", totals["classes"], False),
        ("datasets", totals["datasets"], False),
        ("class folders", totals["folders"], False),
        *((f"in {split}", totals[split], False) for split in SPLITS),
        ("in no split", totals["unsplit"], False),
        ("files turned away", totals["rejections"], False),
        ("split leaks", totals["leaks"], totals["leaks"] > 0),
        ("conflicts", figures.num_conflicts, figures.num_conflicts > 0),
        ("folders to decide", figures.num_review, figures.num_review > 0),
    ]
    cells = "".join(
        f"<div{' class=bad' if bad else ''}><dt>{name}</dt><dd>{value:,}</dd></div>"
        for name, value, bad in tiles
    )
    return (
        f'<dl class="tiles">{cells}</dl>'
        f'<p class="soft" style="margin-top:1rem">{_megabytes(totals["source_bytes"])} of source '
        f"files, stored as {_megabytes(totals['stored_bytes'])} of JPEG in {totals['shards']:,} "
        "shards.</p>"
    )


def _balance(figures: Figures) -> str:
    largest = max((row[1] for row in figures.species), default=0)
    rows = [
        f'<tr><th scope="row">{words(row[0] or "no species")}</th><td class="wide">'
        f'{split_bar(row[4:7], row[1], largest)}</td><td class="number">{row[1]:,}</td>'
        f'<td class="number">{row[2]:,}</td><td class="number">{row[3]:,}</td></tr>'
        for row in figures.species
    ]
    legend = "".join(
        f'<li><i class="{name}"></i>{text}</li>'
        for name, text in (*zip(SPLITS, SPLITS, strict=True), ("none", "in no split"))
    )
    heads = ("species", "", "pictures", "conditions", "datasets")
    return (
        f'<ul class="legend">{legend}</ul>{folded_table(heads, rows, "species")}'
        f'<div class="charts" style="margin-top:1.25rem">'
        f"{class_curve([one.pictures for one in figures.classes])}</div>{_small(figures)}"
    )


def _small(figures: Figures) -> str:
    if not figures.small_classes:
        return '<p class="good">Every class is large enough to be in train, val and test.</p>'
    rows = [table_row(row, numbers=(2, 3, 4)) for row in figures.small_classes]
    heads = ("species", "condition", "pictures", "groups", "folders")
    return f"<h3>Classes too small to split</h3>{folded_table(heads, rows, 'classes')}"


def _sizes(figures: Figures) -> str:
    charts = "".join(map(histogram_chart, figures.histograms))
    return f'<p class="soft">How many pictures lie where.</p><div class="charts">{charts}</div>'


def _quality(figures: Figures, thumbnails: Thumbnails) -> str:
    if not figures.flags:
        return '<p class="good">No picture has a flag.</p>'
    all_of_them = max(figures.totals["pictures"], 1)
    intro = (
        '<p class="soft">Pictures worth a look, the extremes first. A flag is no verdict: nothing '
        "is left out because of it.</p>"
    )
    return intro + "".join(_flag(one, all_of_them, thumbnails) for one in figures.flags)


def _flag(one: FlagFigures, all_of_them: int, thumbnails: Thumbnails) -> str:
    values = dict(one.worst)
    worst = sheet(values, thumbnails, lambda t: f"{values[t.key]:,.4g}: {label_of(t)}", "whole")
    return (
        f"<h3>{escape(one.flag.replace('_', ' '))} <small>{escape(FLAGS.get(one.flag, ''))}: "
        f"{one.pictures:,} pictures, {100 * one.pictures / all_of_them:.2g} %</small></h3>{worst}"
    )


def _classes(figures: Figures, thumbnails: Thumbnails) -> str:
    shown = [one for one in figures.classes if one.keys]
    rest = figures.classes[len(shown) :]
    intro = (
        f'<p class="soft">{max((len(one.keys) for one in shown), default=0)} pictures or fewer of '
        f"{len(shown):,} of {len(figures.classes):,} classes, by species.</p>"
    )
    parts = [_by_species(shown[:OPEN_CLASSES], thumbnails)]
    if folded := shown[OPEN_CLASSES:]:
        parts.append(
            f"<details><summary>{len(folded):,} smaller classes with pictures</summary>"
            f"{_by_species(folded, thumbnails)}</details>"
        )
    if rest:
        rows = [
            table_row((one.species, one.condition, one.pictures), numbers=(2,), head=False)
            for one in rest
        ]
        names = table(("species", "condition", "pictures"), rows)
        parts.append(
            f"<details><summary>{len(rest):,} more classes, without pictures</summary>{names}"
            "</details>"
        )
    return intro + "".join(parts)


def _by_species(classes: Sequence[ClassFigures], thumbnails: Thumbnails) -> str:
    ordered = sorted(classes, key=lambda one: (one.species, -one.pictures, one.condition))
    return "".join(
        f"<h3>{words(species)}</h3>" + "".join(_class(one, thumbnails) for one in of_species)
        for species, of_species in groupby(ordered, key=lambda one: one.species)
    )


def _class(one: ClassFigures, thumbnails: Thumbnails) -> str:
    return (
        f"<h4>{words(one.condition)} <small>{one.pictures:,}: {one.train:,} train, {one.val:,} "
        f"val, {one.test:,} test</small></h4>"
        f"{sheet(one.keys, thumbnails, lambda t: escape(t.dataset))}"
    )


def _duplicates(figures: Figures, thumbnails: Thumbnails) -> str:
    if not figures.num_duplicates:
        return '<p class="good">No two files have the same bytes.</p>'
    pairs = "".join(
        pair((first, last), thumbnails, f"{pictures:,} files of the same bytes")
        for first, last, pictures in figures.duplicates
    )
    return (
        f'<p class="soft">{figures.num_duplicates:,} contents are there more than once; those in '
        f'two folders come first.</p><ul class="pairs">{pairs}</ul>'
    )


def _near_copies(figures: Figures, thumbnails: Thumbnails) -> str:
    if not figures.num_near_copies:
        return '<p class="good">No two folders hold near copies of each other.</p>'
    pairs = "".join(pair(keys, thumbnails, "") for keys in figures.near_copies)
    return (
        f'<p class="soft">{figures.num_near_copies:,} pairs are nearly the same picture (scaled, '
        "recompressed, turned or mirrored) in two folders; those with different labels come first."
        f'</p><ul class="pairs">{pairs}</ul>'
    )


def _conflicts(figures: Figures, thumbnails: Thumbnails) -> str:
    if not figures.num_conflicts:
        return '<p class="good">No picture carries two labels.</p>'
    pairs = "".join(pair(keys, thumbnails, "") for keys in figures.conflicts)
    return (
        f'<p class="soft">{figures.num_conflicts:,} contents carry more than one label. They are '
        f'in no split until somebody decides.</p><ul class="pairs">{pairs}</ul>'
    )


def _review(figures: Figures, thumbnails: Thumbnails) -> str:
    if not figures.review:
        return '<p class="good">The reader was sure of every folder name.</p>'
    intro = (
        f'<p class="soft">{figures.num_review:,} folders whose name the reader is not sure of; the '
        "largest come first. <code>leaflake labels review</code> writes them as a sheet to fill in."
        "</p>"
    )
    folders = "".join(
        f'<div class="folder"><h3 class="path">{escape(row[0])}/{escape(row[1])} <small>'
        f"{row[6]:,} pictures; taken for {or_dash(row[2])}, {or_dash(row[3])} "
        f"({escape(str(row[4]))}, {row[5]:.2f})</small></h3>"
        f"{sheet(keys, thumbnails, lambda t: '')}</div>"
        for row, keys in figures.review
    )
    return f'{intro}<div class="folders">{folders}</div>'


def _unsplit(figures: Figures) -> str:
    if not figures.unsplit:
        return '<p class="good">Every picture is in a split.</p>'
    return table(("why", "pictures"), [table_row(row, numbers=(1,)) for row in figures.unsplit])


def _rejections(figures: Figures) -> str:
    if not figures.rejections:
        return '<p class="good">No file was turned away.</p>'
    rows = [table_row(row, numbers=(1,), paths=(2,)) for row in figures.rejections]
    return table(("reason", "files", "one of them"), rows)


def _runs(figures: Figures) -> str:
    heads = ("started (UTC)", "minutes", "sources", "files", "samples", "rejected", "shards")
    rows = []
    for started, minutes, sources, *counts, files_per_second, version in figures.runs:
        values = (f"{started:%Y-%m-%d %H:%M}", f"{minutes:.1f}", sources, *counts)
        rows.append(
            table_row(
                (*values, f"{files_per_second or 0:,.0f}", version),
                numbers=(1, 3, 4, 5, 6, 7),
                paths=(2,),
            )
        )
    return table((*heads, "files/s", "version"), rows)


def _megabytes(count: int) -> str:
    return f"{count / 1e9:,.1f} GB" if count >= 10**9 else f"{count / 1e6:,.1f} MB"
