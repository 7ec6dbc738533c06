"""One round of retraining: what people sent -> a challenger -> production, or a reason why not.

In: a lake, a folder of models, a recipe. Out: Ended, with a page about it. Killed at any point it
leaves production as it was, or turned; the next round goes on with what is there: the run, the
bundle, the decision.
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from catalog.lake import open_lake
from catalog.storage import Place, join
from export.manifest import Manifest, read_manifest
from export.parity import BeyondBoundsError
from ingest.run import ingest
from retrain.answers import ask_bundle
from retrain.believe import Beliefs, weigh_corrections
from retrain.challenger import (
    Making,
    find_or_export,
    find_or_train,
    measure_costs,
    refuse_what_cannot_be_made,
)
from retrain.exam import Exam, read_exam
from retrain.models import PAGE, Models, Outcome
from retrain.page import Story, shown_keys, write_page
from retrain.verdict import Candidate, Verdict, decide
from shards.inbox_tar import FOLDER_NAME, is_inbox
from shards.thumbnails import read_thumbnails

FIRST = "there was nothing in production"


@dataclass(frozen=True)
class Ended:
    """How a round ended."""

    outcome: Outcome | None
    """None: there was nothing to do."""

    words: str
    """A sentence."""

    page: Path | None = None


def run_round(lake: Place, models_path: Path, making: Making, *, anyway: bool = False) -> Ended:
    """Take the inbox in, train a challenger, compare, and promote it if it deserves that.

    `anyway`: also where nothing is new since the champion was trained. Raises UsageError before
    anything is written if something is missing, and later if somebody changed the link meanwhile;
    production is then as it was.
    """
    models = Models(models_path)
    champion = models.read_champion()
    with open_lake(lake):  # refuses what is none
        refuse_what_cannot_be_made(making)
    with models.only_round():
        models.sweep()
        corrections = take_in(lake)
        beliefs = weigh_corrections(lake, making.recipe.split)
        with open_lake(lake) as opened:
            snapshot = opened.pictures_snapshot
        say(f"{corrections:,} new corrections; the lake is at snapshot {snapshot}")
        if champion is not None and not anyway and is_up_to_date(champion, making, snapshot):
            return Ended(None, f"nothing is new since {champion.name} was trained")
        run = find_or_train(making, lake, models.runs, snapshot)
        link = models.champion()
        if link is not None and Path(link).name == run.name:
            return Ended(
                None, f"{run.name}, which is in production, is of this recipe and snapshot"
            )
        decided = models.read_outcome(run.name)
        if decided is not None and decided.champion == link:
            return _go_on(models, decided)
        return _compare(models, making, lake, run, link, corrections, beliefs, snapshot)


def take_in(lake: Place) -> int:
    """Ingest the lake's inbox, if it has one; gives the number of new corrections."""
    folder = join(lake, FOLDER_NAME)
    if isinstance(folder, str) or not is_inbox(folder):
        return 0
    return ingest([folder], lake).corrections


def is_up_to_date(champion: Manifest, making: Making, snapshot: int) -> bool:
    """Whether the champion is of this recipe and of the lake's newest snapshot already."""
    made = champion.provenance
    return (made.get("recipe"), made.get("snapshot")) == (making.recipe.name, snapshot)


def say(words: str) -> None:
    """A line about the progress."""
    print(f"retrain: {words}", file=sys.stderr, flush=True)


def _go_on(models: Models, decided: Outcome) -> Ended:
    """A round that was decided before: what is left is the link, if it was killed before that."""
    page = models.round_folder(decided.challenger) / PAGE
    if not decided.promote:
        _remove(models.bundles / decided.challenger)
        return Ended(None, f"{decided.challenger} lost before: {decided.why}", page)
    if models.was_rolled_back(decided.challenger):
        return Ended(None, f"{decided.challenger} was rolled back, and nothing is new since", page)
    read_manifest(models.bundles / decided.challenger)
    models.promote(decided)
    return Ended(decided, f"{decided.challenger} was promoted: {decided.why}", page)


def _compare(
    models: Models,
    making: Making,
    lake: Place,
    run: Path,
    link: str | None,
    corrections: int,
    beliefs: Beliefs,
    snapshot: int,
) -> Ended:
    """Export, examine, decide, write it down, and turn the link."""
    verdict: Verdict | None = None
    exam: Exam | None = None
    both: tuple[Candidate, Candidate] | None = None
    try:
        bundle = find_or_export(making, run, models.bundles)
    except BeyondBoundsError as error:
        outcome = Outcome(run.name, link, False, f"no bundle came of it: {error}", snapshot)
    else:
        if link is None:
            outcome = Outcome(run.name, None, True, FIRST, snapshot)
        else:
            exam, both = examine(models, bundle, lake, snapshot, making)
            verdict = decide(exam, *both)
            outcome = Outcome(run.name, link, verdict.promote, verdict.why, snapshot)
    story = Story(outcome, corrections, beliefs, exam, both, verdict)
    with open_lake(lake, at=snapshot) as opened:
        thumbnails = read_thumbnails(opened, shown_keys(story))
    page = models.write_outcome(outcome, write_page(story, thumbnails))
    if outcome.promote:
        models.promote(outcome)
        return Ended(outcome, f"{run.name} was promoted: {outcome.why}", page)
    _remove(models.bundles / run.name)
    return Ended(outcome, f"{run.name} was not promoted: {outcome.why}", page)


def _remove(bundle: Path) -> None:
    """A bundle that lost; there is none where it was beyond its bounds."""
    if bundle.exists():
        shutil.rmtree(bundle)


def examine(
    models: Models, bundle: Path, lake: Place, snapshot: int, making: Making
) -> tuple[Exam, tuple[Candidate, Candidate]]:
    """Ask champion and challenger about the same pictures, and measure what they cost."""
    folders = (models.link.resolve(), bundle)
    champion, challenger = (read_manifest(folder) for folder in folders)
    exam = read_exam(lake, champion, snapshot, making.recipe.split)
    say(f"{champion.name} and {challenger.name} are asked about {len(exam.keys):,} pictures")
    costs = measure_costs(*folders)
    one, other = (
        Candidate(manifest, ask_bundle(folder, manifest, exam), cost)
        for folder, manifest, cost in zip(folders, (champion, challenger), costs, strict=True)
    )
    return exam, (one, other)
