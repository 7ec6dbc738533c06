"""`just fuzz BUNDLE`: thousands of damaged requests and pictures at a server that runs here.

In: a bundle and a seed. Out: how often each kind of attack was answered with which status, memory
before and after; exit status 1 for a 500, a crash, a request without an answer, growth, or if a
whole picture is answered otherwise afterwards. Linux only (/proc).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

from leaflake import UsageError
from serve.fuzz_inputs import Attack, attacks, largest_pictures, request

CLIENTS = 8
"""At a time: enough to keep two cores busy, too few to fill a queue."""

ANSWER_S = 60.0
"""After which a whole request counts as never answered."""

PATIENCE_S = 0.3
"""For what is no whole request, whose rest the server may well wait for."""

FINE = (503, 507)
"""From 500 on: a server that is full, or whose disk is."""

GROWTH = 0.05
"""By which share memory may have grown from the second fifth of the attacks, when all that is kept
for good is kept, to the last."""

TALK = re.compile(rb"HTTP/1\.[01] (\d{3})")


@dataclass
class Found:
    """What came of it."""

    answers: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(kind, status or "closed" or "no answer") -> how often."""

    wrong: list[str] = field(default_factory=list)
    """What must not be, in words."""

    memory_mb: list[float] = field(default_factory=list)


def main(arguments: Sequence[str] | None = None) -> int:
    """Arguments, and the exit status."""
    parser = argparse.ArgumentParser(prog="just fuzz", description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--schemathesis", type=Path, help="its program; asks by /openapi.json too")
    args = parser.parse_args(arguments)
    try:
        return fuzz(args)
    except UsageError as error:
        print(f"fuzz: {error}", file=sys.stderr)
        return 2


def fuzz(args: argparse.Namespace) -> int:
    """Start a server, attack it, judge it."""
    golden = sorted((args.bundle / "golden").glob("*.jpg"))
    if not golden:
        raise UsageError(f"{args.bundle}: no pictures in golden/. Name a bundle.")
    pictures = [path.read_bytes() for path in golden[:8]]
    with tempfile.TemporaryDirectory() as folder, serving(args.bundle, Path(folder)) as server:
        before = ask(server, pictures[0])
        started = time.monotonic()
        found = asyncio.run(attack_all(server, args, pictures))
        took_s = time.monotonic() - started
        if args.schemathesis and not server.ended:
            found.wrong += run_schemathesis(args.schemathesis, server, args.seed)
        if server.ended:
            found.wrong.append(f"the server ended with status {server.process.returncode}")
        elif ask(server, pictures[0]) != before:
            found.wrong.append("a whole picture is answered otherwise than before")
        found.wrong += bugs_in(server.log)
    print(f"{sum(found.answers.values()):,} attacks in {took_s:.0f} s, seed {args.seed}")
    return judge(found)


@dataclass(frozen=True)
class Server:
    """A `leaflake serve` that this fuzzer started."""

    process: subprocess.Popen[str]
    port: int
    log: Path

    @property
    def ended(self) -> bool:
        """Whether it is no more."""
        return self.process.poll() is not None

    def memory_mb(self) -> float:
        """What is resident, megabytes; 0 if it ended."""
        try:
            text = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        except FileNotFoundError:
            return 0.0
        found = re.search(r"VmRSS:\s+(\d+) kB", text)
        return int(found[1]) / 1024 if found else 0.0


@contextmanager
def serving(bundle: Path, folder: Path) -> Iterator[Server]:
    """A server with everything switched on that a stranger can reach."""
    log = folder / "serve.log"
    command = [sys.executable, "-m", "leaflake", "serve", str(bundle), "--port", "0"]
    command += ["--allow-urls", "--inbox", str(folder), "--cors", "https://garden.example"]
    with log.open("w") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
        try:
            line = process.stdout.readline() if process.stdout else ""
            found = re.search(r":(\d+)/", line)
            if found is None:
                raise UsageError(f"the server did not start: {log.read_text()[-500:]}")
            yield Server(process, int(found[1]), log)
        finally:
            process.terminate()
            process.wait(60)


async def attack_all(server: Server, args: argparse.Namespace, pictures: list[bytes]) -> Found:
    """Send `args.requests` attacks over CLIENTS connections at a time."""
    found = Found()
    for picture in largest_pictures():
        whole = Attack("largest picture", request(picture), whole=True)
        for status in await asyncio.gather(*[send(server.port, whole) for _ in range(2)]):
            found.answers[whole.kind, status] += 1
    stream = enumerate(islice(attacks(args.seed, pictures), args.requests))

    async def client() -> None:
        for number, attack in stream:
            if server.ended:
                return
            status = await send(server.port, attack)
            found.answers[attack.kind, status] += 1
            is_number = status.isdigit()
            if (is_number and int(status) >= 500 and int(status) not in FINE) or (
                attack.whole and not is_number
            ):
                found.wrong.append(f"attack {number} ({attack.kind}): {status}")
            if number % max(1, args.requests // 50) == 0:
                found.memory_mb.append(server.memory_mb())

    await asyncio.gather(*[client() for _ in range(CLIENTS)])
    return found


async def send(port: int, attack: Attack) -> str:
    """The status of the answer, or what there was in its place."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return "no connection"
    try:
        async with asyncio.timeout(ANSWER_S if attack.whole else PATIENCE_S):
            writer.write(attack.data)
            answer = await reader.read(64)
    except TimeoutError:
        return "no answer"
    except OSError:  # closed while more was being sent
        return "closed"
    finally:
        writer.close()
    found = TALK.match(answer)
    return found[1].decode() if found else "closed"


def ask(server: Server, picture: bytes) -> Any:
    """What is answered to a whole picture, less what differs from time to time."""
    answer = asyncio.run(_read_all(server.port, request(picture)))
    row = json.loads(answer.partition(b"\r\n\r\n")[2])
    return {key: row[key] for key in row if key not in ("timings", "request_id")}


async def _read_all(port: int, data: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    answer = await asyncio.wait_for(reader.read(), ANSWER_S)
    writer.close()
    return answer


def run_schemathesis(program: Path, server: Server, seed: int) -> list[str]:
    """Let it make requests of the API's description; what it found wrong."""
    url = f"http://127.0.0.1:{server.port}/openapi.json"
    # What fits the description may still be no picture, or name no species.
    checks = ["--checks", "all", "--exclude-checks", "positive_data_acceptance"]
    options = [*checks, "--seed", str(seed), "--max-examples", "200"]
    done = subprocess.run([program, "run", url, *options], capture_output=True, text=True)
    print(done.stdout[-1500:] if done.returncode == 0 else done.stdout)
    return [] if done.returncode == 0 else [f"schemathesis ended with {done.returncode}"]


def bugs_in(log: Path) -> list[str]:
    """Lines of the server's log that tell of a bug."""
    lines = log.read_text(errors="replace").splitlines()
    return [line[:200] for line in lines if "bug while" in line or "Traceback" in line][:20]


def judge(found: Found) -> int:
    """Print the counts and the verdict."""
    for kind in sorted({kind for kind, _ in found.answers}):
        said = sorted((status, n) for (each, status), n in found.answers.items() if each == kind)
        print(f"{kind:26}", ", ".join(f"{status}: {n}" for status, n in said))
    fifth = max(1, len(found.memory_mb) // 5)
    # Medians, as a sample may fall into the moment in which a large picture is decoded.
    early = median(found.memory_mb[fifth : 2 * fifth])
    late = median(found.memory_mb[-fifth:])
    print("memory, MB:", *[f"{mb:.0f}" for mb in found.memory_mb])
    if late > early * (1 + GROWTH):
        found.wrong.append(f"memory grew by {late / early - 1:.0%}")
    for one in found.wrong[:20]:
        print(f"WRONG: {one}")
    print("found nothing wrong" if not found.wrong else f"{len(found.wrong)} things are wrong")
    return 1 if found.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
