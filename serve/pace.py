"""How many pictures may wait: as many as are answered in good time at the pace of this moment.

The pace begins as what was measured when the bundle was opened, and follows the pictures answered
since: they may be larger than the golden ones, or the cores have other work than they had then.
"""

from __future__ import annotations

import math

from serve.speed import Speed

QUEUE_S = 0.8
"""As many pictures may wait as are answered in this time, so that the last of them, with its upload
and its answer, is back within a second."""

QUEUE_PER_CORE = 8
"""The least length of the queue, for models so slow that QUEUE_S is a picture or two: somebody who
sends a handful of pictures at once is no overload."""

SHARE = 0.02
"""Of the newest picture in the pace: it follows within some fifty."""


class Pace:
    """Of one Lanes; belongs to the event loop."""

    def __init__(self, speed: Speed) -> None:
        self._speed = speed
        self._lane_s = None if speed.pictures_per_s is None else speed.lanes / speed.pictures_per_s

    def note(self, lane_s: float) -> None:
        """A picture was in a lane for so long, while all lanes had something to do."""
        if self._lane_s is None:
            self._lane_s = lane_s
        else:
            self._lane_s += SHARE * (lane_s - self._lane_s)

    @property
    def pictures_per_s(self) -> float | None:
        """What the lanes answer while all of them have something to do; None if nobody knows."""
        return self._speed.lanes / self._lane_s if self._lane_s else None

    @property
    def queue(self) -> int:
        """How many pictures may wait or be in hand."""
        least = QUEUE_PER_CORE * self._speed.lanes * self._speed.threads
        return max(least, math.ceil((self.pictures_per_s or 0) * QUEUE_S))
