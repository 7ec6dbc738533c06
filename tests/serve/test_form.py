from __future__ import annotations

import asyncio
import time

import pytest
from aiohttp import FormData, MultipartWriter
from hypothesis import given
from hypothesis import strategies as st

from serve.form import MAX_FIELDS, MAX_HEAD_BYTES, split_form

KIND = "multipart/form-data; boundary=b"


def field(name: str = "image", data: bytes = b"leaf") -> bytes:
    return b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (name.encode(), data)


def test_fields_come_in_their_order_with_every_byte() -> None:
    odd = bytes(range(256)) + b"\r\n--a\r\n\r\n--\r\n-b"
    body = field("image", odd) + field("note", b"") + field("image", b"\r\n") + b"--b--\r\n"
    expected = [("image", odd), ("note", b""), ("image", b"\r\n")]
    assert split_form(body, KIND) == expected
    assert split_form(bytearray(body), KIND) == expected


def test_what_stands_before_and_behind_the_fields_is_nothing() -> None:
    assert split_form(b"preamble\r\n\r\n" + field() + b"--b--\r\nepilogue", KIND) == [
        ("image", b"leaf")
    ]
    assert split_form(b"--b--", KIND) == []


def test_field_without_a_line_break_behind_its_head_is_empty() -> None:
    assert split_form(b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n--b--', KIND) == [
        ("x", b"")
    ]


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b'Content-Disposition: form-data; name="image"; filename="a.jpg"', "image"),
        (b'content-disposition: form-data; filename="a.jpg"; name=image', "image"),
        (b'Content-Type: image/jpeg\r\nContent-Disposition:form-data;name="image"', "image"),
        (b'Content-Disposition: form-data; name="\xc3\xa4"', "\u00e4"),
        (b'Content-Disposition: form-data; name="\xff"', "\ufffd"),
        (b'Content-Disposition: form-data; filename="image"', ""),
        (b"Content-Type: image/jpeg", ""),
    ],
)
def test_name_of_a_field(head: bytes, name: str) -> None:
    assert split_form(b"--b\r\n" + head + b"\r\n\r\nx\r\n--b--", KIND) == [(name, b"x")]


def test_head_of_a_field_may_be_empty() -> None:
    assert split_form(b"--b  \t\r\n\r\nx\r\n--b--", KIND) == [("", b"x")]


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"", "does not occur"),
        (b"leaf", "does not occur"),
        (b"--c\r\n\r\nx\r\n--c--", "does not occur"),
        (b"--b", "behind a boundary"),
        (b"--bx\r\n\r\nx\r\n--b--", "behind a boundary"),
        (b"--b\r\nContent-Type: x", "no end within"),
        (b"--b\r\nX: " + b"x" * MAX_HEAD_BYTES + b"\r\n\r\nx\r\n--b--", "no end within"),
        (field(), "before its last boundary"),
        (field() * (MAX_FIELDS + 1) + b"--b--", f"over {MAX_FIELDS} fields"),
        (b"--b\r\nContent-Type: multipart/mixed\r\n\r\nx\r\n--b--", "form in the form"),
    ],
)
def test_what_is_no_form_is_refused_with_what_is_wrong(body: bytes, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        split_form(body, KIND)


@pytest.mark.parametrize(
    "kind",
    [
        *[
            "multipart/form-data",
            "multipart/form-data; boundary=",
            'multipart/form-data; boundary=""',
        ],
        *["multipart/form-data; boundary=" + "b" * 71, "multipart/form-data; notboundary=b"],
    ],
)
def test_boundary_must_be_named(kind: str) -> None:
    with pytest.raises(ValueError, match="names no boundary"):
        split_form(field() + b"--b--", kind)


@pytest.mark.parametrize(
    "kind", ['multipart/form-data; boundary="b"', "multipart/form-data; charset=x; BOUNDARY=b; y=z"]
)
def test_boundary_may_be_in_quotes_and_anywhere(kind: str) -> None:
    assert split_form(field() + b"--b--", kind) == [("image", b"leaf")]


@given(st.lists(st.tuples(st.sampled_from(["image", "note"]), st.binary(max_size=99)), max_size=9))
def test_form_that_a_client_writes_is_read_back(fields: list[tuple[str, bytes]]) -> None:
    form = FormData(default_to_multipart=True)
    for name, data in fields:
        form.add_field(name, data, filename="leaf.jpg")
    written = form()
    assert isinstance(written, MultipartWriter)
    body = asyncio.run(written.as_bytes())
    assert split_form(body, written.content_type) == fields


@given(st.lists(st.sampled_from([b"--b", b"\r\n", b"--", b" ", b"x", b"name=", b'"', b";", b"\n"])))
def test_any_bytes_are_a_form_or_refused(parts: list[bytes]) -> None:
    try:
        fields = split_form(b"".join(parts), KIND)
    except ValueError:
        return
    assert len(fields) <= MAX_FIELDS


@pytest.mark.parametrize("piece", [b"\r\n", b"--b\r\n", b"\r\n--", b"\r\n--b\r\n\r\n", b"--b--"])
def test_large_form_of_small_pieces_is_refused_at_once(piece: bytes) -> None:
    body = b"--b\r\n" + piece * (8 * 2**20 // len(piece))
    started = time.process_time()
    with pytest.raises(ValueError):
        split_form(body, KIND)
    assert time.process_time() - started < 1
