"""What the bot remembers over restarts: updates that are done, and answers that can be corrected.

In: a file of SQLite. Out: whether an update is to be worked on. Nothing says who sent anything, and
no picture is in it; Telegram's ids of pictures are, for as long as an answer can be corrected.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from leaflake import UsageError

UPDATE_S = 2 * 86_400
"""How long an update's id is remembered: Telegram keeps an update for a day (Bot API, "Getting
updates"), so that it cannot come again later. Not forever, as ids start anew at a random number
after a week without updates."""

ANSWER_S = 7 * 86_400
"""How long an answer can be corrected."""

MAX_TRIES = 3
"""How often an update is begun. One that ends the process each time, say by a picture that breaks
the decoder, would come back for a day and keep everybody else's away."""

SWEEP_S = 3_600
"""How often what is too old is deleted."""

TABLES = """
CREATE TABLE IF NOT EXISTS updates (
    update_id INTEGER PRIMARY KEY, at REAL NOT NULL, tries INTEGER NOT NULL, done INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS answers (
    answer TEXT PRIMARY KEY, at REAL NOT NULL, entry TEXT NOT NULL
);
"""

Entry = dict[str, Any]
"""What is kept of an answer, as JSON; serve/bot_correct.py says what is in it."""


class BotState:
    """Of one process. Every change is on the disk when its call returns, which takes milliseconds:
    few enough to do it in the event loop of a bot."""

    def __init__(self, path: Path, now: Callable[[], float] = time.time) -> None:
        """Open or make the file; UsageError if that cannot be done."""
        self._now = now
        self._swept = 0.0
        try:
            self._database = sqlite3.connect(path)
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = FULL")  # every commit waits for the disk
            self._database.executescript(TABLES)
        except sqlite3.Error as error:
            raise UsageError(
                f"{path}: cannot be used to remember what was answered ({error}). Name another "
                "file with --state, in a folder that can be written to. Nothing was started."
            ) from None

    def begin(self, update_id: int) -> bool:
        """Whether to work on the update: it is not done, and was not begun MAX_TRIES times."""
        self._sweep()
        with self._database:
            ((tries, done),) = self._database.execute(
                "INSERT INTO updates VALUES (?, ?, 1, 0) ON CONFLICT (update_id) "
                "DO UPDATE SET tries = tries + 1 RETURNING tries, done",
                [update_id, self._now()],
            ).fetchall()
        return not done and tries <= MAX_TRIES

    def finish(
        self, update_ids: Iterable[int], answer: str | None = None, entry: Entry | None = None
    ) -> bool:
        """Note that the updates are done, together with what is kept of their answer.

        False if one of them was done before: then nothing is noted, and nothing is to be sent.
        """
        ids = list(update_ids)
        marks = ", ".join("?" for _ in ids)
        with self._database:
            had = f"SELECT count(*) FROM updates WHERE done AND update_id IN ({marks})"
            ((done,),) = self._database.execute(had, ids).fetchall()
            if done:
                return False
            self._database.executemany(
                "INSERT INTO updates VALUES (?, ?, 1, 1) "
                "ON CONFLICT (update_id) DO UPDATE SET done = 1",
                [(one, self._now()) for one in ids],
            )
            if answer is not None:
                self._put(answer, entry or {})
        return True

    def keep(self, answer: str, entry: Entry) -> None:
        """Keep something under a name, in place of what was there."""
        with self._database:
            self._put(answer, entry)

    def find(self, answer: str) -> Entry | None:
        """What is kept under a name; None where nothing is, or no longer."""
        row = self._database.execute(
            "SELECT entry FROM answers WHERE answer = ? AND at > ?",
            [answer, self._now() - ANSWER_S],
        ).fetchone()
        return None if row is None else json.loads(row[0])

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _put(self, answer: str, entry: Entry) -> None:
        self._database.execute(
            "INSERT INTO answers VALUES (?, ?, ?) "
            "ON CONFLICT (answer) DO UPDATE SET entry = excluded.entry",
            [answer, self._now(), json.dumps(entry, ensure_ascii=False)],
        )

    def _sweep(self) -> None:
        now = self._now()
        if now - self._swept < SWEEP_S:
            return
        self._swept = now
        with self._database:
            self._database.execute("DELETE FROM updates WHERE at < ?", [now - UPDATE_S])
            self._database.execute("DELETE FROM answers WHERE at < ?", [now - ANSWER_S])
