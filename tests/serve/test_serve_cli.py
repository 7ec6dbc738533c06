"""The real `leaflake serve` as a process of its own, and every way to ask it."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from two_plants import BETWEEN_RUST_AND_HEALTHY, GREY, RUST, SKY, TREE, picture

from shards.decode import decode_image

ROOT = Path(__file__).parents[2]
COLOURS = [RUST, BETWEEN_RUST_AND_HEALTHY, SKY, GREY]
LEAFLAKE = [sys.executable, "-m", "leaflake"]


def start(bundle: Path, *args: str) -> tuple[subprocess.Popen[str], str]:
    """The process and the URL that it prints when it is ready."""
    command = [*LEAFLAKE, "serve", str(bundle), "--port", "0", *args]
    server = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert server.stdout
    line = server.stdout.readline()
    assert line.startswith("Leaflake serves two-plants at http://127.0.0.1:"), line
    return server, line.split()[-1]


@pytest.fixture(scope="module")
def url(bundle: Path) -> Iterator[str]:
    server, url = start(bundle)
    yield url
    server.terminate()
    out, err = server.communicate(timeout=10)
    assert (server.returncode, out, "Traceback" in err) == (0, "", False)


def upload(url: str, data: bytes, kind: str = "application/octet-stream") -> Any:
    request = urllib.request.Request(f"{url}api/predict?top=50", data, {"Content-Type": kind})
    with urllib.request.urlopen(request) as response:
        return json.load(response)


def multipart(data: bytes) -> bytes:
    head = b'--b\r\nContent-Disposition: form-data; name="image"; filename="leaf.jpg"\r\n\r\n'
    return head + data + b"\r\n--b--\r\n"


def classify(*args: str) -> list[Any]:
    command = [*LEAFLAKE, "classify", "--json", "--top", "50", *args]
    out = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [json.loads(line) for line in out.splitlines()]


def by_hand(bundle: Path, data: bytes) -> dict[tuple[str, str], float]:
    """(species, condition) -> probability, with nothing of serve/."""
    session = onnxruntime.InferenceSession(str(bundle / "server.fp32.onnx"))
    (joint,) = session.run(["joint_log_probs"], {"image": decode_image(data)})
    names = [
        (species["species_id"], condition["condition_id"])
        for species in TREE["species"]
        for condition in species["conditions"]
    ]
    return dict(zip(names, np.exp(joint).tolist(), strict=True))


def by_class(row: Any) -> dict[tuple[str, str], float]:
    return {
        (one["species_id"], one["condition_id"]): one["probability"] for one in row["conditions"]
    }


def test_every_way_to_ask_gives_the_same_probabilities(
    bundle: Path, url: str, tmp_path: Path
) -> None:
    paths = [tmp_path / f"{number}.jpg" for number in range(len(COLOURS))]
    for path, colour in zip(paths, COLOURS, strict=True):
        path.write_bytes(picture(colour))
    here = classify("--bundle", str(bundle), "--image", str(tmp_path))
    there = classify("--server", url, "--image", str(tmp_path))
    assert [row["answer"]["rank"] for row in here] == [
        "condition",
        "species",
        "not_a_plant",
        "not_sure",
    ]
    for path, row, row_there in zip(paths, here, there, strict=True):
        data = path.read_bytes()
        raw = upload(url, data)
        form = upload(url, multipart(data), "multipart/form-data; boundary=b")
        expected = by_hand(bundle, data)
        for other in (row, row_there, raw, form):
            assert other["answer"]["rank"] == row["answer"]["rank"]
            assert by_class(other) == pytest.approx(expected, abs=1e-6)


def test_rows_from_a_server_have_the_same_keys_as_from_a_bundle(bundle: Path, url: str) -> None:
    def row(*where: str) -> Any:
        command = [*LEAFLAKE, "classify", "--json", *where]
        done = subprocess.run(command, cwd=ROOT, input=picture(RUST), capture_output=True)
        return json.loads(done.stdout)

    assert list(row("--server", url)) == list(row("--bundle", str(bundle)))


def test_bad_picture_sent_to_a_server_is_refused_as_it_is_here(
    bundle: Path, url: str, tmp_path: Path
) -> None:
    (tmp_path / "text.jpg").write_text("this is text")
    (tmp_path / "cut.jpg").write_bytes(picture(RUST)[:-20])
    (tmp_path / "none.jpg").write_bytes(b"")
    said = []
    for where in (["--server", url], ["--bundle", str(bundle)]):
        one = [*LEAFLAKE, "classify", *where, "--image", str(tmp_path / "text.jpg")]
        done = subprocess.run(one, cwd=ROOT, capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (2, "")
        all_three = [*LEAFLAKE, "classify", *where, "--json", "--image", str(tmp_path)]
        rows = subprocess.run(all_three, cwd=ROOT, capture_output=True, text=True)
        assert (rows.returncode, rows.stderr) == (1, "")
        said.append((done.stderr, rows.stdout))
    assert said[0] == said[1]
    assert "text.jpg: the content is not a picture. Name a JPEG" in said[0][0]
    assert [json.loads(line)["error"]["code"] for line in said[0][1].splitlines()] == [
        "truncated",
        "empty",
        "not_an_image",
    ]


def test_url_of_something_else_is_refused(url: str) -> None:
    command = [*LEAFLAKE, "classify", "--server", f"{url}elsewhere"]
    done = subprocess.run(command, cwd=ROOT, input=picture(RUST), capture_output=True)
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"HTTP 404" in done.stderr


def test_busy_port_is_refused_with_what_to_do(bundle: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [*LEAFLAKE, "serve", str(bundle), "--port", port]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"cannot listen on 127.0.0.1, port {port}" in done.stderr
    assert "--port" in done.stderr


def test_changed_bundle_is_not_served(new_bundle: Callable[..., Path]) -> None:
    bundle = new_bundle()
    with (bundle / "server.fp32.onnx").open("ab") as file:
        file.write(b"x")
    command = [*LEAFLAKE, "serve", str(bundle)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stdout) == (2, "")
    assert "server.fp32.onnx" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_lets_the_picture_in_hand_be_answered(bundle: Path, number: int) -> None:
    server, url = start(bundle)
    data = picture(RUST)
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=10)
    connection.putrequest("POST", "/api/predict")
    connection.putheader("Content-Length", str(len(data)))
    connection.endheaders(data[:100])
    time.sleep(0.3)
    server.send_signal(number)
    time.sleep(0.3)
    connection.send(data[100:])
    response = connection.getresponse()
    assert (response.status, json.load(response)["answer"]["rank"]) == (200, "condition")
    connection.close()
    assert server.wait(timeout=10) == 0


def test_open_connection_without_a_request_does_not_hold_up_a_stop(bundle: Path) -> None:
    server, url = start(bundle)
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=10)
    connection.request("GET", "/health/ready")
    assert json.load(connection.getresponse()) == {"status": "ready"}
    server.terminate()
    assert server.wait(timeout=5) == 0
    connection.close()


def test_idle_server_ends_by_itself_after_its_last_request(bundle: Path) -> None:
    server, url = start(bundle, "--idle-stop-s", "2")
    for _ in range(3):
        time.sleep(0.8)  # 2.4 s in all: each request starts the count anew
        assert upload(url, picture(RUST))["answer"]["rank"] == "condition"
    started = time.monotonic()
    assert server.wait(timeout=10) == 0
    assert time.monotonic() - started > 0.5
