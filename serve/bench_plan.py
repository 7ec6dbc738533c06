"""What a bench of a server sends, and what it notes. In: JSON. Out: a Plan; windows of figures.

Standard library alone.
"""

from __future__ import annotations

import json
import math
import resource
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

HOST = "127.0.0.1"

LOST_S = 60.0
"""After which an answer counts as lost: no server of the bench may let anybody wait as long."""

MOST_SECONDS = 7200.0
MOST_CLIENTS = 1024
MOST_RATE = 10_000.0
"""Bounds of every plan, so that a slip of the hand is no flood."""

SAME = 1e-3
"""By how much a right answer's probability may differ: the order of sums depends on the threads."""


@dataclass(frozen=True)
class Plan:
    """What to send, and how hard."""

    port: int

    path: str
    """Such as `/api/predict`."""

    pictures: tuple[str, ...]
    """Files, sent in turn."""

    clients: int
    """Connections: each sends its next picture when it has its answer; with a `rate`, the most
    that are open at once."""

    seconds: float
    """That count."""

    warm_up_s: float = 1.0
    """That do not, before them."""

    rate: float | None = None
    """Requests a second that are sent whatever comes back; None: as fast as answers come."""

    report_s: float | None = None
    """A line for every so many seconds; None: one for all of them."""

    expected: tuple[dict[str, Any], ...] | None = None
    """For each picture the `answer` that is right; None: nobody looks while it runs."""

    def to_json(self) -> str:
        """Its fields, for `read_plan`."""
        return json.dumps(asdict(self))

    def __post_init__(self) -> None:
        bounds = {"seconds": MOST_SECONDS, "clients": MOST_CLIENTS, "rate": MOST_RATE}
        for name, most in bounds.items():
            value = getattr(self, name)
            if value is not None and not 0 < value <= most:
                raise ValueError(f"{name} is {value}; expected over 0 and at most {most:g}")


@dataclass
class Window:
    """What came back in some seconds."""

    begun: float
    cpu_begun: float = field(default_factory=lambda: cpu_seconds())

    statuses: Counter[str] = field(default_factory=Counter)
    """Answers by status. `lost`: connections that broke or waited for LOST_S; `unsent`: requests
    for which no connection was free; `wrong`: those of status 200 with another answer."""

    waits_ms: list[float] = field(default_factory=list)
    """Of answers with status 200, from the first byte sent to the last received."""

    def to_json(self, now: float) -> dict[str, Any]:
        """The figures, with percentiles of the waits (None of none)."""
        waits = sorted(self.waits_ms)
        return {
            "seconds": now - self.begun,
            "cpu_s": cpu_seconds() - self.cpu_begun,
            "statuses": dict(sorted(self.statuses.items())),
            "p50_ms": percentile(waits, 50),
            "p99_ms": percentile(waits, 99),
            "max_ms": percentile(waits, 100),
        }


def read_plan(text: str) -> Plan:
    """A plan from its JSON."""
    fields = json.loads(text)
    for name in ("pictures", "expected"):
        if fields.get(name) is not None:
            fields[name] = tuple(fields[name])
    return Plan(**fields)


def request(plan: Plan, data: bytes) -> bytes:
    """The bytes of one upload."""
    head = (
        f"POST {plan.path} HTTP/1.1\r\nHost: {HOST}:{plan.port}\r\nContent-Type: image/jpeg\r\n"
        f"Content-Length: {len(data)}\r\n\r\n"
    )
    return head.encode() + data


def read_answer(body: bytes) -> dict[str, Any] | None:
    """The `answer` of an answer's JSON; None if there is none."""
    try:
        found = json.loads(body)["answer"]
    except (ValueError, KeyError, TypeError):
        return None
    return found if isinstance(found, dict) else None


def is_same(found: dict[str, Any] | None, expected: dict[str, Any]) -> bool:
    """Whether two answers name the same node, with the same probability but for SAME."""
    if found is None or found.keys() != expected.keys():
        return False
    if any(found[key] != expected[key] for key in found if key != "probability"):
        return False
    one, other = found["probability"], expected["probability"]
    return one == other if one is None or other is None else abs(one - other) <= SAME


def percentile(ordered: Sequence[float], percent: int) -> float | None:
    """The nearest-rank percentile of values in order; None of none."""
    if not ordered:
        return None
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def cpu_seconds() -> float:
    """User and system time of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
