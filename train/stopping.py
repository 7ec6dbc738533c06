"""Ctrl-C and SIGTERM as a question that training answers between two steps."""

from __future__ import annotations

import signal
import threading
from types import FrameType


class StopAsked:
    """In a `with`: the first signal sets `asked`, a second Ctrl-C stops at once."""

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[int, signal._HANDLER] = {}

    def __enter__(self) -> StopAsked:
        if threading.current_thread() is threading.main_thread():  # nobody else may take signals
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.asked = True
