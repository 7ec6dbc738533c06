"""The fields of a form that was sent as multipart/form-data (RFC 7578, by the syntax of RFC 2046).

In: a whole body, which somebody else has limited, and its Content-Type. Out: names and bytes, or
ValueError. The body is searched for its boundary and never walked line by line: 32 MiB of empty
lines or of empty fields cost no more time than a photograph.
"""

from __future__ import annotations

import re

MAX_FIELDS = 32
"""Several pictures, and what a page sends beside them."""

MAX_HEAD_BYTES = 8 * 2**10
"""Of one field. Browsers need a tenth, of which most is the name of a file."""

BOUNDARY = re.compile(r';\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))\s*(?:;|$)', re.IGNORECASE)
NAME = re.compile(
    rb'^content-disposition:[^\r\n]*?;[ \t]*name=(?:"([^"\r\n]*)"|([^\s;"]+))',
    re.IGNORECASE | re.MULTILINE,
)
NESTED = re.compile(rb"^content-type:[ \t]*multipart/", re.IGNORECASE | re.MULTILINE)

LINE = b"\r\n"
END = b"--"


def split_form(body: bytes | bytearray, content_type: str) -> list[tuple[str, bytes]]:
    """(name, data) of every field, in their order; a field without a name has the name "".

    Raises ValueError, which says what is wrong, if `body` is no form.
    """
    delimiter = b"--" + read_boundary(content_type)
    at = _first(body, delimiter)
    fields: list[tuple[str, bytes]] = []
    while body[at : at + 2] != END:
        if len(fields) == MAX_FIELDS:
            raise ValueError(f"it has over {MAX_FIELDS} fields")
        line_end = body.find(LINE, at, at + MAX_HEAD_BYTES)
        if line_end < 0 or bytes(body[at:line_end]).strip(b" \t"):
            raise ValueError("there is something else behind a boundary")
        head_end = body.find(LINE + LINE, line_end, line_end + MAX_HEAD_BYTES)
        if head_end < 0:
            raise ValueError(f"the head of a field has no end within {MAX_HEAD_BYTES} bytes")
        # From the second line break of the head on, as the one of an empty field is both.
        end = body.find(LINE + delimiter, head_end + len(LINE))
        if end < 0:
            raise ValueError("it ends before its last boundary")
        start = min(head_end + len(LINE + LINE), end)
        name = read_name(bytes(body[line_end + len(LINE) : head_end + len(LINE)]))
        fields.append((name, bytes(memoryview(body)[start:end])))
        at = end + len(LINE + delimiter)
    return fields


def read_boundary(content_type: str) -> bytes:
    """What the Content-Type says that fields are divided by."""
    found = BOUNDARY.search(content_type)
    if found is None:
        raise ValueError("its Content-Type names no boundary of at most 70 letters")
    return (found[1] or found[2]).encode("utf-8", "surrogateescape")


def read_name(head: bytes) -> str:
    """The name of a field by its head."""
    if NESTED.search(head):
        raise ValueError("there is a form in the form")
    found = NAME.search(head)
    return (found[1] or found[2] or b"").decode("utf-8", "replace") if found else ""


def _first(body: bytes | bytearray, delimiter: bytes) -> int:
    """Where the first delimiter ends. What stands before it is for old readers of mail."""
    if body.startswith(delimiter):
        return len(delimiter)
    found = body.find(LINE + delimiter)
    if found < 0:
        raise ValueError("its boundary does not occur in it")
    return found + len(LINE + delimiter)
