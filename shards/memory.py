"""How much memory is free. Out: bytes, or None where the system does not say."""

from __future__ import annotations

from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")


def available_bytes() -> int | None:
    """What can still be taken: of the machine, and of the container that this runs in."""
    found = [_machine(), _container()]
    return min((value for value in found if value is not None), default=None)


def _machine(meminfo: Path = Path("/proc/meminfo")) -> int | None:
    """MemAvailable of /proc/meminfo, see proc_meminfo(5)."""
    if not meminfo.is_file():
        return None
    for line in meminfo.read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _container(folder: Path = CGROUPS) -> int | None:
    """What the control group's limit leaves, version 2 or 1; file cache counts as free.

    https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files
    """
    for limit, used in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        if (folder / limit).is_file():
            text = (folder / limit).read_text(encoding="ascii").strip()
            if text == "max":
                return None
            stat = (folder / limit).with_name("memory.stat").read_text(encoding="ascii")
            cached = dict(line.split() for line in stat.splitlines()).get("inactive_file", 0)
            return int(text) - int((folder / used).read_text(encoding="ascii")) + int(cached)
    return None
