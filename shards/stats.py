"""What a loader did in an epoch, and where its time went."""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Stats:
    """Of the epoch that runs, or of the last one."""

    pictures: int
    """Handed out."""

    seconds: float
    """From asking for the first batch to now, or to the end."""

    waited_s: float
    """Of these, how long who asked had to wait."""

    cache_hits: int
    """Pictures whose bytes were in memory; a stream has none."""

    encoded_bytes: int
    """Of the pictures as they are in the shards."""

    @property
    def pictures_per_s(self) -> float:
        """Handed out."""
        return self.pictures / self.seconds if self.seconds else 0.0

    @property
    def waiting_share(self) -> float:
        """0: training never waits for the loader."""
        return self.waited_s / self.seconds if self.seconds else 0.0

    def row(self) -> dict[str, float]:
        """For a training log."""
        return {
            "pictures_per_s": round(self.pictures_per_s, 1),
            "waiting_share": round(self.waiting_share, 4),
            "cache_hit_share": round(self.cache_hits / max(1, self.pictures), 4),
            "encoded_mb": round(self.encoded_bytes / 1e6, 1),
        }


class Meter:
    """Counts while an epoch runs."""

    def __init__(self) -> None:
        self._started = self._asked = self._now = time.perf_counter()
        self._waited = 0.0
        self._pictures = self._hits = self._bytes = 0

    def ask(self) -> None:
        """Somebody asks for a batch."""
        self._asked = time.perf_counter()

    def hand_out(self, pictures: int, hits: int, encoded_bytes: int) -> None:
        """Somebody gets it."""
        self._now = time.perf_counter()
        self._waited += self._now - self._asked
        self._pictures += pictures
        self._hits += hits
        self._bytes += encoded_bytes

    def end(self) -> None:
        """The epoch is over."""
        self._now = time.perf_counter()

    def stats(self) -> Stats:
        """So far."""
        seconds = self._now - self._started
        return Stats(self._pictures, seconds, self._waited, self._hits, self._bytes)
