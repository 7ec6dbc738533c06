"""Servers of a bench as processes: started, asked, measured, stopped.

In: a command and a port. Out: figures of all processes below it. Linux only (/proc).
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from serve.bench_plan import HOST, Plan
from shards.bench_measure import cpu_seconds, family, pss_bytes

ROOT = Path(__file__).parents[1]

START_S = 120.0
"""Until it must have answered a picture: rivals start many processes, each of which loads much."""

STOP_S = 45.0
"""For what it has taken; longer than Leaflake itself allows."""

BUNDLE_VARIABLE = "LEAFLAKE_BENCH_BUNDLE"
"""What tells rivals, which start processes of their own, which bundle to load."""


class NotRun(Exception):
    """A server cannot run here; the message says why."""


@dataclass(frozen=True)
class Running:
    """A server that answers."""

    process: subprocess.Popen[bytes]
    port: int
    path: str
    """Where pictures go."""

    def memory_mb(self) -> float:
        """Of all its processes together (PSS: shared pages are counted once)."""
        return sum(map(pss_bytes, family(self.process.pid))) / 1e6

    def cpu_s(self) -> float:
        """Used by all its processes so far."""
        return cpu_seconds(family(self.process.pid))


@contextmanager
def serving(
    command: Sequence[str], port: int, path: str, picture: Path, log: Path, **variables: str
) -> Iterator[Running]:
    """Start a server, wait until it answers `picture`, and stop it at the end with all of its
    processes. What it says goes to `log`. Raises NotRun."""
    with log.open("wb") as out:
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
                env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
            )  # fmt: skip
        except OSError as error:
            raise NotRun(f"{command[0]}: {error.strerror}") from None
        running = Running(process, port, path)
        try:
            _wait_for_answer(running, picture.read_bytes(), log)
            yield running
        finally:
            _stop(process)


def _wait_for_answer(running: Running, picture: bytes, log: Path) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        if running.process.poll() is not None:
            said = log.read_text(errors="replace").strip().splitlines() or ["no message"]
            raise NotRun(f"{said[-1]} (status {running.process.returncode}; all is in {log})")
        if ask(running.port, running.path, picture)[0] == 200:
            return
        time.sleep(0.2)
    raise NotRun(f"gave no answer in {START_S:g} s; what it said is in {log}")


def ask(port: int, path: str, data: bytes, timeout_s: float = 30.0) -> tuple[int, bytes]:
    """Status and body of one upload over a connection of its own; status 0 if there is none."""
    url = f"http://{HOST}:{port}{path}"
    request = urllib.request.Request(url, data, {"Content-Type": "image/jpeg"})
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except (OSError, ValueError):  # not there yet, or cut off
        return 0, b""


def _stop(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM, and SIGKILL for what is left of its processes."""
    people = family(process.pid)
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for pid in people[1:]:  # some rivals' workers outlive them, in sessions of their own
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def load(plan: Plan) -> subprocess.Popen[str]:
    """A process that carries out `plan`; lines of JSON on its standard output."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as text:
        text.write(plan.to_json())
        text.seek(0)
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "serve.bench_load"],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip


def free_port() -> int:
    """A TCP port that nobody has at this moment."""
    with socket.create_server((HOST, 0)) as taken:
        return int(taken.getsockname()[1])
