"""The rules that turn the phrases of a folder name into a condition on its plant.

In: the spans of a name (label_rules.py) and a plant. Out: a `Finding`, with the doubts that it
leaves.
"""

from __future__ import annotations

from dataclasses import dataclass

from catalog.label_rules import Words
from catalog.name_tables import condition_rows
from catalog.spans import Meaning
from catalog.taxonomy import BACKGROUND, DISEASED, HEALTHY, UNKNOWN

MULTIPLE = "multiple_diseases"

CAUSE_ONLY = frozenset(
    {"bacterial_disease", "deficiency", "fungal_disease", "pest_damage", "virus"}
)
"""Conditions that say who did it and not what it looks like."""

SIGNS = frozenset({DISEASED, "chlorosis", "leaf_distortion", "necrosis"})
"""General conditions that anything can bring about."""

PATHOGENS = frozenset(
    {"fungus", "oomycete", "bacterium", "phytoplasma", "virus", "viroid", "nematode"}
)
"""Causes of what is called a blight, a rot or a wilt."""

NUTRIENT_LETTERS = {
    "n": "nitrogen_deficiency",
    "p": "phosphorus_deficiency",
    "k": "potassium_deficiency",
}
"""What a plant's name and one of these letters means in collections of deficiencies."""


@dataclass(frozen=True)
class Finding:
    """The condition of a reading on one plant."""

    condition: str | None
    doubts: tuple[str, ...] = ()
    usual: bool = False
    others: tuple[str, ...] = ()


def finding_on(found: Words, species: str | None) -> Finding:
    ids: list[str] = []
    precise: set[str] = set()
    doubts: list[str] = []
    usual = False
    for span in found.conditions:
        chosen, narrowed, mismatch = _meanings_on(span.meanings, species)
        # A name that is a plant's own says more than its row: isariopsis on grape is no mere spot.
        precise |= {m.meant_id for m in span.meanings if species in m.hosts} & set(chosen)
        usual |= narrowed
        if mismatch:
            doubts.append("host-mismatch")
        if len(chosen) > 1:
            return Finding(None, ("ambiguous-condition",), others=tuple(chosen))
        ids += [one for one in chosen if one not in ids]
    if not _joined(found):
        ids, contradicts = _without_general(ids, precise)
        doubts += ["several-conditions"] if contradicts else []
    if not ids:
        return _bare(found)
    if len(ids) == 1:
        unknown = ("no-condition",) if ids[0] in (UNKNOWN, BACKGROUND) else ()
        return Finding(ids[0], (*doubts, *unknown), usual)
    if HEALTHY in ids or BACKGROUND in ids or UNKNOWN in ids:
        return Finding(None, ("ambiguous-condition",), others=tuple(ids))
    if MULTIPLE in ids:
        return Finding(MULTIPLE, tuple(doubts))
    return Finding(MULTIPLE, (*doubts, "several-conditions"), others=tuple(ids))


def _joined(found: Words) -> bool:
    """Whether an `and` stands before a condition that is not the first."""
    starts = [span.start for span in found.conditions[1:]]
    return any(found.words[start].joined for start in starts if start < len(found.words))


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


def _without_general(ids: list[str], precise: set[str]) -> tuple[list[str], bool]:
    """The precise ones: `diseased` gives way to any other, `leaf_spot` to `bacterial_spot`,
    `leaf_curl` to `leaf_curl_virus`, and of general ones the mere cause to the symptom.

    Also whether the cause that gave way is not that of what stays: `late blight virus`.
    """
    rows = condition_rows()
    before = ids
    general = [i for i in ids if i in rows and rows[i].general and i not in precise]
    for drop in (general, [DISEASED], _wider(ids)):
        rest = [one for one in ids if one not in drop]
        # "healthy and diseased" is a contradiction, not a healthy leaf.
        if rest and not (DISEASED in ids and set(rest) <= {HEALTHY, UNKNOWN}):
            ids = rest
    symptoms = [i for i in ids if i not in CAUSE_ONLY]
    ids = symptoms if len(symptoms) == 1 and symptoms != [HEALTHY] else ids
    if len(ids) == 1 and "virus" in before and f"{ids[0]}_virus" in rows:
        ids = [f"{ids[0]}_virus"]
    gone = [i for i in before if i not in ids and i in rows]
    return ids, any(_contradicts(i, rows[one].cause) for i in gone for one in ids if one in rows)


def _contradicts(general: str, cause: str) -> bool:
    """Whether a general name cannot be another name of what has this cause: wilt of mealybugs."""
    if general in SIGNS:
        return False
    own = condition_rows()[general].cause
    if general in CAUSE_ONLY:
        return cause not in (own, "unknown")
    return cause != own and cause not in PATHOGENS


def _wider(ids: list[str]) -> list[str]:
    """Ids whose words all stand in another's: mites beside spider_mites."""
    words = {one: set(one.split("_")) for one in ids}
    return [one for one in ids if any(words[one] < words[other] for other in ids)]


def _bare(found: Words) -> Finding:
    if found.unplaced:
        return Finding(None, ("no-condition",))
    letters = {word.text for word in found.words} & set(NUTRIENT_LETTERS)
    if len(letters) == 1 and not found.has_leaf:
        return Finding(NUTRIENT_LETTERS[letters.pop()], ("nutrient-letter",))
    if found.has_disease:
        return Finding(DISEASED, ("bare-disease",))
    if found.has_leaf:
        return Finding(HEALTHY, ("bare-leaf",))
    return Finding(UNKNOWN, ("bare-species",))
