"""`just soak`: for many minutes twice the load that the server can carry. Does it hold?

In: a bundle. Out: a line every ten seconds, and three verdicts: memory flat, no error but 503, and
right answers soon after the load ends. The load that it can carry is measured first.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from leaflake import UsageError
from serve.bench_plan import MOST_SECONDS, Plan, is_same, read_answer
from serve.bench_serve import GOLDEN, find_pictures, right_answers
from serve.bench_serve_table import verdict
from serve.bench_servers import NotRun, Running, ask, free_port, load, serving

PATH = "/api/predict"

CARRY_CLIENTS = 8
"""Clients that wait for their answers: enough to keep every core busy, and no queue to speak of."""

CARRY_S = 10.0
CARRY_WARM_UP_S = 3.0

MOST_OPEN = 512
"""Connections at once: more than any queue holds, so that no request has to wait for one."""

REPORT_S = 10.0

SETTLED = 0.1
"""Share of the time after which memory must be flat: until then buffers and caches fill."""

FLAT = 0.05
"""By which share the largest of the later samples may exceed the smallest."""

RECOVER_S = 5.0
"""After the load's end, until when answers must come and be right."""

AFTERWARDS = 20
"""Right answers in a row after it."""

REFUSED = "503"


@dataclass
class Seen:
    """What the soak has seen so far."""

    statuses: Counter[str] = field(default_factory=Counter)
    memory_mb: list[float] = field(default_factory=list)
    """A sample a report."""

    @property
    def errors(self) -> dict[str, int]:
        """What was neither answered rightly nor refused."""
        fine = ("200", REFUSED)
        return {status: count for status, count in self.statuses.items() if status not in fine}

    @property
    def spread(self) -> tuple[float, float]:
        """The smallest and the largest sample once it has settled, MB."""
        settled = self.memory_mb[int(SETTLED * len(self.memory_mb)) :]
        return min(settled), max(settled)


def main(arguments: Sequence[str] | None = None) -> int:
    """Arguments, and the exit status: 1 if it does not hold."""
    parser = argparse.ArgumentParser(prog="just soak", description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--times", type=float, default=2.0, help="the load that it can carry")
    parser.add_argument("--pictures", type=Path, help="a folder (default: the golden ones)")
    parser.add_argument("--out", type=Path, default=Path("bench-serve"), help="for its log")
    args = parser.parse_args(arguments)
    try:
        if not 0 < 60 * args.minutes <= MOST_SECONDS:
            raise UsageError(
                f"--minutes {args.minutes:g}: expected over 0 and at most "
                f"{MOST_SECONDS / 60:g}. Nothing was started."
            )
        return soak(args)
    except (UsageError, NotRun) as error:
        print(f"soak: {error}", file=sys.stderr)
        return 2


def soak(args: argparse.Namespace) -> int:
    """Start the server, load it, judge it."""
    pictures = find_pictures(args.pictures or args.bundle / GOLDEN)
    expected = right_answers(args.bundle, pictures)
    args.out.mkdir(parents=True, exist_ok=True)
    port = free_port()
    command = [sys.executable, "-m", "leaflake", "serve", str(args.bundle), "--port", str(port)]
    log = args.out / "soak.log"
    with serving(command, port, PATH, pictures[0], log) as running:
        paths = tuple(map(str, pictures))
        rate = carried(Plan(port, PATH, paths, CARRY_CLIENTS, CARRY_S, CARRY_WARM_UP_S))
        print(f"it carries {rate:.1f} requests/s; {args.times:g} x that comes now", flush=True)
        plan = Plan(
            port, PATH, paths, MOST_OPEN, 60 * args.minutes, rate=args.times * rate,
            report_s=min(REPORT_S, 6 * args.minutes), expected=expected,
        )  # fmt: skip
        seen, ended = carry_out(plan, running)
        recovered_s = recover(running, pictures, expected, ended)
    status = judge(seen, recovered_s)
    if status == 0:
        log.unlink()  # a line for every request: a hundred megabytes in half an hour
    return status


def carried(plan: Plan) -> float:
    """Requests a second that are answered when clients wait for their answers."""
    out, errors = (process := load(plan)).communicate()
    if process.returncode != 0:
        raise NotRun(errors.strip())
    row = json.loads(out.splitlines()[0])
    rate = row["statuses"].get("200", 0) / row["seconds"]
    if rate == 0:
        raise NotRun(f"not one of these requests was answered: {row['statuses']}")
    return rate


def carry_out(plan: Plan, running: Running) -> tuple[Seen, float]:
    """What was seen under the load, and when it ended (time.monotonic)."""
    seen, ended = Seen(), time.monotonic()
    process = load(plan)
    assert process.stdout is not None and process.stderr is not None  # as `load` asks for
    for line in process.stdout:
        row = json.loads(line)
        if "answers" in row:
            break
        ended = time.monotonic()
        seen.statuses.update(row["statuses"])
        seen.memory_mb.append(running.memory_mb())
        print(report(row, seen.memory_mb[-1]), flush=True)
    if process.wait() != 0:
        raise NotRun(f"the load broke off: {process.stderr.read().strip()}")
    return seen, ended


def report(row: dict[str, Any], memory_mb: float) -> str:
    """One line."""
    counts, seconds = row["statuses"], row["seconds"]
    other = {key: count for key, count in counts.items() if key not in ("200", REFUSED)}
    p50, p99 = (0.0 if row[key] is None else row[key] for key in ("p50_ms", "p99_ms"))
    return (
        f"{row['at_s'] / 60:5.1f} min  answered {counts.get('200', 0) / seconds:6.1f}/s  "
        f"refused {counts.get(REFUSED, 0) / seconds:6.1f}/s  p50 {p50:6.1f}  p99 {p99:6.1f} ms  "
        f"{memory_mb:6.1f} MB  load {row['cpu_s'] / seconds:.2f} cores"
        + (f"  {other}" if other else "")
    )


def recover(
    running: Running, pictures: Sequence[Path], expected: Sequence[dict[str, Any]], ended: float
) -> float | None:
    """Seconds from the load's end to the first of AFTERWARDS right answers in a row; None if there
    are none in good time."""
    data = [path.read_bytes() for path in pictures]
    right, since = 0, 0.0
    while right < AFTERWARDS and (right or time.monotonic() < ended + 2 * RECOVER_S):
        asked = time.monotonic()
        number = right % len(data)
        status, body = ask(running.port, running.path, data[number])
        if status == 200 and is_same(read_answer(body), expected[number]):
            since = time.monotonic() - ended if right == 0 else since
            right += 1
        else:
            right = 0
            time.sleep(max(0.0, asked + 0.1 - time.monotonic()))
    return since if right == AFTERWARDS else None


def judge(seen: Seen, recovered_s: float | None) -> int:
    """Print the verdicts; 1 unless all are reached."""
    least, most = seen.spread
    grown = most / least - 1
    errors = seen.errors
    soon = recovered_s is not None and recovered_s <= RECOVER_S
    said = "not at all" if recovered_s is None else f"after {recovered_s:.1f} s"
    statuses = dict(sorted(seen.statuses.items()))
    print(f"answers by status: {statuses}")
    print(
        f"memory: {least:.1f} to {most:.1f} MB, {grown:.1%} (goal {FLAT:.0%}: "
        f"{verdict(grown <= FLAT)})"
    )
    print(f"errors but {REFUSED}: {sum(errors.values())} (goal 0: {verdict(not errors)})")
    print(f"right answers again {said} (goal {RECOVER_S:g} s: {verdict(soon)})")
    return 0 if grown <= FLAT and not errors and soon else 1


if __name__ == "__main__":
    sys.exit(main())
