"""The load generator against small servers of the test's own."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve.bench_load import Load
from serve.bench_plan import Plan, is_same, percentile, read_plan
from serve.bench_reply import NoReplyError, Reply, read_reply

ANSWER = {"rank": "species", "species_id": "apple", "probability": 0.75}
REPLY = b"HTTP/1.1 200 OK\r\nContent-Type: x\r\nContent-Length: 5\r\n\r\nabcde"
CHUNKED = (
    b"HTTP/1.1 503 Busy\r\ntransfer-encoding: chunked\r\nConnection: close\r\n\r\n"
    b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"
)


@given(st.integers(0, len(REPLY) - 1), st.integers(0, len(CHUNKED) - 1))
def test_an_answer_is_none_until_its_last_byte_is_there(one: int, other: int) -> None:
    assert read_reply(REPLY[:one]) is None
    assert read_reply(CHUNKED[:other]) is None
    assert read_reply(REPLY) == Reply(200, b"abcde", closes=False)
    assert read_reply(CHUNKED) == Reply(503, b"abcde", closes=True)


def test_what_is_no_http_or_has_no_end_is_refused() -> None:
    with pytest.raises(NoReplyError, match="begins with b'SSH-2.0"):
        read_reply(b"SSH-2.0\r\n\r\n")
    with pytest.raises(NoReplyError, match="how long"):
        read_reply(b"HTTP/1.1 200 OK\r\nServer: x\r\n\r\nabc")


@pytest.mark.parametrize("field", ["seconds", "clients", "rate"])
@pytest.mark.parametrize("value", [0, 1e9])
def test_a_plan_has_bounds(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{field} is {value}; expected over 0 and at most"):
        Plan(**{"port": 1, "path": "/", "pictures": (), "clients": 1, "seconds": 1, field: value})


def test_a_plan_survives_its_json() -> None:
    plan = Plan(1, "/", ("a.jpg",), 2, 3.0, rate=4.0, expected=(ANSWER,))
    assert read_plan(plan.to_json()) == plan


def test_percentiles_are_values_that_were_seen() -> None:
    values = [float(n) for n in range(1, 201)]
    assert [percentile(values, p) for p in (50, 99, 100)] == [100, 198, 200]
    assert percentile([], 50) is None


def test_answers_are_the_same_within_the_order_of_sums() -> None:
    assert is_same({**ANSWER, "probability": 0.7501}, ANSWER)
    assert is_same({**ANSWER, "probability": None}, {**ANSWER, "probability": None})
    for other in (None, {}, {**ANSWER, "species_id": "fig"}, {**ANSWER, "probability": 0.8}):
        assert not is_same(other, ANSWER)
    assert not is_same({**ANSWER, "probability": None}, ANSWER)


class Answering(BaseHTTPRequestHandler):
    """200 with ANSWER to a body of `a`, another to `b`, 503 to `c`; of a `d` it hangs up."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if body == b"d":
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return
        answer = {"answer": ANSWER if body == b"a" else {**ANSWER, "rank": "not_sure"}}
        text = json.dumps(answer).encode()
        head = f"HTTP/1.1 {503 if body == b'c' else 200} X\r\nContent-Length: {len(text)}\r\n\r\n"
        self.wfile.write(head.encode() + text)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@contextmanager
def listening(handler: type[BaseHTTPRequestHandler] = Answering) -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.fixture
def pictures(tmp_path: Path) -> Callable[[str], tuple[str, ...]]:
    """pictures("ab") -> files whose bytes are "a" and "b"."""

    def write(letters: str) -> tuple[str, ...]:
        for letter in letters:
            (tmp_path / letter).write_text(letter)
        return tuple(str(tmp_path / letter) for letter in letters)

    return write


def carried_out(port: int, pictures: tuple[str, ...], **settings: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    settings = {"clients": 3, "seconds": 0.2, "warm_up_s": 0.05, **settings}
    Load(Plan(port, "/", pictures, **settings), rows.append).run()
    return rows


def test_clients_ask_again_when_they_have_their_answer(
    pictures: Callable[[str], tuple[str, ...]],
) -> None:
    with listening() as port:
        row, last = carried_out(port, pictures("abc"), expected=(ANSWER,) * 3)
    counts = row["statuses"]
    assert set(counts) == {"200", "503", "wrong"}
    assert counts["200"] > counts["wrong"]
    assert abs(counts["503"] - counts["wrong"]) <= 3
    assert 0 < row["p50_ms"] <= row["p99_ms"] <= row["max_ms"]
    assert 0 < row["cpu_s"] < 2 * row["seconds"]  # one thread, and what is beside the window
    assert last == {"answers": [ANSWER, {**ANSWER, "rank": "not_sure"}, None]}


def test_a_broken_connection_is_counted_and_opened_again(
    pictures: Callable[[str], tuple[str, ...]],
) -> None:
    with listening() as port:
        row, _ = carried_out(port, pictures("ad"), clients=1)
    assert set(row["statuses"]) == {"200", "lost"}
    assert abs(row["statuses"]["200"] - row["statuses"]["lost"]) <= 1


def test_a_rate_is_kept_whatever_comes_back(pictures: Callable[[str], tuple[str, ...]]) -> None:
    rows: list[dict[str, Any]] = []
    with listening() as port:
        plan = Plan(port, "/", pictures("ac"), 30, 0.2, 0.05, rate=100, report_s=0.1)
        (load := Load(plan, rows.append)).run()
    assert 0 < load.asked <= 25  # a slow machine sends some late, never more
    assert len(rows) >= 2
    assert set(rows[-1]) == {"answers"}


class Silent(Answering):
    """Takes requests, and answers when the test is over."""

    def do_POST(self) -> None:
        threading.Event().wait(1.0)
        super().do_POST()


def test_requests_for_which_no_connection_is_free_are_counted(
    pictures: Callable[[str], tuple[str, ...]],
) -> None:
    with listening(Silent) as port:
        row, last = carried_out(port, pictures("a"), rate=100, clients=2)
    assert set(row["statuses"]) == {"unsent"}
    assert last == {"answers": [ANSWER]}


def test_a_server_that_is_not_there_is_an_error(
    pictures: Callable[[str], tuple[str, ...]],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        carried_out(port, pictures("a"))
