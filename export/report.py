"""The model card: BUNDLE/report.html, from the manifest alone. Nothing in it comes from elsewhere.

Every accuracy stands beside its interval and its kind of pictures, and every rejection beside what
it costs, so that no good number stands alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from export.manifest import Manifest
from export.report_files import files_section
from export.report_html import (
    per_cent,
    section,
    share_cell,
    share_parts,
    table,
    threshold,
)
from export.report_plots import KINDS, calibration_plot, kinds_plot
from export.report_rejection import rejection_section
from export.report_two_steps import two_steps_section

REPORT = "report.html"

STYLE = (Path(__file__).parent / "report.css").read_text(encoding="utf-8")

ROWS = {"all": "all pictures", "laboratory": "laboratory", "other": "field and other"}

FIGURES = {
    "species_top1": "species",
    "joint_top1": "species and disease",
    "condition_top1": "disease of a known species",
    "condition_top3": "the same, top 3",
    "no_plant_recognised": "no plant",
}


def write_report(bundle: Path, manifest: Manifest) -> None:
    """Write report.html into the bundle."""
    (bundle / REPORT).write_text(page(manifest), encoding="utf-8")


def page(manifest: Manifest) -> str:
    """The whole text of report.html."""
    figures = manifest.figures
    sections = [
        accuracy_section(figures),
        two_steps_section(manifest),
        answers_section(manifest),
        calibration_section(figures),
        rejection_section(manifest),
        handover_section(manifest),
        files_section(manifest),
        failures_section(figures),
        origin_section(manifest),
    ]
    title = f"{manifest.name}: model card"
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n"
        f"<header><h1>{escape(manifest.name)}</h1>\n{_summary(manifest)}</header>\n"
        f"<main>\n{''.join(sections)}</main>\n"
        '<footer class="soft"><p>Made by leaflake export from model.json, which has these figures '
        "and more for programs.</p></footer>\n</html>\n"
    )


def _summary(manifest: Manifest) -> str:
    figures, from_where = manifest.figures, manifest.provenance
    hard = figures["accuracy"].get("other", figures["accuracy"]["all"])
    kind = "field pictures" if "other" in figures["accuracy"] else "test pictures"
    latency = figures["latency_ms"][manifest.default]
    size = manifest.files[manifest.default]["bytes"]
    tiles = [
        (f"species right, {kind}", *share_parts(hard, "species_top1")),
        (f"species and disease right, {kind}", *share_parts(hard, "joint_top1")),
        ("of the answers given, right", per_cent(figures["answers"]["all"]["right"]), ""),
        (f"{manifest.default}", f"{latency['median']:.1f} ms", f"{size / 1e6:.1f} MB"),
    ]
    if browser := figures.get("browser"):
        warm = browser["times_ms"]["warm_median"]
        tiles.append(("in the browser", f"{warm:.0f} ms", f"{browser['bytes'] / 1e6:.1f} MB"))
    boxes = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{value}<small>{below}</small></dd></div>"
        for name, value, below in tiles
    )
    species = manifest.tree["species"]
    classes = sum(len(one["conditions"]) for one in species)
    return (
        f'<p class="soft">{escape(from_where["backbone"])}, {len(species)} species in {classes} '
        f"classes, of snapshot {from_where['snapshot']} of {escape(str(from_where['lake']))}; "
        f"{escape(manifest.created[:10])}</p>\n"
        f'<dl class="tiles">{boxes}</dl>\n'
    )


def accuracy_section(figures: Mapping[str, Any]) -> str:
    """Laboratory and field side by side, with intervals."""
    rows = figures["accuracy"]
    shown = [name for name in FIGURES if any(name in row for row in rows.values())]
    rows_shown = table(
        ["pictures of test", "plants", *(FIGURES[name] for name in shown)],
        (
            [ROWS[kind], f"{row['pictures']:,}", *(share_cell(row, name) for name in shown)]
            for kind, row in rows.items()
        ),
    )
    asked, whole = figures["pictures"]["test_asked"], figures["pictures"]["test"]
    some = "" if asked == whole else f" They are {asked:,} of {whole:,}, evenly taken."
    return section(
        "Accuracy",
        "The server's file on pictures of test, which share no group with those it learnt from. "
        "In small print 95 % intervals, resampled by group. Laboratory pictures show one leaf on a "
        f"board; the others are nearer to what a phone sees.{some}",
        rows_shown,
    )


def answers_section(manifest: Manifest) -> str:
    """What is answered with the thresholds, and how much of it is right."""
    rows = manifest.figures["answers"]
    thresholds = manifest.thresholds
    ranges = ", ".join(
        f"a {rank} from {threshold(min(thresholds[rank]))} to {threshold(max(thresholds[rank]))}"
        for rank in ("species", "condition")
    )
    rows_shown = table(
        ["", "pictures", "answered", "right of these", *KINDS.values()],
        (
            [
                ROWS[kind],
                f"{row['pictures']:,}",
                per_cent(row["answered"]),
                per_cent(row["right"]),
                *(_kind_cell(row["kinds"][name]) for name in KINDS),
            ]
            for kind, row in rows.items()
        ),
    )
    return section(
        "What it answers",
        "The deepest node of the label tree that is probable enough: species and condition, else "
        f"the species, else “not sure”. {100 * thresholds['target']:.0f} % of the answers shall be "
        f"right; the thresholds that val gives for it are {ranges}, by node. In small print, of "
        "that kind of answers the share that is right.",
        kinds_plot(rows, ROWS) + rows_shown,
    )


def calibration_section(figures: Mapping[str, Any]) -> str:
    """Are probabilities what they say?"""
    titles = {"species": "Species", "joint": "Species and condition"}
    plots = "".join(
        calibration_plot(titles[rank], bins) for rank, bins in figures["calibration"].items()
    )
    return section(
        "Are probabilities what they say?",
        "Answers to test by their probability, after temperature scaling on val; a dot's size says "
        "how many. On the dashed line 80 % means that 80 % are right.",
        f'<div class="plots">{plots}</div>',
    )


def handover_section(manifest: Manifest) -> str:
    """What the browser answers by itself."""
    found = manifest.figures["handover"]
    if found is None:
        return ""
    least = manifest.thresholds["handover"]
    rows = {"browser": "browser alone", "server": "server alone", "pair": "the pair"}
    rows |= {"kept_browser": "browser, on what it keeps", "kept_server": "server, on the same"}
    rows_shown = table(
        ["", "pictures", "answered", "right of these"],
        (
            [
                words,
                f"{found[name]['pictures']:,}",
                per_cent(found[name]["answered"]),
                per_cent(found[name]["right"]),
            ]
            for name, words in rows.items()
            if name in found
        ),
    )
    return section(
        "Browser and server",
        f"The browser answers by itself a condition from {threshold(least['condition'])} and a "
        f"species from {threshold(least['species'])} on, and hands the rest to a server: "
        f"{per_cent(found['escalated'])} of these test pictures.",
        rows_shown,
    )


def failures_section(figures: Mapping[str, Any]) -> str:
    """What is known to go wrong."""
    found = figures["failures"]
    species = table(
        ["species", "pictures", "found"],
        (
            [escape(row["species"]), f"{row['pictures']:,}", per_cent(row["found"])]
            for row in found["species"]
        ),
    )
    confusions = table(
        ["what it is", "what is said", "pictures", "of"],
        (
            [escape(row["true"]), escape(row["answered"]), f"{row['pictures']:,}", f"{row['of']:,}"]
            for row in found["confusions"]
        ),
        texts=2,
    )
    return section(
        "Known failures",
        "Of test, by the likeliest class whether or not it is probable enough to be answered. "
        "Species and conditions that are not in the label tree cannot be named at all.",
        f"<h3>Species found least often</h3>{species}"
        f"<h3>Classes taken for one another most often</h3>{confusions}",
    )


def origin_section(manifest: Manifest) -> str:
    """Where it comes from."""
    origin, pictures = manifest.provenance, manifest.figures["pictures"]
    commits, versions = origin["commit"], origin["versions"]["exported"]
    rows = [
        ["recipe", escape(origin["recipe"])],
        ["first weights", escape(str(origin["weights"]))],
        ["lake", f"{escape(str(origin['lake']))}, snapshot {origin['snapshot']}"],
        ["split", f"<code>{escape(origin['split'])}</code>"],
        [
            "pictures",
            f"{pictures['train']:,} train, {pictures['val']:,} val, {pictures['test']:,} test; "
            f"{pictures['not_plants']:,} of no plant for the rejection rule",
        ],
        ["trained by commit", f"<code>{escape(commits['trained'])}</code>"],
        ["exported by commit", f"<code>{escape(commits['exported'])}</code>"],
        ["exported with", escape(", ".join(f"{k} {v}" for k, v in versions.items()))],
        ["trained on", escape(str(origin["hardware"]["trained"]["processor"]))],
    ]
    return section("Where it comes from", "", table(["", ""], rows, texts=2))


def _kind_cell(found: Mapping[str, float]) -> str:
    right = f"<small>{per_cent(found['right'])}</small>" if "right" in found else ""
    return per_cent(found["share"]) + right
