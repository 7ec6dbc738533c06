"""Which stage an export is at. In: names of stages. Out: a line each on standard error."""

from __future__ import annotations

import sys
import time


class Stages:
    """Numbers the stages, and says when each began; their own progress bars come below."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._number = 0
        self._started = time.monotonic()

    def begin(self, what: str) -> None:
        """The next stage begins."""
        self._number += 1
        seconds = int(time.monotonic() - self._started)
        after = f"after {seconds // 60}:{seconds % 60:02d}"
        print(f"{self._number}/{self._total} {what} ({after})", file=sys.stderr, flush=True)
