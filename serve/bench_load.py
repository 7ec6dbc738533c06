"""Load for a server: many connections kept alive, from one thread of a process of its own.

In: a plan as JSON on standard input. Out: lines of JSON about what came back. It sends pictures as
bodies of POST requests to this machine alone. Little of the machine goes into asking, and how much
it was is in `cpu_s`. Standard library alone, Linux alone (epoll).

    python -P -m serve.bench_load < plan.json
"""

from __future__ import annotations

import json
import math
import select
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from serve.bench_plan import (
    HOST,
    LOST_S,
    Plan,
    Window,
    is_same,
    read_answer,
    read_plan,
    request,
)
from serve.bench_reply import NoReplyError, Reply, read_reply


@dataclass(eq=False)
class Connection:
    """One socket, and the request that is on its way."""

    sock: socket.socket

    picture: int | None = None
    """Position in the plan's pictures; None while nothing is asked."""

    unsent: memoryview = field(default_factory=lambda: memoryview(b""))
    waits_to_send: bool = False
    """Whether epoll shall say when the socket takes more of it."""

    received: bytearray = field(default_factory=bytearray)
    started: float = 0.0


class Load:
    """A plan, carried out."""

    def __init__(self, plan: Plan, say: Callable[[dict[str, Any]], None]) -> None:
        """`say` gets each line. Reads the pictures."""
        self.plan, self.say = plan, say
        self.requests = [memoryview(request(plan, Path(one).read_bytes())) for one in plan.pictures]
        self.epoll = select.epoll()
        self.connections: dict[int, Connection] = {}
        self.idle: list[Connection] = []
        self.asked = 0
        self.latest: list[bytes] = [b""] * len(plan.pictures)
        """The newest body of status 200 to each picture."""
        self.window = Window(time.monotonic())

    def run(self) -> None:
        """Warm up, ask for as long as planned, wait for the last answers, say what came."""
        plan = self.plan
        began = time.monotonic()
        if plan.rate is None:
            for _ in range(plan.clients):
                self._ask(self._connect())
        self._turn(began + plan.warm_up_s, began)
        started = time.monotonic()
        end = started + plan.seconds
        step = plan.report_s or plan.seconds
        for number in range(1, math.ceil(plan.seconds / step) + 1):
            self.window = Window(time.monotonic())
            self._turn(min(started + number * step, end), began)
            now = time.monotonic()
            self.say({"at_s": now - started, **self.window.to_json(now)})
        self.window = Window(end)  # what comes late is waited for, and not counted
        while len(self.idle) < len(self.connections) and time.monotonic() < end + LOST_S:
            self._receive(0.1, ask_again=False)
        for connection in self.connections.values():
            connection.sock.close()
        self.say({"answers": [read_answer(body) for body in self.latest]})

    def _turn(self, until: float, began: float) -> None:
        """Send and receive until then; `began` is when the first request was due."""
        checked = time.monotonic()
        while (now := time.monotonic()) < until:
            wait = until - now
            if self.plan.rate is not None:
                # As many as are due by now, so that a slow moment makes none of them fall out.
                for _ in range(int((now - began) * self.plan.rate) - self.asked):
                    self._ask_one_more()
                wait = min(wait, began + (self.asked + 1) / self.plan.rate - now)
            self._receive(max(0.0, wait), ask_again=self.plan.rate is None)
            if now > checked + 1:
                checked = now
                self._drop_lost(now)

    def _ask_one_more(self) -> None:
        """One request of a rate, over a free connection or a new one."""
        if self.idle:
            self._ask(self.idle.pop())
        elif len(self.connections) < self.plan.clients:
            self._ask(self._connect())
        else:
            self.asked += 1
            self.window.statuses["unsent"] += 1

    def _connect(self) -> Connection:
        sock = socket.create_connection((HOST, self.plan.port), timeout=LOST_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setblocking(False)
        connection = Connection(sock)
        self.connections[sock.fileno()] = connection
        self.epoll.register(sock, select.EPOLLIN)
        return connection

    def _ask(self, connection: Connection) -> None:
        connection.picture = self.asked % len(self.requests)
        self.asked += 1
        connection.unsent = self.requests[connection.picture]
        connection.started = time.monotonic()
        self._send(connection)

    def _send(self, connection: Connection) -> None:
        """As much as the socket takes; the rest when it has room."""
        try:
            connection.unsent = connection.unsent[connection.sock.send(connection.unsent) :]
        except BlockingIOError:
            pass
        except OSError:
            return  # closed by the server; epoll tells of it, as of an answer before that
        if bool(connection.unsent) != connection.waits_to_send:
            connection.waits_to_send = bool(connection.unsent)
            wanted = select.EPOLLIN | (select.EPOLLOUT if connection.unsent else 0)
            self.epoll.modify(connection.sock, wanted)

    def _receive(self, wait_s: float, *, ask_again: bool) -> None:
        """What has come within `wait_s`."""
        for number, event in self.epoll.poll(wait_s):
            connection = self.connections[number]
            if event & select.EPOLLOUT:
                self._send(connection)
            if event & ~select.EPOLLOUT:
                self._read(connection, ask_again)

    def _read(self, connection: Connection, ask_again: bool) -> None:
        try:
            data = connection.sock.recv(2**18)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        connection.received += data
        reply = read_reply(connection.received) if data else None
        if reply is None and data:
            return
        if reply is not None:
            self._note(connection, reply)
        elif connection.picture is not None:
            self.window.statuses["lost"] += 1
        if reply is None or reply.closes or connection.unsent:
            self._close(connection)
            if ask_again:
                self._ask(self._connect())
            return
        connection.picture, connection.received = None, bytearray()
        if ask_again:
            self._ask(connection)
        else:
            self.idle.append(connection)

    def _note(self, connection: Connection, reply: Reply) -> None:
        """Count one answer."""
        assert connection.picture is not None  # a server that speaks unasked is none of these
        self.window.statuses[str(reply.status)] += 1
        if reply.status != 200:
            return
        self.window.waits_ms.append(1000 * (time.monotonic() - connection.started))
        self.latest[connection.picture] = reply.body
        expected = self.plan.expected
        if expected and not is_same(read_answer(reply.body), expected[connection.picture]):
            self.window.statuses["wrong"] += 1

    def _drop_lost(self, now: float) -> None:
        for connection in list(self.connections.values()):
            if connection.picture is not None and now > connection.started + LOST_S:
                self.window.statuses["lost"] += 1
                self._close(connection)
                if self.plan.rate is None:
                    self._ask(self._connect())

    def _close(self, connection: Connection) -> None:
        del self.connections[connection.sock.fileno()]
        if connection in self.idle:
            self.idle.remove(connection)
        connection.sock.close()  # epoll forgets it


def main() -> int:
    """The plan from standard input; 1 if the server cannot be asked."""
    load = Load(read_plan(sys.stdin.read()), lambda row: print(json.dumps(row), flush=True))
    try:
        load.run()
    except (ConnectionError, TimeoutError, NoReplyError) as error:
        print(f"cannot ask port {load.plan.port}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
