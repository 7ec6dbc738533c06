"""Read a raw folder name: which plant, which condition, by which rule, how sure.

In: a folder name, and what its source says about the plant. Out: a `Reading`.

The names come from names/*.tsv through phrases.py; here stand the few rules that turn
the phrases of one folder into one label. Every reason for doubt is kept: a reading is
`sure` only if there is none, because a confident wrong label is the worst outcome.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from catalog.name_tables import condition_rows, species_rows
from catalog.phrases import Lexicon, Meaning, Span, Word, lexicon
from catalog.taxonomy import BACKGROUND, DISEASED, HEALTHY, NO_PLANT, UNKNOWN

MULTIPLE = "multiple_diseases"

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
    "no-species": 0.5,
    "no-condition": 0.5,
}
"""Reasons not to be sure, and what each leaves of the confidence. The gravest one
names the rule of the reading. The figures are an order, not a measurement:

ambiguous-species    the words name several plants
ambiguous-condition  one phrase means several conditions on this plant
source-conflict      the folder names another plant than its source
several-conditions   two conditions stand side by side: `multiple_diseases`
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
class Reading:
    """What a folder name was taken for."""

    folder: str
    species: str | None
    """Species id; None if the name and its source do not tell."""

    condition: str | None
    """Condition id; `unknown` if only a plant is named, None if words stay unexplained."""

    healthy: bool | None
    """None where nothing is known of it, and for pictures of no plant."""

    rule: str
    """A key of SURE_RULES or, if not sure, of DOUBTS, or `nothing-recognised`."""

    confidence: float
    """0 to 1, two decimals."""

    sure: bool
    """May be used without somebody looking at it."""

    candidates: tuple[tuple[str, str | None, float], ...]
    """(species id, condition id, confidence), best first, with the reading itself when
    it has a species. More than one entry only where there is a choice to make."""


@dataclass(frozen=True)
class _Words:
    """A name cut into spans, and what is left over."""

    species: tuple[Span, ...]
    conditions: tuple[Span, ...]
    has_leaf: bool
    unplaced: tuple[str, ...]
    words: tuple[Word, ...]
    reordered: bool = False


@dataclass(frozen=True)
class _Host:
    """The plant of a reading, or the plants that it could be."""

    species: str | None
    rule: str
    doubts: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Finding:
    """The condition of a reading on one plant."""

    condition: str | None
    doubts: tuple[str, ...] = ()
    usual: bool = False
    others: tuple[str, ...] = ()


@lru_cache(maxsize=4096)
def read_folder_name(folder: str, species: str | None = None) -> Reading:
    """Read one folder name; `species` is what its source says, in any spelling.

    Never raises on any text; the same text always gives the same reading.
    """
    found = _cut(folder)
    source, loose_source = _source(species or "")
    if _is_background(found):
        return _background(folder)
    host = _host(found, source)
    doubts = list(host.doubts)
    if species and species.strip() and source is None:
        doubts.append("unknown-source")
    if loose_source and host.species == source:
        doubts.append("loose-species")
    if found.unplaced:
        doubts.append("unplaced-words")
    if any(word.doubtful for word in found.words):
        doubts.append("fuzzy")
    if found.reordered:
        doubts.append("reordered")
    finding = _finding(found, host.species)
    doubts += finding.doubts
    return _reading(folder, found, host, finding, tuple(doubts))


@lru_cache(maxsize=4096)
def resolve_species(text: str) -> str | None:
    """Species id of a plant name in any spelling the table knows; None if none or several.

    A loose name (`Pepper`) gives the plant that it means most often.
    """
    return _source(text)[0]


def _source(text: str) -> tuple[str | None, bool]:
    """The plant that a source names, and whether by a loose name."""
    found = _cut(text)
    if found.unplaced or found.conditions or any(word.doubtful for word in found.words):
        return None, False
    ids, loose, _ = _named(found.species, None)
    return (ids[0], loose) if len(ids) == 1 else (None, False)


def _cut(text: str) -> _Words:
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
    return _Words(
        straight.species, rest.conditions, rest.has_leaf, rest.unplaced, straight.words, True
    )


def _mess(found: _Words) -> tuple[int, int]:
    return len(found.unplaced), len(found.conditions)


def _sorted_spans(lex: Lexicon, words: list[Word], reordered: bool) -> _Words:
    spans = lex.cover(words)
    return _Words(
        species=tuple(span for span in spans if span.kind == "species"),
        conditions=tuple(span for span in spans if span.kind == "condition"),
        has_leaf=any(span.kind == "leaf" for span in spans),
        # A single letter that no name needs is a mark (`A`, `L.`), not a word.
        unplaced=tuple(
            words[span.start].text
            for span in spans
            if not span.kind and len(words[span.start].text) > 1
        ),
        words=tuple(words),
        reordered=reordered,
    )


def _is_background(found: _Words) -> bool:
    ids = {m.meant_id for span in found.conditions for m in span.meanings}
    return ids == {BACKGROUND} and not found.species


def _background(folder: str) -> Reading:
    return Reading(
        folder, NO_PLANT, BACKGROUND, None, "background", SURE_RULES["background"], True,
        ((NO_PLANT, BACKGROUND, SURE_RULES["background"]),),
    )  # fmt: skip


def _named(spans: tuple[Span, ...], source: str | None) -> tuple[list[str], bool, list[str]]:
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


def _host(found: _Words, source: str | None) -> _Host:
    ids, loose, seldom = _named(found.species, source)
    if ids and source:
        return _host_beside_source(ids, source)
    if loose and len(found.species) == 1:
        return _host_by_condition(found, ids, seldom)
    if len(ids) == 1:
        return _Host(ids[0], "exact", ("loose-species",) if loose else ())
    if ids:
        return _Host(None, "exact", ("ambiguous-species",), tuple(ids))
    if source:
        return _Host(source, "source-species")
    return _host_from_conditions(found)


def _host_beside_source(ids: list[str], source: str) -> _Host:
    if ids == [source] or ids == [_group(source)]:
        return _Host(source, "exact")
    if len(ids) == 1 and _group(ids[0]) == source:
        return _Host(ids[0], "exact")
    others = tuple(dict.fromkeys([*ids, source]))
    return _Host(ids[0] if len(ids) == 1 else None, "exact", ("source-conflict",), others)


def _host_by_condition(found: _Words, ids: list[str], seldom: list[str]) -> _Host:
    """Of the plants that a loose name means, the one that alone has the condition."""
    others = tuple([*ids, *seldom])
    hosts = {host for span in found.conditions for m in span.meanings for host in m.hosts}
    fitting = [one for one in others if one in hosts] or ids
    if len(fitting) == 1:
        return _Host(fitting[0], "exact", ("loose-species",), others)
    return _Host(None, "exact", ("ambiguous-species",), others)


def _host_from_conditions(found: _Words) -> _Host:
    """The plant inside `Tomato mosaic virus`, or the only host of esca."""
    meanings = [m for span in found.conditions for m in span.meanings]
    embedded = frozenset.union(frozenset(), *(m.embedded for m in meanings))
    own = frozenset.union(frozenset(), *(m.embedded & m.hosts for m in meanings))
    hosts = frozenset.union(frozenset(), *(m.hosts for m in meanings))
    if len(own) == 1 and not found.unplaced:
        return _Host(next(iter(own)), "own-host")
    if len(embedded) == 1 and not hosts and not found.unplaced:
        return _Host(next(iter(embedded)), "own-host", ("host-in-name",))
    if len(found.conditions) == 1 and all(m.hosts for m in meanings):
        if len(hosts) == 1 and not embedded and not found.unplaced:
            return _Host(next(iter(hosts)), "own-host", ("host-implied",))
        return _Host(None, "own-host", ("no-species",), tuple(sorted(hosts | embedded)))
    return _Host(None, "own-host", ("no-species",), tuple(sorted(embedded)))


def _finding(found: _Words, species: str | None) -> _Finding:
    ids: list[str] = []
    doubts: list[str] = []
    usual = False
    for span in found.conditions:
        chosen, narrowed, mismatch = _meanings_on(span.meanings, species)
        usual |= narrowed
        if mismatch:
            doubts.append("host-mismatch")
        if len(chosen) > 1:
            return _Finding(None, ("ambiguous-condition",), others=tuple(chosen))
        ids += [one for one in chosen if one not in ids]
    ids = _without_general(ids)
    if not ids:
        return _bare(found)
    if len(ids) == 1:
        unknown = ("no-condition",) if ids[0] in (UNKNOWN, BACKGROUND) else ()
        return _Finding(ids[0], (*doubts, *unknown), usual)
    if HEALTHY in ids or BACKGROUND in ids or UNKNOWN in ids:
        return _Finding(None, ("ambiguous-condition",), others=tuple(ids))
    if MULTIPLE in ids:
        return _Finding(MULTIPLE, tuple(doubts))
    return _Finding(MULTIPLE, (*doubts, "several-conditions"), others=tuple(ids))


def _meanings_on(
    meanings: tuple[Meaning, ...], species: str | None
) -> tuple[list[str], bool, bool]:
    """Condition ids that a phrase means on this plant, the narrowest host list first.

    Also: whether a general meaning gave way, and whether no meaning fits the plant.
    """
    conditions = [m for m in meanings if m.kind == "condition"]
    anywhere = [m for m in conditions if not m.hosts]
    here = [m for m in conditions if species in m.hosts]
    # A group stands for its members: what grows on orange may stand on "citrus".
    chosen = here or anywhere or conditions
    if here:
        narrowest = min(len(m.hosts) for m in here)
        chosen = [m for m in here if len(m.hosts) == narrowest]
    ids = list(dict.fromkeys(m.meant_id for m in chosen))
    narrowed = bool(here and anywhere and anywhere[0].meant_id != ids[0])
    return ids, narrowed, species is not None and not here and not anywhere


def _without_general(ids: list[str]) -> list[str]:
    """`diseased` gives way to any other, `leaf_spot` to `bacterial_spot`."""
    rows = condition_rows()
    for drop in ([i for i in ids if i in rows and rows[i].general], [DISEASED]):
        rest = [one for one in ids if one not in drop]
        # "healthy and diseased" is a contradiction, not a healthy leaf.
        if rest and not (DISEASED in ids and set(rest) <= {HEALTHY, UNKNOWN}):
            ids = rest
    return ids


def _bare(found: _Words) -> _Finding:
    if found.unplaced:
        return _Finding(None, ("no-condition",))
    if found.has_leaf:
        return _Finding(HEALTHY, ("bare-leaf",))
    return _Finding(UNKNOWN, ("bare-species",))


def _reading(
    folder: str, found: _Words, host: _Host, finding: _Finding, doubts: tuple[str, ...]
) -> Reading:
    species, condition = host.species, finding.condition
    if not found.conditions and species is None:
        condition = None
    rule = _rule(found, host, finding, doubts)
    confidence = SURE_RULES.get(rule, 1.0)
    for doubt in set(doubts):
        confidence *= DOUBTS[doubt]
    nothing = species is None and condition is None and not host.others
    if nothing:
        rule, confidence = "nothing-recognised", 0.0
    confidence = round(confidence, 2)
    return Reading(
        folder=folder,
        species=species,
        condition=condition,
        healthy=_is_healthy(condition),
        rule=rule,
        confidence=confidence,
        sure=not doubts and not nothing,
        candidates=_candidates(found, host, finding, condition, confidence),
    )


def _rule(found: _Words, host: _Host, finding: _Finding, doubts: tuple[str, ...]) -> str:
    if doubts:
        return min(doubts, key=lambda one: (DOUBTS[one], one))
    if any(word.fuzzy for word in found.words):
        return "typo"
    return "usual-on-host" if finding.usual and host.rule == "exact" else host.rule


def _is_healthy(condition: str | None) -> bool | None:
    if condition in (None, UNKNOWN, BACKGROUND):
        return None
    return condition == HEALTHY


def _candidates(
    found: _Words, host: _Host, finding: _Finding, condition: str | None, confidence: float
) -> tuple[tuple[str, str | None, float], ...]:
    plants = [host.species] if host.species else []
    plants += [one for one in host.others if one not in plants]
    guesses = [] if plants else sorted({s for w in found.unplaced for s in lexicon().near_species(w)})
    pairs: list[tuple[str, str | None, float]] = []
    for plant in plants or guesses:
        on_plant = finding if plant == host.species else _finding(found, plant)
        ids = [on_plant.condition, *on_plant.others] if on_plant.others else [on_plant.condition]
        for one in dict.fromkeys(i for i in ids if i is not None or not on_plant.others):
            same = plant == host.species and one == condition
            share = confidence if same else round(max(confidence, 0.3) / (1 + len(ids)), 2)
            pairs.append((plant, one, share))
    return tuple(sorted(pairs, key=lambda pair: -pair[2])[:8])
