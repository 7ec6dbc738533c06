"""How much memory a process and its children took at most. In: a process. Out: MB by process id.

Read from /proc, so on Linux alone; elsewhere nothing is found.
"""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

INTERVAL_S = 0.1
"""The kernel keeps each process's peak, so only the last moment of its life is missed."""

_PROC = Path("/proc")


def peak_by_process(process: subprocess.Popen[bytes]) -> dict[int, float]:
    """Wait for `process` to end. Returns process id -> peak of its resident memory in MB, for it
    and for everything below it; {its id: 0.0} where the system has no /proc."""
    peaks: dict[int, float] = {process.pid: 0.0}
    while process.poll() is None:
        for pid in (process.pid, *_descendants(process.pid)):
            if (peak := _peak_mb(pid)) is not None:
                peaks[pid] = peak
        time.sleep(INTERVAL_S)
    return peaks


def _descendants(pid: int) -> list[int]:
    found: list[int] = []
    waiting = [pid]
    while waiting:
        below = _children(waiting.pop())
        found += below
        waiting += below
    return found


def _children(pid: int) -> list[int]:
    children: list[int] = []
    for task in _PROC.glob(f"{pid}/task/*/children"):
        try:
            children += [int(word) for word in task.read_text().split()]
        except (FileNotFoundError, ProcessLookupError):
            continue  # a thread that ended meanwhile
    return children


def _peak_mb(pid: int) -> float | None:
    try:
        status = (_PROC / str(pid) / "status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    return None  # a process that has ended and waits to be asked for its status
