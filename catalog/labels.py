"""Read a raw folder name: which plant, which condition, by which rule, how sure.

In: a folder name, and what its source says about the plant. Out: a `Reading`.

The names come from names/*.tsv through phrases.py; the rules that turn the phrases of
one folder into one label stand in label_rules.py and label_findings.py. Every reason for
doubt is kept: a reading is `sure` only if there is none, because a confident wrong label
is the worst outcome.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from catalog.label_findings import Finding, finding_on
from catalog.label_rules import (
    DOUBTS,
    SURE_RULES,
    Host,
    Words,
    cut_name,
    host_of,
    named_species,
)
from catalog.phrases import lexicon
from catalog.taxonomy import BACKGROUND, HEALTHY, NO_PLANT, UNKNOWN

__all__ = ["DOUBTS", "SURE_RULES", "Reading", "read_folder_name", "resolve_species"]


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


@lru_cache(maxsize=4096)
def read_folder_name(folder: str, species: str | None = None) -> Reading:
    """Read one folder name; `species` is what its source says, in any spelling.

    Never raises on any text; the same text always gives the same reading.
    """
    found = cut_name(folder)
    source, loose_source = _source(species or "")
    if _is_background(found):
        return _background(folder)
    host = host_of(found, source)
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
    finding = finding_on(found, host.species)
    doubts += finding.doubts
    return _reading(folder, found, host, finding, tuple(doubts))


@lru_cache(maxsize=4096)
def resolve_species(text: str, loose: bool = True) -> str | None:
    """Species id of a plant name in any spelling the table knows; None if none or several.

    A loose name (`Pepper`) gives the plant that it means most often, or None without `loose`.
    """
    species, by_loose_name = _source(text)
    return None if by_loose_name and not loose else species


def _source(text: str) -> tuple[str | None, bool]:
    """The plant that a source names, and whether by a loose name."""
    found = cut_name(text)
    if found.unplaced or found.conditions or any(word.doubtful for word in found.words):
        return None, False
    ids, loose, _ = named_species(found.species, None)
    return (ids[0], loose) if len(ids) == 1 else (None, False)


def _is_background(found: Words) -> bool:
    ids = {m.meant_id for span in found.conditions for m in span.meanings}
    return ids == {BACKGROUND} and not found.species and not found.unplaced


def _background(folder: str) -> Reading:
    return Reading(
        folder, NO_PLANT, BACKGROUND, None, "background", SURE_RULES["background"], True,
        ((NO_PLANT, BACKGROUND, SURE_RULES["background"]),),
    )  # fmt: skip


def _reading(
    folder: str, found: Words, host: Host, finding: Finding, doubts: tuple[str, ...]
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


def _rule(found: Words, host: Host, finding: Finding, doubts: tuple[str, ...]) -> str:
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
    found: Words, host: Host, finding: Finding, condition: str | None, confidence: float
) -> tuple[tuple[str, str | None, float], ...]:
    plants = [host.species] if host.species else []
    plants += [one for one in host.others if one not in plants]
    lex = lexicon()
    guesses = sorted({one for word in found.unplaced for one in lex.near_species(word)})
    pairs: list[tuple[str, str | None, float]] = []
    for plant in plants or guesses:
        on_plant = finding if plant == host.species else finding_on(found, plant)
        ids = [on_plant.condition, *on_plant.others] if on_plant.others else [on_plant.condition]
        for one in dict.fromkeys(i for i in ids if i is not None or not on_plant.others):
            same = plant == host.species and one == condition
            share = confidence if same else round(max(confidence, 0.3) / (1 + len(ids)), 2)
            pairs.append((plant, one, share))
    return tuple(sorted(pairs, key=lambda pair: -pair[2])[:8])
