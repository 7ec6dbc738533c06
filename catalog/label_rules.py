"""The rules that turn the phrases of a folder name into a plant, and what may be doubted.

In: a text, cut into the spans of phrases.py. Out: a `Host` (which plant) with the doubts that it
leaves. Which condition stands on it is said by label_findings.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from catalog.name_tables import species_rows
from catalog.phrases import Lexicon, lexicon
from catalog.spans import Span, Word

DOUBTS = {
    "ambiguous-species": 0.4,
    "ambiguous-condition": 0.4,
    "source-conflict": 0.4,
    "several-conditions": 0.6,
    "unplaced-words": 0.6,
    "loose-species": 0.6,
    "host-implied": 0.7,
    "host-in-name": 0.6,
    "host-mismatch": 0.6,
    "fuzzy": 0.6,
    "unknown-source": 0.8,
    "reordered": 0.8,
    "bare-species": 0.6,
    "bare-leaf": 0.7,
    "bare-disease": 0.7,
    "nutrient-letter": 0.5,
    "no-species": 0.5,
    "no-condition": 0.5,
}
"""Reasons not to be sure, and what each leaves of the confidence. The gravest one
names the rule of the reading. The figures are an order, not a measurement:

ambiguous-species    the words name several plants
ambiguous-condition  one phrase means several conditions on this plant
source-conflict      the folder names another plant than its source
several-conditions   two conditions stand side by side: `multiple_diseases`; or one of two
                     joined by `and` was taken for the other's general name
unplaced-words       a word that no table explains
loose-species        the word often means this plant, not always: `pepper`
host-implied         the plant follows from the disease: esca, tungro
host-in-name         the plant is part of a disease name that other plants share
host-mismatch        the table knows the disease from other plants only
fuzzy                a short word, or more than one letter, had to be corrected
unknown-source       the source names a plant that no table knows
reordered            the plant stood in the midst of the condition's name
bare-species         nothing but a plant: condition `unknown`
bare-leaf            nothing but a plant and `leaf`: healthy, as in PlantDoc
bare-disease         nothing but a plant and `disease`: diseased
nutrient-letter      nothing but a plant and N, P or K: a deficiency
no-species           a condition and no plant
no-condition         no condition, and words that might name one
"""

SURE_RULES = {
    "exact": 0.99,
    "source-species": 0.97,
    "own-host": 0.95,
    "usual-on-host": 0.92,
    "typo": 0.9,
    "background": 0.98,
}
"""Rules of sure readings, with their confidence:

exact           the folder names plant and condition
source-species  the folder names the condition, its source the plant
own-host        the plant is part of the disease's name: `Tomato mosaic virus`
usual-on-host   a general name that means one disease on this plant: corn `leaf blight`
typo            a long word with one wrong letter
background      pictures of no plant
"""


@dataclass(frozen=True)
class Words:
    """A name cut into spans, and what is left over."""

    species: tuple[Span, ...]
    conditions: tuple[Span, ...]
    has_leaf: bool
    has_disease: bool
    """A word for disease that is no part of a condition's name."""

    unplaced: tuple[str, ...]
    words: tuple[Word, ...]
    reordered: bool = False


@dataclass(frozen=True)
class Host:
    """The plant of a reading, or the plants that it could be."""

    species: str | None
    rule: str
    doubts: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


def cut_name(text: str) -> Words:
    lex = lexicon()
    words = lex.words(text)
    straight = _sorted_spans(lex, words, reordered=False)
    if not straight.species or len(straight.conditions) + len(straight.unplaced) < 2:
        return straight
    # "Early tomato blight": look again without the plant in the midst.
    named = {i for span in straight.species for i in range(span.start, span.stop)}
    rest = _sorted_spans(lex, [w for i, w in enumerate(words) if i not in named], reordered=True)
    if rest.species or not rest.conditions or _mess(rest) >= _mess(straight):
        return straight
    return Words(
        straight.species,
        rest.conditions,
        rest.has_leaf,
        rest.has_disease,
        rest.unplaced,
        straight.words,
        True,
    )


def _mess(found: Words) -> tuple[int, int]:
    return len(found.unplaced), len(found.conditions)


def _sorted_spans(lex: Lexicon, words: list[Word], reordered: bool) -> Words:
    spans = lex.cover(words)
    return Words(
        species=tuple(span for span in spans if span.kind == "species"),
        conditions=tuple(span for span in spans if span.kind == "condition"),
        has_leaf=any(span.kind == "leaf" for span in spans),
        has_disease=any(span.kind == "disease" for span in spans),
        # A single letter that no name needs is a mark (`A`, `L.`), not a word.
        unplaced=tuple(
            words[span.start].text
            for span in spans
            if not span.kind and len(words[span.start].text) > 1
        ),
        words=tuple(words),
        reordered=reordered,
    )


def named_species(spans: tuple[Span, ...], source: str | None) -> tuple[list[str], bool, list[str]]:
    """Species that the spans name, whether some name is loose, and what it seldom means.

    A name of several plants is settled by the source or by a plant named beside it; a
    group (`citrus`) gives way to its member (`orange`).
    """
    clear = {s.meanings[0].meant_id for s in spans if len(s.meanings) == 1}
    clear |= {source} if source else set()
    ids: list[str] = []
    seldom: list[str] = []
    loose = False
    for span in spans:
        settled = [m.meant_id for m in span.meanings if m.meant_id in clear]
        if not settled:
            least = min(m.loose for m in span.meanings)
            settled = [m.meant_id for m in span.meanings if m.loose == least]
            seldom += [m.meant_id for m in span.meanings if m.loose > least]
        loose |= any(m.loose for m in span.meanings if m.meant_id in settled)
        ids += [one for one in settled if one not in ids]
    groups = {_group(one) for one in ids if _group(one) != one}
    ids = [one for one in ids if one not in groups]
    return ids, loose and not (source and source in ids), seldom


def _group(species_id: str) -> str:
    row = species_rows().get(species_id)
    return row.group if row else ""


def host_of(found: Words, source: str | None) -> Host:
    ids, loose, seldom = named_species(found.species, source)
    if ids and source:
        return _host_beside_source(ids, source)
    if loose and len(found.species) == 1:
        return _host_by_condition(found, ids, seldom)
    if len(ids) == 1:
        return Host(ids[0], "exact", ("loose-species",) if loose else ())
    if ids:
        return Host(None, "exact", ("ambiguous-species",), tuple(ids))
    if source:
        return Host(source, "source-species")
    return _host_from_conditions(found)


def _host_beside_source(ids: list[str], source: str) -> Host:
    if ids == [source] or ids == [_group(source)]:
        return Host(source, "exact")
    if len(ids) == 1 and _group(ids[0]) == source:
        return Host(ids[0], "exact")
    others = tuple(dict.fromkeys([*ids, source]))
    return Host(ids[0] if len(ids) == 1 else None, "exact", ("source-conflict",), others)


def _host_by_condition(found: Words, ids: list[str], seldom: list[str]) -> Host:
    """Of the plants that a loose name means, the one that alone has the condition."""
    others = tuple([*ids, *seldom])
    hosts = {host for span in found.conditions for m in span.meanings for host in m.hosts}
    fitting = [one for one in others if one in hosts] or ids
    if len(fitting) == 1:
        return Host(fitting[0], "exact", ("loose-species",), others)
    return Host(None, "exact", ("ambiguous-species",), others)


def _host_from_conditions(found: Words) -> Host:
    """The plant inside `Tomato mosaic virus`, or the only host of esca."""
    meanings = [m for span in found.conditions for m in span.meanings]
    embedded = frozenset.union(frozenset(), *(m.embedded for m in meanings))
    own = frozenset.union(frozenset(), *(m.embedded & m.hosts for m in meanings))
    hosts = frozenset.union(frozenset(), *(m.hosts for m in meanings))
    if len(own) == 1:
        return Host(next(iter(own)), "own-host")
    if len(embedded) == 1 and not hosts and not found.unplaced:
        return Host(next(iter(embedded)), "own-host", ("host-in-name",))
    if len(found.conditions) == 1 and all(m.hosts for m in meanings):
        if len(hosts) == 1 and not embedded and not found.unplaced:
            return Host(next(iter(hosts)), "own-host", ("host-implied",))
        return Host(None, "own-host", ("no-species",), tuple(sorted(hosts | embedded)))
    return Host(None, "own-host", ("no-species",), tuple(sorted(embedded)))
