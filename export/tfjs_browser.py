"""A TF.js model in headless Chromium. In: its folder and pictures. Out: answers and times.

The page (browser/check.html) fetches everything from a server of ours on loopback and posts what
it found to the same; nothing else is needed to drive the browser.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np

from export.tfjs_tools import ToolFailedError
from leaflake import UsageError

PAGES = Path(__file__).parent / "browser"
STATIC = Path(__file__).parents[1] / "serve/static"
"""Where the page's own decoding and resizing are: what is checked is what is served."""
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
TIMEOUT_S = 900.0
"""Without a word from the page for so long, it is given up; 500 pictures took under two minutes."""

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".json": "application/json",
    ".wasm": "application/wasm",
}


@dataclass(frozen=True)
class Task:
    """What the page is to do; its fields are the keys of /task.json."""

    size: int
    """Side of the square that the model takes, pixels."""

    pictures: int
    runtimes: tuple[str, ...] = ("tfjs", "ort")
    threads: int = 1
    repeats: int = 200
    """Timed answers of each runtime."""

    warm_up: int = 10
    timed_shape: tuple[int, int] = (480, 640)
    """Height and width of the picture that is timed."""

    levels: int = 0
    """Of so many pictures the resized levels are wanted too."""


@dataclass
class Found:
    """What the page posted."""

    answers: dict[str, dict[int, np.ndarray]] = field(default_factory=dict)
    """Runtime -> number of the picture -> species and joint log-probabilities, and of a model with
    a rejection rule its two scores: float32 (S + C,) or (S + C + 2,)."""

    levels: dict[int, np.ndarray] = field(default_factory=dict)
    """Number of the picture -> float32 (size * size * 3,)."""

    times: dict[str, Any] = field(default_factory=dict)
    """`first_ms` and `warm_ms` of each runtime, `resize_ms`, and whether threads were possible."""

    failure: str | None = None


def ask_browser(
    task: Task,
    picture: Callable[[int], bytes],
    *,
    model: Path,
    npm: Path,
    core: Path | None = None,
    browser: str | None = None,
) -> Found:
    """Run the page. `picture` gives an encoded picture by number; other threads call it.

    `model` is the TF.js folder, `npm` the node_modules folder with the runtimes, `core` the ONNX
    file for onnxruntime-web, if the task has that. Raises UsageError if there is no browser,
    ToolFailedError with the page's own words if it failed.
    """
    program = browser or find_browser()
    found, done = Found(), threading.Event()
    roots = {"npm": npm.resolve(), "model": model.resolve(), "static": STATIC}
    files = {"/": PAGES / "check.html", "/check.js": PAGES / "check.js"}
    if core:
        files["/core.onnx"] = core
    handler = _handler(task, picture, files, roots, found, done)
    with _serve(handler) as url, _browse(program, url) as process:
        waited = 0.0
        while not done.wait(1.0):
            waited += 1.0
            if process.poll() is not None:
                raise ToolFailedError(f"{program} ended by itself with status {process.returncode}")
            if waited > TIMEOUT_S:
                raise ToolFailedError(f"{program} did not finish within {TIMEOUT_S:.0f} s")
    if found.failure:
        raise ToolFailedError(f"the page failed in {program}: {found.failure}")
    return found


def find_browser() -> str:
    """The path of a Chromium on this machine, or what $CHROMIUM names."""
    wanted = (os.environ["CHROMIUM"],) if os.environ.get("CHROMIUM") else BROWSERS
    for name in wanted:
        if path := shutil.which(name):
            return path
    raise UsageError(
        f"no browser found: looked for {', '.join(wanted)}. Install Chromium (Debian: apt install "
        "chromium) or name one with the variable CHROMIUM. Nothing was checked."
    )


@contextmanager
def _browse(program: str, url: str) -> Iterator[subprocess.Popen[bytes]]:
    with tempfile.TemporaryDirectory(
        prefix="leaflake-browser-",
        ignore_cleanup_errors=True,  # its children write to the last
    ) as profile:
        flags = ["--headless=new", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage"]
        if os.geteuid() == 0:
            flags.append("--no-sandbox")  # as root it cannot start with it, as in containers
        command = [program, *flags, f"--user-data-dir={profile}", url]
        quiet = subprocess.DEVNULL
        process = subprocess.Popen(command, stdout=quiet, stderr=quiet, start_new_session=True)
        try:
            yield process
        finally:
            process.terminate()
            process.wait()


@contextmanager
def _serve(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


def _handler(
    task: Task,
    picture: Callable[[int], bytes],
    files: dict[str, Path],
    roots: dict[str, Path],
    found: Found,
    done: threading.Event,
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            kind, _, rest = self.path.lstrip("/").partition("/")
            if self.path == "/task.json":
                self._send(json.dumps(task.__dict__).encode(), TYPES[".json"])
            elif kind == "picture":
                self._send(picture(int(rest)), None)
            elif self.path in files:
                self._send_file(files[self.path])
            elif kind in roots and (roots[kind] / rest).resolve().is_relative_to(roots[kind]):
                self._send_file(roots[kind] / rest)
            else:
                self.send_error(404)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            match self.path.lstrip("/").split("/"):
                case ["answer", runtime, number]:
                    values = np.frombuffer(body, np.float32)
                    found.answers.setdefault(runtime, {})[int(number)] = values
                case ["levels", number]:
                    found.levels[int(number)] = np.frombuffer(body, np.float32)
                case ["done"]:
                    found.times = json.loads(body)
                    done.set()
                case ["failed"]:
                    found.failure = body.decode()
                    done.set()
            self._send(b"", None)

        def _send_file(self, path: Path) -> None:
            if path.is_file():
                self._send(path.read_bytes(), TYPES.get(path.suffix))
            else:
                self.send_error(404)

        def _send(self, body: bytes, type: str | None) -> None:
            self.send_response(200)
            self.send_header("Content-Type", type or "application/octet-stream")
            self.send_header("Content-Length", str(len(body)))
            # Without these two a page gets no shared memory, and with that no threads.
            self.send_header("Cross-Origin-Opener-Policy", "same-origin")
            self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: the page's own words are what counts."""

    return Handler
