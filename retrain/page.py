"""The page of one round: what changed, and why the challenger was promoted or not.

In: a Story. Out: HTML that needs no network.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

import numpy as np

from export.report import STYLE
from export.report_html import per_cent, section, table
from retrain.believe import Beliefs
from retrain.exam import PARTS, Exam
from retrain.models import Outcome
from retrain.verdict import Candidate, Verdict
from shards.thumbnails import Thumbnail

SHOWN = 12
"""Pictures of each kind."""

LISTED = 50
"""Corrections that are listed."""

OWN_STYLE = """
.why { margin-top: .75rem; padding: .6rem .9rem; border-left: .3rem solid; font-size: 1.1rem; }
.why.promoted { border-color: var(--accent); } .why.lost { border-color: var(--bad); }
.worse { color: var(--bad); font-weight: 600; }
.tiles { grid-template-columns: repeat(auto-fill, minmax(12rem, 1fr)); }
.tiles dd { font-size: 1.15rem; white-space: nowrap; }
.pictures {
  display: grid; grid-template-columns: repeat(auto-fill, minmax(8.5rem, 1fr)); gap: .75rem;
  margin: 0; padding: 0; list-style: none;
}
.pictures li { font-size: .85rem; line-height: 1.35; }
.pictures img { display: block; border-radius: .4rem; max-width: 100%; height: auto; }
"""


@dataclass(frozen=True)
class Story:
    """Everything that a page tells."""

    outcome: Outcome

    corrections: int
    """That were new in this round."""

    beliefs: Beliefs

    exam: Exam | None
    """None, as are the next two, where there was nothing to compare with."""

    both: tuple[Candidate, Candidate] | None
    """Champion and challenger."""

    verdict: Verdict | None


def shown_keys(story: Story) -> list[str]:
    """The samples whose pictures the page shows."""
    if story.exam is None or story.both is None:
        return []
    return [story.exam.keys[i] for rows in _changes(story.exam, story.both) for i in rows]


def write_page(story: Story, thumbnails: Mapping[str, Thumbnail]) -> str:
    """The text of the page; `thumbnails` are those of `shown_keys`."""
    outcome = story.outcome
    title = f"{outcome.challenger}: {'promoted' if outcome.promote else 'not promoted'}"
    parts = [
        *_comparison(story),
        *_checks(story),
        *_pictures(story, thumbnails),
        *_corrections(story),
        _what_now(story),
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}{OWN_STYLE}</style>\n"
        f"<header><h1>{escape(title)}</h1>\n{_summary(story)}</header>\n"
        f"<main>\n{''.join(parts)}</main>\n"
        '<footer class="soft"><p>Made by leaflake retrain; round.json beside it has the decision '
        "for programs.</p></footer>\n</html>\n"
    )


def _summary(story: Story) -> str:
    outcome = story.outcome
    words = f"{outcome.why[0].upper()}{outcome.why[1:]}."
    if outcome.champion is not None:
        name = outcome.champion.rsplit("/", 1)[-1]
        now = "was in production" if outcome.promote else "stays in production"
        words += f" It was compared with {name}, which {now}."
    kind = "promoted" if outcome.promote else "lost"
    tiles = []
    if story.verdict is not None:
        tiles = [
            (
                f"species and condition right, {PARTS[part]}",
                f"{per_cent(pair.champion)} → {per_cent(pair.challenger)}",
            )
            for part, pair in story.verdict.pairs.items()
            if pair.pictures
        ]
    tiles += [
        ("new corrections", f"{story.corrections:,}"),
        ("pictures of corrections, set aside", f"{len(story.beliefs.set_aside):,}"),
    ]
    boxes = "".join(f"<div><dt>{escape(n)}</dt><dd>{escape(v)}</dd></div>" for n, v in tiles)
    return f'<p class="why {kind}">{escape(words)}</p>\n<dl class="tiles">{boxes}</dl>\n'


def _comparison(story: Story) -> list[str]:
    if story.verdict is None or story.exam is None:
        return []
    exam = story.exam
    rows = [
        [
            escape(PARTS[part]),
            f"{pair.pictures:,}",
            per_cent(pair.champion),
            per_cent(pair.challenger),
            f"{100 * pair.difference:+.1f}"
            f"<small>{100 * pair.low:+.1f} to {100 * pair.high:+.1f}</small>",
            f"{pair.won:,}",
            f"{pair.lost:,}",
        ]
        for part, pair in story.verdict.pairs.items()
        if pair.pictures
    ]
    left_out = (
        f" Of its {exam.frozen:,} pictures {exam.seen:,} are left out: the challenger has learnt "
        "from them."
        if exam.seen
        else ""
    )
    words = (
        "Species and condition together, of pictures that neither has learnt from. The frozen test "
        "split is that of the snapshot that the champion was made of."
        f"{left_out} In small print the 95 % interval of the difference in "
        "points, resampled by what shows one thing; beside it such things of which the challenger "
        "has more and fewer pictures right."
    )
    heads = ["", "pictures", "champion", "challenger", "difference", "won", "lost"]
    return [section("Is it better?", words, table(heads, rows))]


def _checks(story: Story) -> list[str]:
    if story.verdict is None:
        return []
    checks = sorted(story.verdict.checks, key=lambda one: not one.worse)
    rows = [
        [
            escape(_readable(one.name)),
            f'<span class="worse">worse: {escape(one.worse)}</span>' if one.worse else "fine",
            escape(one.champion),
            escape(one.challenger),
        ]
        for one in checks
    ]
    words = "All of these have to be fine. A species' share is of species and condition together."
    heads = ["", "", "champion", "challenger"]
    return [section("Is it worse anywhere?", words, table(heads, rows, texts=2))]


def _pictures(story: Story, thumbnails: Mapping[str, Thumbnail]) -> list[str]:
    if story.exam is None or story.both is None:
        return []
    exam, (old, new) = story.exam, story.both
    kinds = (
        ("Right now, and not before", "before", old.answers.said),
        ("Right before, and not now", "now", new.answers.said),
    )
    parts = []
    for (title, when, said), rows in zip(kinds, _changes(exam, story.both), strict=True):
        items = "".join(
            f'<li><img src="{thumbnails[exam.keys[i]].uri}" alt="" '
            f'width="{thumbnails[exam.keys[i]].width}" '
            f'height="{thumbnails[exam.keys[i]].height}">{escape(_readable("/".join(exam.labels[i])))}'
            f'<br><span class="soft">{when}: {escape(_readable(said[i]))}</span></li>'
            for i in rows
        )
        body = f'<ul class="pictures">{items}</ul>' if items else '<p class="soft">None.</p>'
        parts.append(f"<h3>{title}</h3>{body}")
    words = "Below each picture its label, then the likeliest class of the model that has it wrong."
    return [section("Pictures that changed", words, "".join(parts))]


def _changes(exam: Exam, both: tuple[Candidate, Candidate]) -> tuple[list[int], list[int]]:
    """Rows of pictures that became right, and that became wrong; the newest first."""
    old, new = (one.answers.right for one in both)
    found = []
    for mask in (new & ~old, old & ~new):
        rows = np.flatnonzero(mask)
        order = np.argsort(~exam.is_newest[rows], kind="stable")
        found.append(rows[order][:SHOWN].tolist())
    return found[0], found[1]


def _corrections(story: Story) -> list[str]:
    found = story.beliefs
    if not found.beliefs:
        return []
    pictures = Counter(one.said.sender for one in found.beliefs)
    aside = Counter(one.said.sender for one in found.set_aside)
    senders = sorted(pictures, key=lambda name: (-aside[name], -pictures[name], name))
    rows = [
        [
            escape(name) or "unknown",
            f"{pictures[name]:,}",
            f"{aside[name]:,}",
            per_cent(found.trust.get(name)),
        ]
        for name in senders[:LISTED]
    ]
    listed = [
        [
            f"<code>{escape(one.said.feedback_id)}</code>",
            escape(one.said.sender) or "unknown",
            escape(_readable("/".join(filter(None, one.said.said)))),
            escape(one.why_not),
        ]
        for one in found.set_aside[:LISTED]
    ]
    words = (
        "Every correction with a picture is weighed in every round: by what others say of the same "
        "thing, by what a model without the sender's pictures sees, and by how often the sender "
        "was right. One that is set aside teaches nothing, and is not lost. A sender is an address "
        f"for a month or less. {found.decided:,} more have a label that somebody decided."
    )
    body = table(["sender", "pictures", "set aside", "taken to be right"], rows)
    body += "<h3>Set aside</h3>"
    body += table(["correction", "sender", "what is said", "why it waits"], listed, texts=4)
    if len(found.set_aside) > LISTED:
        body += f'<p class="soft">The first {LISTED} of {len(found.set_aside):,}.</p>'
    return [section("Corrections", words, body)]


def _readable(ids: str) -> str:
    """`tomato/late_blight` -> `tomato, late blight`, which a browser can break at a space."""
    return ids.replace("/", ", ").replace("_", " ")


def _what_now(story: Story) -> str:
    outcome = story.outcome
    words = (
        "A running leaflake serve MODELS/production takes it over within seconds."
        if outcome.promote
        else "Production is as it was."
    )
    if outcome.promote and outcome.champion is not None:
        words += " Back: <code>leaflake rollback --models MODELS</code>."
    words += (
        " What the challenger says of the test pictures goes into the lake with <code>leaflake "
        f"evaluate MODELS/runs/{escape(outcome.challenger)}</code>. A correction that is set aside "
        "and right gets its label from a person, in SQL on samples."
    )
    return section("What now", words, "")
