"""How many pictures side by side, with how many threads each? Measured when a bundle is opened."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")
"""What a container may use: microseconds of processor time and of the clock (cgroup v2)."""


@dataclass(frozen=True)
class Speed:
    """How pictures are shared out among the cores, and what that reaches."""

    lanes: int
    """Pictures answered side by side."""

    threads: int
    """Of each lane's graph while there are others."""

    lone_threads: int
    """Of the graph while there is one picture alone."""

    spinning: bool = False
    """Whether a lone picture's threads wait for their next piece of work without sleeping."""

    pictures_per_s: float | None = None
    """Decoded and answered with all lanes full; None if it was not measured."""

    lone_ms: float | None = None
    """Median of decoding and answering a picture that is alone."""

    def describe(self) -> str:
        """In words, for the log."""
        said = f"{self.lanes} picture(s) side by side, {self.threads} thread(s) each; "
        said += f"a lone one has {self.lone_threads}"
        if self.pictures_per_s is None:
            return said
        return f"{said}; {self.pictures_per_s:g} pictures/s, a lone one in {self.lone_ms:g} ms"


def unmeasured(cores: int | None = None) -> Speed:
    """What is right for most networks: a lane a core, and all cores for a lone picture."""
    cores = cores or count_cores()
    return Speed(lanes=cores, threads=1, lone_threads=cores)


def count_cores() -> int:
    """Cores that this process may use: those it is bound to, or fewer by a container's quota."""
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(bound or 1, _quota()))


def _quota() -> int:
    try:
        used, _, period = CPU_QUOTA.read_text(encoding="ascii").partition(" ")
        return max(1, int(used) // int(period))
    except (OSError, ValueError, ZeroDivisionError):  # no such file, or "max": no quota
        return 2**31
