"""Does the challenger take the champion's place? In: the answers of both, and their costs. Out:
Verdict.

It has to be better beyond chance on the whole exam or on its newest pictures, and worse nowhere
that matters. Two looks at 95 % intervals promote one in twenty that is in truth no better; as it is
not worse either, that does no harm.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from export.manifest import Manifest
from retrain.answers import Answers
from retrain.caught import Caught, caught_at, cost_of
from retrain.exam import ALL, NEWEST, PARTS, TEST, Exam
from retrain.paired import Paired, compare
from train.calibration import reliability

LEAST = 2
"""Pictures that may always be lost net: so few are chance, and of 20 a point is not even one."""

MOST_LOST = 0.01
"""Share of a part of the exam that may be lost net, where that is not beyond chance."""

MOST_LOST_OF_SPECIES = 0.2
"""The same of one species, which has fewer pictures."""

MOST_TURNED_AWAY = 0.005
"""Share of the plants that may be turned away more, as no plant or an unknown one."""

LESS_ANSWERED = 0.05
"""Share of the pictures by which fewer may be answered."""

LESS_CAUGHT = 0.02
"""Share of the photographs of no plant by which fewer may be caught."""

MORE_ERROR = 0.02
"""Of expected calibration error."""

MORE_COST = 1.2
"""Times as slow or as large as the champion it may be: nobody feels that, and a timing on a machine
that does other things may be off by as much."""


@dataclass(frozen=True)
class Costs:
    """What a bundle costs who serves it."""

    latency_ms: float
    """Median of the file that a server answers with, measured in turn with the other's."""

    bytes: int
    """Of that file."""


@dataclass(frozen=True)
class Candidate:
    """A bundle with everything that it is judged by."""

    manifest: Manifest
    answers: Answers
    costs: Costs


@dataclass(frozen=True)
class Check:
    """One thing that must not be worse."""

    name: str
    champion: str
    """For people."""

    challenger: str

    worse: str
    """Why it is worse; empty if it is not."""


@dataclass(frozen=True)
class Verdict:
    """What came of a comparison."""

    promote: bool

    why: str
    """A sentence."""

    pairs: dict[str, Paired]
    """Part of the exam -> species and condition together, right or not."""

    checks: tuple[Check, ...]


def decide(exam: Exam, champion: Candidate, challenger: Candidate) -> Verdict:
    """Compare the two on everything that counts."""
    old, new = champion.answers, challenger.answers
    pairs = {
        name: compare(old.right[mask], new.right[mask], exam.groups[mask])
        for name, mask in ((part, exam.part(part)) for part in PARTS)
    }
    checks = (
        *_of_parts(exam, old, new),
        *_of_species(exam, old, new),
        *_of_answers(exam, old, new),
        *_of_rejection(exam, champion, challenger),
        _of_calibration(exam, old, new),
        *_of_costs(champion, challenger),
    )
    worse = [one for one in checks if one.worse]
    looks = (ALL, NEWEST) if exam.is_newest.any() else (TEST,)
    better = [name for name in looks if pairs[name].is_better]
    if worse:
        why = f"worse in {len(worse)} of {len(checks)} checks: {worse[0].name}, {worse[0].worse}"
    elif not better:
        why = "nowhere better beyond chance"
    else:
        gains = (f"{PARTS[name]} ({100 * pairs[name].difference:+.1f} points)" for name in better)
        why = f"better beyond chance on {' and '.join(gains)}, and worse nowhere"
    return Verdict(bool(better) and not worse, why, pairs, checks)


def _of_parts(exam: Exam, old: Answers, new: Answers) -> Iterator[Check]:
    for part in (TEST, NEWEST):
        mask, words = exam.part(part), PARTS[part]
        if mask.any():
            yield _paired(f"species and condition, {words}", old.right, new.right, mask, exam)
            species = (old.species_right, new.species_right)
            yield _paired(f"species, {words}", *species, mask, exam)


def _of_species(exam: Exam, old: Answers, new: Answers) -> Iterator[Check]:
    for name in np.unique(exam.species).tolist():
        mask = exam.species == name
        yield _paired(name, old.right, new.right, mask, exam, MOST_LOST_OF_SPECIES)


def _of_answers(exam: Exam, old: Answers, new: Answers) -> Iterator[Check]:
    everything = np.ones(len(exam.labels), dtype=bool)
    fine = (~old.given.is_wrong, ~new.given.is_wrong)
    yield _paired("answers that are not wrong", *fine, everything, exam)
    answered = (old.given.names, new.given.names)
    yield _paired("pictures that get an answer", *answered, everything, exam, LESS_ANSWERED, True)


def _of_rejection(exam: Exam, champion: Candidate, challenger: Candidate) -> Iterator[Check]:
    old, new = champion.answers, challenger.answers
    plants = exam.is_plant
    if plants.any():
        let_in = (~old.turned_away, ~new.turned_away)
        yield _paired("plants that are let in", *let_in, plants, exam, MOST_TURNED_AWAY)
        yield from _of_photographs(exam, champion, challenger)
    if not plants.all():
        found = (old.given.names & old.given.is_right, new.given.names & new.given.is_right)
        yield _paired("pictures of no plant, answered so", *found, ~plants, exam)


def _of_photographs(exam: Exam, champion: Candidate, challenger: Candidate) -> Iterator[Check]:
    made = ["scores" in one.manifest.rejection["not_a_plant"] for one in (champion, challenger)]
    if not made[0]:
        return
    cost = cost_of(exam, champion.answers, champion.manifest)
    name = (
        f"photographs of no plant, caught where {_share(cost)} of the plants are turned away "
        "(at its own threshold)"
    )
    before = caught_at(cost, exam, champion.answers, champion.manifest)
    if not made[1]:
        yield Check(name, _caught(before), "-", "it was made without photographs of no plant")
        return
    after = caught_at(cost, exam, challenger.answers, challenger.manifest)
    lost = before.at_cost - after.at_cost
    is_worse = lost > max(LESS_CAUGHT, LEAST / after.examples)
    worse = f"{100 * lost:.1f} points fewer" if is_worse else ""
    yield Check(name, _caught(before), _caught(after), worse)


def _of_calibration(exam: Exam, old: Answers, new: Answers) -> Check:
    before, after = (
        reliability(one.probability[exam.is_plant], one.right[exam.is_plant]).error
        if exam.is_plant.any()
        else 0.0
        for one in (old, new)
    )
    worse = f"{100 * (after - before):.1f} points more" if after - before > MORE_ERROR else ""
    return Check("calibration error", _share(before), _share(after), worse)


def _of_costs(champion: Candidate, challenger: Candidate) -> Iterator[Check]:
    before, after = champion.costs, challenger.costs
    ratio = after.latency_ms / before.latency_ms
    slower = f"{ratio:.2f} times as slow" if ratio > MORE_COST else ""
    times = [f"{one.latency_ms:.1f} ms" for one in (before, after)]
    yield _check("time of an answer here", times, slower)
    ratio = after.bytes / before.bytes
    larger = f"{ratio:.2f} times as large" if ratio > MORE_COST else ""
    yield _check("size of the server's file", [_mb(before.bytes), _mb(after.bytes)], larger)
    manifests = (champion.manifest, challenger.manifest)
    sizes = [_browser_bytes(one) for one in manifests]
    if sizes[0]:
        lost = "" if sizes[1] else "there is none any more"
        larger = "larger" if sizes[1] > MORE_COST * sizes[0] else ""
        yield _check("browser's model", [_mb(size) for size in sizes], lost or larger)
    known = [{one["species_id"] for one in manifest.tree["species"]} for manifest in manifests]
    gone = sorted(known[0] - known[1])
    missing = f"it does not know {', '.join(gone)}" if gone else ""
    yield _check("species that it knows", [str(len(one)) for one in known], missing)


def _check(name: str, both: list[str], worse: str) -> Check:
    champion, challenger = both
    return Check(name, champion, challenger, worse)


def _browser_bytes(manifest: Manifest) -> int:
    files = manifest.files.items()
    return sum(one["bytes"] for name, one in files if name.startswith("browser/"))


def _paired(
    name: str,
    champion: np.ndarray,
    challenger: np.ndarray,
    mask: np.ndarray,
    exam: Exam,
    share: float = MOST_LOST,
    only_share: bool = False,
) -> Check:
    """A check of bool (N,), where true is good; `only_share`: it may fall beyond chance, too."""
    pair = compare(champion[mask], challenger[mask], exam.groups[mask])
    lost = round(-pair.difference * pair.pictures)
    worse = ""
    if lost > max(LEAST, share * pair.pictures):
        worse = f"{lost} of {pair.pictures:,} pictures lost"
    elif pair.is_worse and not only_share:
        worse = f"{lost} of {pair.pictures:,} pictures lost, beyond chance"
    return Check(name, _share(pair.champion), _share(pair.challenger), worse)


def _caught(found: Caught) -> str:
    return f"{_share(found.at_cost)} ({_share(found.as_it_is)})"


def _share(value: float) -> str:
    return f"{100 * value:.1f} %"


def _mb(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
