"""The folder of models: which bundle is in production, which were before, and how that is changed.

    MODELS/
      production -> bundles/cpu-20260131-120000   what `leaflake serve MODELS/production` serves
      bundles/NAME/    every bundle that is or was in production
      runs/NAME/       the runs that they were made of, and those that lost
      rounds/NAME/     index.html and round.json of the round in which NAME was the challenger
      log.jsonl        a line for every change of the link

The link is the truth; everything else explains it. It is turned by one rename, so that whoever
looks sees the old bundle or the new one, after a kill or a power cut as well.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from export.manifest import Manifest, read_manifest
from leaflake import UsageError

ROUND_FILE = "round.json"
PAGE = "index.html"
ROLLED_BACK = "rolled-back"
"""In a round's folder: a person took its challenger out of production again."""


@dataclass(frozen=True)
class Outcome:
    """How a round ended. Its fields are the keys of round.json."""

    challenger: str
    """Name of the run and the bundle."""

    champion: str | None
    """What the link `production` said when the two were compared; None where there was no link."""

    promote: bool

    why: str
    """A sentence."""

    snapshot: int
    """Of the lake, on which the challenger was trained."""


class Models:
    """One folder of models."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.link = path / "production"
        self.bundles = path / "bundles"
        self.runs = path / "runs"
        self.rounds = path / "rounds"

    def champion(self) -> str | None:
        """What the link says; None where there is none. UsageError where it is no link."""
        if self.link.is_symlink():
            return os.readlink(self.link)
        if self.link.exists():
            raise UsageError(
                f"{self.link}: is no link, so that it cannot be changed in one step. Move it to "
                f"{self.bundles}/NAME and link it: ln -s bundles/NAME {self.link}. "
                "Nothing was written."
            )
        return None

    def read_champion(self) -> Manifest | None:
        """Its manifest, every file checked; None where nothing is in production. Raises UsageError
        if the bundle is gone or damaged."""
        if self.champion() is None:
            return None
        try:
            return read_manifest(self.link.resolve())
        except UsageError as error:
            raise UsageError(
                f"{self.link}: what is in production is not whole: {error} `leaflake rollback "
                f"--models {self.path} --to NAME` puts another bundle there. Nothing was written."
            ) from None

    def round_folder(self, challenger: str) -> Path:
        """Where its page and outcome are."""
        return self.rounds / challenger

    def read_outcome(self, challenger: str) -> Outcome | None:
        """How its round ended; None if it did not yet."""
        path = self.round_folder(challenger) / ROUND_FILE
        if not path.is_file():
            return None
        return Outcome(**json.loads(path.read_text(encoding="utf-8")))

    def write_outcome(self, outcome: Outcome, page: str) -> Path:
        """Write a round's page and then its outcome, which makes it decided; gives the page."""
        folder = self.round_folder(outcome.challenger)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ROLLED_BACK).unlink(missing_ok=True)  # of an earlier comparison of the same run
        write_text(folder / PAGE, page)
        write_text(folder / ROUND_FILE, json.dumps(asdict(outcome), indent=1) + "\n")
        return folder / PAGE

    def was_rolled_back(self, challenger: str) -> bool:
        """Whether a person took it out of production."""
        return (self.round_folder(challenger) / ROLLED_BACK).exists()

    def promote(self, outcome: Outcome) -> None:
        """Put the challenger into production, if the champion is still the one that it beat.

        Raises UsageError if somebody changed the link meanwhile.
        """
        with self._turning():
            now = self.champion()
            if now != outcome.champion:
                raise UsageError(
                    f"{self.link}: leads to {now} now, and {outcome.challenger} was compared with "
                    f"{outcome.champion}. Run leaflake retrain again, which compares it with that. "
                    "The link was not changed."
                )
            self._turn(f"bundles/{outcome.challenger}", outcome.why)

    def roll_back(self, to: str | None = None) -> tuple[str | None, str]:
        """Put the bundle into production that was there before, or the one named `to`.

        Gives what the link said, and says now. Raises UsageError if there is none, or it is not
        whole; nothing is changed then.
        """
        with self._turning():
            now = self.champion()
            target = self._before(now) if to is None else f"bundles/{to}"
            read_manifest((self.path / target).resolve())
            if now is not None and (folder := self.round_folder(Path(now).name)).is_dir():
                # First, so that the next round does not take the link for one that a kill left.
                write_text(folder / ROLLED_BACK, f"to {target}\n")
            self._turn(target, "rolled back")
        return now, target

    def _before(self, now: str | None) -> str:
        """What the bundle in production took the place of."""
        outcome = None if now is None else self.read_outcome(Path(now).name)
        if outcome is None or outcome.champion is None:
            there = sorted(path.name for path in self.bundles.glob("*") if path.is_dir())
            raise UsageError(
                f"{self.link}: there is no round before that of {now}, so that there is nothing to "
                f"go back to. Name a bundle with --to: {', '.join(there) or 'there is none'}. "
                "Nothing was changed."
            )
        return outcome.champion

    def _turn(self, target: str, why: str) -> None:
        before = self.champion()
        new = self.path / ".production.tmp"
        new.unlink(missing_ok=True)
        new.symlink_to(target)
        new.replace(self.link)
        _sync_folder(self.path)
        row = {
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "from": before,
            "to": target,
            "why": why,
        }
        with (self.path / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    @contextmanager
    def only_round(self) -> Iterator[None]:
        """Hold the lock on rounds. UsageError if another round is at work."""
        for folder in (self.bundles, self.runs, self.rounds):
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise UsageError(
                    f"{folder}: cannot be made ({error.strerror}). Name a folder of models that "
                    "can be written to. Nothing was written."
                ) from None
        with (self.path / "retrain.lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UsageError(
                    f"{self.path}: another leaflake retrain is at work on it. Nothing was written."
                ) from None
            yield

    @contextmanager
    def _turning(self) -> Iterator[None]:
        """Wait for the lock on the link, which nobody holds for long: a rollback need not wait for
        a round that trains."""
        if not self.path.is_dir():
            raise UsageError(f"{self.path}: there is no such folder. Nothing was changed.")
        with (self.path / "production.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def sweep(self) -> None:
        """Remove what a killed export left; only under the lock on rounds."""
        for path in sorted(self.bundles.glob("*.tmp")):
            shutil.rmtree(path)


def write_text(path: Path, text: str) -> None:
    """Write or replace a file in one step; it is on the disk then."""
    temporary = path.with_name(f"{path.name}.tmp")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    file = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
