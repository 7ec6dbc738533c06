"""`leaflake serve --workers 2`, as real processes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from two_plants import RUST, change_manifest, picture

import leaflake
from serve import workers
from serve.settings import Settings
from serve.workers import QUICK_S, Supervisor, Worker

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "leaflake", "serve"]


def start(bundle: Path, *args: str) -> tuple[subprocess.Popen[str], str]:
    """The supervisor and the URL that it prints."""
    server = subprocess.Popen(
        [*COMMAND, str(bundle), "--port", "0", "--workers", "2", *args],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert server.stdout
    line = server.stdout.readline()
    assert line.startswith("Leaflake serves two-plants at http://127.0.0.1:"), line
    return server, line.split()[-1]


def upload(url: str) -> Any:
    request = urllib.request.Request(f"{url}api/predict", picture(RUST))
    with urllib.request.urlopen(request, timeout=20) as response:
        return json.load(response)


def metrics(url: str) -> str:
    with urllib.request.urlopen(f"{url}metrics", timeout=20) as response:
        return str(response.read().decode())


def children(pid: int) -> set[int]:
    """Of a process, by the kernel's list."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return set(map(int, text.split()))


def until(what: Callable[[], object], timeout_s: float = 30) -> None:
    end = time.monotonic() + timeout_s
    while not what():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.fixture(scope="module")
def served(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[subprocess.Popen[str], str, Path]]:
    from two_plants import write_bundle

    bundle = write_bundle(tmp_path_factory.mktemp("workers") / "bundle")
    server, url = start(bundle)
    yield server, url, bundle
    server.terminate()
    out, err = server.communicate(timeout=20)
    assert (server.returncode, out, "Traceback" in err) == (0, "", False)


def test_workers_count_together(served: tuple[subprocess.Popen[str], str, Path]) -> None:
    server, url, _ = served
    for _ in range(8):
        assert upload(url)["answer"]["condition_id"] == "cedar_apple_rust"
    said = metrics(url)
    assert 'leaflake_answers_total{rank="condition"} 8.0' in said
    assert "leaflake_lanes 2.0" in said or len(os.sched_getaffinity(0)) > 3
    assert len(children(server.pid)) == 2


def test_worker_that_dies_is_replaced_and_the_other_answers_meanwhile(
    served: tuple[subprocess.Popen[str], str, Path],
) -> None:
    server, url, _ = served
    before = children(server.pid)
    os.kill(min(before), signal.SIGKILL)
    until(lambda: min(before) not in children(server.pid))
    assert upload(url)["answer"]["rank"] == "condition"
    until(lambda: len(children(server.pid)) == 2)
    assert len(children(server.pid) & before) == 1


def test_hangup_has_every_worker_take_the_new_bundle_over(
    served: tuple[subprocess.Popen[str], str, Path],
) -> None:
    server, url, bundle = served
    # A gauge of the living workers: both listen again.
    until(lambda: "leaflake_uploads 0.0" in metrics(url))
    time.sleep(0.5)
    change_manifest(bundle, name="second")
    server.send_signal(signal.SIGHUP)
    until(lambda: upload(url)["model"]["name"] == "second")
    until(lambda: 'leaflake_takeovers_total{outcome="taken"}' in metrics(url))


def test_workers_end_when_their_supervisor_is_killed(bundle: Path) -> None:
    server, url = start(bundle)
    orphans = children(server.pid)
    server.kill()
    server.wait(timeout=10)
    until(lambda: not any(Path(f"/proc/{pid}/fd").exists() and _lives(pid) for pid in orphans))


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def run_wrong(*args: str) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, *args, "--workers", "2"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)


def test_bundle_that_cannot_be_served_ends_all_with_two(tmp_path: Path) -> None:
    done = run_wrong(str(tmp_path), "--port", "0")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"leaflake serve: {tmp_path}: not a bundle")
    assert done.stderr.count("not a bundle") == 1


def test_port_of_another_server_is_not_shared(bundle: Path) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = run_wrong(str(bundle), "--port", port)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"cannot listen on 127.0.0.1, port {port}" in done.stderr


def test_end_by_idleness_is_for_one_process(capsys: pytest.CaptureFixture[str]) -> None:
    args = ["serve", "bundle", "--workers", "2", "--idle-stop-s", "5"]
    assert leaflake.main(args) == 2
    assert "--idle-stop-s is for a server of one process" in capsys.readouterr().err


@pytest.fixture
def supervisor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Supervisor:
    monkeypatch.setattr(workers.Supervisor, "tell_all", lambda self, number: None)
    return Supervisor(Settings(tmp_path), 2)


@pytest.mark.parametrize("code", [2, 1, -9])
def test_worker_that_never_came_up_ends_the_server(supervisor: Supervisor, code: int) -> None:
    supervisor.due = []
    supervisor.miss(Worker(1, 0, 100.0), code)
    assert (supervisor.stopping, supervisor.status, supervisor.due) == (True, 1, [])


def test_worker_that_died_later_is_missed_but_not_at_once_again_and_again(
    supervisor: Supervisor,
) -> None:
    supervisor.due, supervisor.announced = [], True
    supervisor.miss(Worker(1, 0, 100.0, ready=True), -9)
    assert (supervisor.stopping, supervisor.due) == (False, [100.0 + QUICK_S])
    supervisor.stop()
    supervisor.miss(Worker(2, 0, 100.0, ready=True), 0)
    assert len(supervisor.due) == 1
