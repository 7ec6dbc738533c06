"""What `just bench-serve` says of its measurements. In: medians. Out: lines for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

TITLES = {
    "ceiling": "bare loop",
    "leaflake": "Leaflake",
    "litserve": "LitServe",
    "bentoml": "BentoML",
}
"""Everybody who takes part, with the name for people."""

CEILING, OURS = "ceiling", "leaflake"
RIVALS = ("litserve", "bentoml")

CEILING_GOAL, RIVAL_GOAL, P99_GOAL_MS = 0.9, 1.3, 1000.0
"""At least: requests a second over the bare loop's on all cores, and over the better rival's.
Under: the wait of 99 in a hundred with the most clients, for the small model."""


@dataclass(frozen=True)
class Figures:
    """One contestant with one number of clients."""

    requests_per_s: float
    """Answered with status 200."""

    p50_ms: float | None = None
    """From the first byte sent to the last received; None for the bare loop, which nobody asks."""

    p99_ms: float | None = None

    errors: float = 0
    """Answers with another status, and connections that broke."""

    memory_mb: float | None = None
    """Of all its processes under load, shared pages counted once."""

    cpu_ms: float | None = None
    """Of processor time for each answer, in all its processes."""

    load_cores: float | None = None
    """What the load generator itself took of the machine."""


Results = Mapping[str, Mapping[int, Figures]]
"""Name -> number of clients -> medians."""


def table(results: Results) -> str:
    """A block for each number of clients."""
    lines = [
        f"{'':8}{'':12}{'requests/s':>11}{'p50 ms':>9}{'p99 ms':>9}{'errors':>8}"
        f"{'memory MB':>11}{'CPU ms':>8}"
    ]
    for clients in all_clients(results):
        for name, title in TITLES.items():
            if name not in results:
                continue
            one = results[name][clients]
            first = name == next(iter(results))
            lines.append(
                f"{_clients(clients) if first else '':11}{title:<9}{one.requests_per_s:>11.1f}"
                f"{_number(one.p50_ms, 9)}{_number(one.p99_ms, 9)}"
                f"{'' if one.p50_ms is None else f'{one.errors:.0f}':>8}"
                f"{_number(one.memory_mb, 11, 0)}{_number(one.cpu_ms, 8, 2)}"
            )
    return "\n".join(lines)


def goals(results: Results) -> list[str]:
    """How Leaflake stands to what it is meant to reach, as far as that was measured."""
    if OURS not in results:
        return []
    most = all_clients(results)[-1]
    return [
        f"{_clients(clients)}: {said}"
        for clients in all_clients(results)
        for said in (
            beside_ceiling(results, clients),
            beside_rivals(results, clients),
            longest_wait(results[OURS][clients]) if clients == most else None,
        )
        if said
    ]


def beside_ceiling(results: Results, clients: int) -> str | None:
    """The share of the bare loop that is left; with one client no goal, as all cores wait then."""
    if CEILING not in results:
        return None
    share = results[OURS][clients].requests_per_s / results[CEILING][clients].requests_per_s
    goal = f" (goal {CEILING_GOAL}: {verdict(share >= CEILING_GOAL)})"
    return f"{share:.2f} of the bare loop{'' if clients == 1 else goal}"


def beside_rivals(results: Results, clients: int) -> str | None:
    """How many times the better rival; and the bare loop, which nobody can exceed."""
    better = better_rival(results, clients)
    if better is None:
        return None
    theirs = results[better][clients].requests_per_s
    times = results[OURS][clients].requests_per_s / theirs
    said = f"{times:.2f} x {TITLES[better]}, the better rival (goal {RIVAL_GOAL}: "
    said += verdict(times >= RIVAL_GOAL)
    if CEILING in results:
        said += f"; the bare loop {results[CEILING][clients].requests_per_s / theirs:.2f} x"
    return said + ")"


def longest_wait(ours: Figures) -> str | None:
    """The 99th percentile."""
    if ours.p99_ms is None:
        return None
    return (
        f"p99 {ours.p99_ms:.0f} ms (goal under {P99_GOAL_MS:.0f} with the small model: "
        f"{verdict(ours.p99_ms < P99_GOAL_MS)})"
    )


def better_rival(results: Results, clients: int) -> str | None:
    """The rival that answers the most with so many clients; None if none ran."""
    ran = [name for name in RIVALS if name in results]
    return max(ran, key=lambda name: results[name][clients].requests_per_s, default=None)


def load_share(results: Results) -> float:
    """The most of a core that the load generator took beside anybody."""
    every = [one.load_cores or 0.0 for row in results.values() for one in row.values()]
    return max(every, default=0.0)


def all_clients(results: Results) -> list[int]:
    """The numbers of clients that were measured, fewest first."""
    return sorted({clients for row in results.values() for clients in row})


def verdict(is_reached: bool) -> str:
    """Of a goal."""
    return "reached" if is_reached else "MISSED"


def _clients(clients: int) -> str:
    return "1 client" if clients == 1 else f"{clients} clients"


def _number(value: float | None, width: int, decimals: int = 1) -> str:
    return f"{'' if value is None else f'{value:,.{decimals}f}':>{width}}"
