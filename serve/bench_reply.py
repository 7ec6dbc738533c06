"""Where an answer of HTTP ends. In: the bytes received so far. Out: a Reply, once it is whole.

Standard library alone, and no more than a bench of servers needs: RFC 9112, section 6.3.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
CLOSE = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)
LAST_CHUNK = b"\r\n0\r\n\r\n"


class NoReplyError(Exception):
    """The other side speaks something else."""


@dataclass(frozen=True)
class Reply:
    """One answer, whole."""

    status: int

    body: bytes

    closes: bool
    """Whether the server ends the connection with it."""


def read_reply(data: bytes | bytearray) -> Reply | None:
    """The answer that `data` holds; None if its end is missing.

    Raises NoReplyError if it is not HTTP/1, or does not say where it ends.
    """
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = bytes(data[: end + 2])
    if not head.startswith(b"HTTP/1."):
        raise NoReplyError(f"an answer begins with {head[:40]!r}")
    closes = bool(CLOSE.search(head))
    if found := LENGTH.search(head):
        stop = end + 4 + int(found[1])
        whole = len(data) >= stop
        return Reply(int(head[9:12]), bytes(data[end + 4 : stop]), closes) if whole else None
    if not CHUNKED.search(head):
        raise NoReplyError(f"an answer does not say how long it is: {head[:200]!r}")
    if not data.endswith(LAST_CHUNK, end + 2):
        return None
    return Reply(int(head[9:12]), join_chunks(bytes(data[end + 4 :])), closes)


def join_chunks(body: bytes) -> bytes:
    """The content of a chunked body (RFC 9112, section 7.1), extensions of chunks left out."""
    parts: list[bytes] = []
    at = 0
    while True:
        line_end = body.index(b"\r\n", at)
        size = int(body[at:line_end].partition(b";")[0], 16)
        if size == 0:
            return b"".join(parts)
        parts.append(body[line_end + 2 : line_end + 2 + size])
        at = line_end + 2 + size + 2
