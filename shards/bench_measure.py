"""What a loader achieves and takes. In: its batches. Out: pictures a second, CPU time, memory.

The rivals' Python runs this too, so it imports the standard library alone. Linux only (/proc).
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path


def measure(batches: Iterator[int], warm_up: int, seconds: float) -> dict[str, float]:
    """Take batches for a while, after those of `warm_up` pictures and at least one.

    Returns pictures a second, CPU seconds a thousand pictures, and the memory of all processes
    together (PSS) in MB.
    """
    seen = next(batches)
    while seen < warm_up:
        seen += next(batches)
    cpu = cpu_seconds(family())
    started = time.perf_counter()
    pictures = next(batches)
    while time.perf_counter() < started + seconds:
        pictures += next(batches)
    took = time.perf_counter() - started
    people = family()
    return {
        "pictures_per_s": pictures / took,
        "cpu_s_per_1000": (cpu_seconds(people) - cpu) / pictures * 1000,
        "pss_mb": sum(map(pss_bytes, people)) / 1e6,
    }


def picture_memory(num_bytes: int, holds_pictures: bool) -> dict[str, float]:
    """MB of the pictures in the form in which they are kept, and how many of them are in the
    system's file cache and so not in the PSS of any process."""
    pictures_mb = num_bytes / 1e6
    return {
        "pictures_mb": pictures_mb,
        "file_cache_mb": 0.0 if holds_pictures else pictures_mb,
    }


def size_on_disk(path: Path) -> int:
    """Bytes of a file, or of all files below a folder."""
    paths = path.rglob("*") if path.is_dir() else [path]
    return sum(path.stat().st_size for path in paths if path.is_file())


def family(root: int | None = None) -> list[int]:
    """A process, this one if none is named, and all below it."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*"):
        fields = read_proc(int(path.name), "stat").rpartition(")")[2].split()
        if fields:
            parents[int(path.name)] = int(fields[1])
    found = [os.getpid() if root is None else root]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found


def cpu_seconds(pids: list[int]) -> float:
    """User and system time of processes and of their ended children, see proc_pid_stat(5)."""
    ticks = 0
    for pid in pids:
        fields = read_proc(pid, "stat").rpartition(")")[2].split()
        ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def pss_bytes(pid: int) -> int:
    """Proportional set size: what processes share is counted once among them."""
    for line in read_proc(pid, "smaps_rollup").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def read_proc(pid: int, name: str) -> str:
    """A file of /proc/PID; nothing of a process that has ended."""
    try:
        return Path(f"/proc/{pid}/{name}").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
