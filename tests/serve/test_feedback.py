"""POST /api/feedback: what is kept, what is never kept, and every refusal."""

from __future__ import annotations

import asyncio
import errno
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiohttp import FormData
from aiohttp.test_utils import TestClient
from asking import ask, post, refusal
from PIL import ExifTags, Image
from two_plants import RUST, picture

from serve.feedback import FEEDBACK, MAX_TAKEN
from serve.inbox import Inbox
from serve.model import Model
from serve.options import Options
from serve.upload import Limits
from shards.decode import decode_image
from shards.inbox_tar import Entry, read_entries
from shards.inbox_tar import read_picture as read_kept

PATH = "/api/feedback"
MODEL = {"name": "two-plants", "version": "2026-01-31T12:00:00Z", "sha256": "0a" * 32}
NODE = {"rank": "species", "species_id": "apple", "condition_id": None, "probability": 0.5}
GIVEN = {
    "request_id": "0123456789abcdef",
    "predicted": NODE,
    "model": MODEL,
    "source": "server",
    "correct": {"species_id": "tomato", "condition_id": "early_blight"},
    "consent": True,
    "note": "in  a\npot",
}


def send(
    model: Model, lake: Path | None, data: Any, limits: Limits | None = None, **headers: str
) -> Any:
    """(status, JSON); a dict is sent as JSON."""
    if isinstance(data, dict):
        data, headers = json.dumps(data), {"Content_Type": "application/json", **headers}
    return post(model, data, PATH, limits, Options(inbox=lake), **headers)


def with_picture(given: Any, image: bytes, names: tuple[str, ...] = ("feedback", "image")) -> Any:
    form = FormData()
    fields = {"feedback": json.dumps(given), "image": image}
    for name in names:
        form.add_field(name, fields.get(name, b"x"), filename="home.jpg")
    return form


def kept(lake: Path) -> list[Entry]:
    return list(read_entries(lake / "inbox"))


def test_a_correction_is_kept_as_it_was_said_and_nothing_of_who_said_it(
    model: Model, tmp_path: Path
) -> None:
    status, row = send(model, tmp_path, GIVEN, User_Agent="Home/1.0")
    assert (status, sorted(row)) == (201, ["feedback_id", "picture_kept"])
    (entry,) = kept(tmp_path)
    assert (entry.key, entry.picture, row["picture_kept"]) == (row["feedback_id"], None, False)
    assert re.fullmatch("[0-9a-f]{12}", entry.row["sender"])
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", entry.row["received"])
    assert entry.row == {
        **GIVEN,
        "feedback_id": row["feedback_id"],
        "received": entry.row["received"],
        "sender": entry.row["sender"],
        "correct": {**GIVEN["correct"], "other": None},
        "note": "in a pot",
    }
    everything = b"".join(path.read_bytes() for path in (tmp_path / "inbox").iterdir())
    assert not re.search(rb"127\.0\.0\.1|Home", everything)


def photograph() -> bytes:
    """2,600x2,400 on its side, with place, camera, a thumbnail and a film behind it."""
    scene = Image.new("RGB", (2600, 2400), RUST)
    scene.paste((200, 10, 10), (0, 0, 1300, 2400))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.Base.Model] = "My own camera"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (52.0, 31.0, 12.0)
    out = io.BytesIO()
    scene.save(out, "JPEG", exif=exif, comment=b"by me")
    return out.getvalue() + b"film"


def test_of_a_picture_the_pixels_are_kept_and_nothing_else(model: Model, tmp_path: Path) -> None:
    status, row = send(model, tmp_path, with_picture(GIVEN, photograph()))
    assert (status, row["picture_kept"]) == (201, True)
    (entry,) = kept(tmp_path)
    data = read_kept(entry.path)
    assert data is not None
    with Image.open(io.BytesIO(data)) as image:
        assert (image.format, dict(image.getexif()), image.info.get("comment")) == (
            "JPEG",
            {},
            None,
        )
    assert not re.search(rb"Exif|camera|by me|film|home\.jpg", data)
    # Upright, and divided by two.
    image = decode_image(data)
    assert image.shape == (1300, 1200, 3)
    assert np.abs(image[100, 600].astype(int) - (200, 10, 10)).max() < 4
    assert np.abs(image[1200, 600].astype(int) - RUST).max() < 4


def test_a_large_png_is_made_smaller_too(model: Model, tmp_path: Path) -> None:
    send(model, tmp_path, with_picture(GIVEN, picture(RUST, "PNG", (3100, 2060))))
    (entry,) = kept(tmp_path)
    assert decode_image(read_kept(entry.path) or b"").shape == (1030, 1550, 3)


def test_without_consent_the_picture_is_not_kept(model: Model, tmp_path: Path) -> None:
    form = with_picture({**GIVEN, "consent": False}, picture(RUST), ("image", "feedback"))
    assert send(model, tmp_path, form)[1]["picture_kept"] is False
    assert [entry.picture for entry in kept(tmp_path)] == [None]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"correct": {"other": " Quince  tree "}}, {"other": "Quince tree"}),
        ({"correct": {"species_id": "tomato"}}, {"species_id": "tomato"}),
        ({"correct": {"species_id": "no_plant", "other": ""}}, {"species_id": "no_plant"}),
        ({"note": None, "request_id": None, "source": "browser"}, GIVEN["correct"]),
        # The whole of `answer` and `model`, as they came.
        ({"predicted": {**NODE, "species": "Apple", "condition": None}}, GIVEN["correct"]),
        ({"model": {**MODEL, "file": "server.int8.onnx"}}, GIVEN["correct"]),
        ({"predicted": {"rank": "not_a_plant"}}, GIVEN["correct"]),
        ({"predicted": {**NODE, "probability": 1.0000002}}, GIVEN["correct"]),
    ],
)
def test_what_else_can_be_said(model: Model, tmp_path: Path, changed: Any, said: Any) -> None:
    assert send(model, tmp_path, {**GIVEN, **changed})[0] == 201
    (entry,) = kept(tmp_path)
    assert entry.row["correct"] == dict.fromkeys(("species_id", "condition_id", "other")) | said


@pytest.mark.parametrize(
    ("changed", "names"),
    [
        ({"consent": "yes"}, "consent"),
        ({"source": "phone"}, "source"),
        ({"request_id": "../../etc/passwd"}, "request_id"),
        ({"note": "x" * 501}, "note"),
        ({"note": "\ud800"}, "note"),
        ({"note": "\x00"}, "note"),
        ({"note": ["a"]}, "note"),
        ({"extra": 1}, "extra"),
        ({"model": {**MODEL, "sha256": "0"}}, "model.sha256"),
        ({"model": {"name": "a", "version": "b"}}, "sha256"),
        ({"model": None}, "model"),
        ({"predicted": {**NODE, "rank": "tree"}}, "rank"),
        ({"predicted": {**NODE, "rank": []}}, "rank"),
        ({"predicted": {**NODE, "probability": 1.1}}, "probability"),
        ({"predicted": {**NODE, "probability": float("nan")}}, "probability"),
        ({"predicted": {**NODE, "probability": True}}, "probability"),
        ({"predicted": {**NODE, "species_id": "A B"}}, "predicted.species_id"),
        ({"correct": {"species_id": "pear", "condition_id": None}}, "species_id"),
        ({"correct": {"species_id": [], "condition_id": None}}, "species_id"),
        ({"correct": {"species_id": "tomato", "condition_id": "cedar_apple_rust"}}, "condition"),
        ({"correct": {"species_id": "tomato", "condition_id": ["a"]}}, "condition_id"),
        ({"correct": {"species_id": "tomato", "other": "Quince"}}, "other"),
        ({"correct": {"other": "x" * 81}}, "other"),
        ({"correct": {}}, "species_id"),
        ({"correct": "tomato"}, "correct"),
    ],
)
def test_a_correction_that_makes_no_sense_is_refused_by_name(
    model: Model, tmp_path: Path, changed: Any, names: str
) -> None:
    found = send(model, tmp_path, {**GIVEN, **changed})
    assert refusal(found) == (400, "bad_feedback")
    assert names in found[1]["error"]["message"]
    assert kept(tmp_path) == []


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff", b"[" * 9_000, b'{"a": 1}'])
def test_a_body_that_is_no_correction_is_refused(model: Model, tmp_path: Path, data: bytes) -> None:
    found = send(model, tmp_path, data, Content_Type="application/json")
    assert refusal(found) == (400, "bad_feedback")


def test_every_other_refusal(model: Model, tmp_path: Path) -> None:
    good = json.dumps(GIVEN).encode()
    json_type = {"Content_Type": "application/json"}
    seen = {
        "off": send(model, None, GIVEN),
        "type": send(model, tmp_path, good, Content_Type="text/plain"),
        "long": send(model, tmp_path, b" " * 20_000 + good, **json_type),
        "packed": send(model, tmp_path, good, **json_type, Content_Encoding="gzip"),
        "no field": send(model, tmp_path, with_picture(GIVEN, picture(RUST), ("image",))),
        "other field": send(model, tmp_path, with_picture(GIVEN, b"", ("feedback", "more"))),
        "twice": send(model, tmp_path, with_picture(GIVEN, b"", ("feedback", "feedback"))),
        "long field": send(model, tmp_path, with_picture({**GIVEN, "note": "x" * 20_000}, b"")),
        "no form": send(model, tmp_path, b"x", Content_Type="multipart/form-data; boundary=b"),
        "text": send(model, tmp_path, with_picture(GIVEN, b"this is text")),
        "empty": send(model, tmp_path, with_picture(GIVEN, b"")),
        "large": send(
            model, tmp_path, with_picture(GIVEN, bytes(2_000)), Limits(image_bytes=1_000)
        ),
    }
    assert {name: refusal(found) for name, found in seen.items()} == {
        "off": (404, "feedback_off"),
        "type": (415, "not_json"),
        "long": (413, "too_large"),
        "packed": (415, "encoded_body"),
        "no field": (400, "bad_feedback"),
        "other field": (400, "bad_feedback"),
        "twice": (400, "bad_feedback"),
        "long field": (413, "too_large"),
        "no form": (400, "bad_feedback"),
        "text": (415, "not_an_image"),
        "empty": (400, "empty"),
        "large": (413, "too_large"),
    }
    assert kept(tmp_path) == []


def test_a_correction_that_comes_too_slowly_is_given_up(model: Model, tmp_path: Path) -> None:
    async def slowly() -> Any:
        yield b"{"
        await asyncio.sleep(0.3)
        yield b"}"

    found = send(model, tmp_path, slowly(), Limits(upload_s=0.1), Content_Type="application/json")
    assert refusal(found) == (408, "too_slow")


def test_beyond_what_can_be_written_the_next_one_is_told_when_to_come(
    model: Model, tmp_path: Path
) -> None:
    async def body(client: TestClient) -> Any:
        client.app[FEEDBACK].taken = MAX_TAKEN
        response = await client.post(PATH, json=GIVEN)
        return response.status, await response.json(), response.headers["Retry-After"]

    *found, after = ask(model, body, options=Options(inbox=tmp_path))
    assert (refusal((found[0], found[1])), after) == ((503, "busy"), "1")


def test_a_disk_that_fails_is_said_and_the_server_goes_on(
    model: Model, tmp_path: Path, monkeypatch, caplog
) -> None:
    fails = True
    real = Inbox.add

    async def add(self: Inbox, *args: Any) -> None:
        if fails:
            raise OSError(errno.ENOSPC, "No space left on device")
        await real(self, *args)

    monkeypatch.setattr(Inbox, "add", add)

    async def body(client: TestClient) -> Any:
        nonlocal fails
        first = await client.post(PATH, json=GIVEN)
        refused = first.status, await first.json()
        fails = False
        return refused, (await client.post(PATH, json=GIVEN)).status

    refused, status = ask(model, body, options=Options(inbox=tmp_path))
    assert (refusal(refused), status) == ((507, "not_kept"), 201)
    assert "No space left on device" not in refused[1]["error"]["message"]
    assert "No space left on device" in caplog.text
    assert len(kept(tmp_path)) == 1


def test_many_corrections_at_once_are_all_kept(model: Model, tmp_path: Path) -> None:
    async def body(client: TestClient) -> set[str]:
        async def one(number: int) -> str:
            data: Any = {"json": GIVEN} if number % 2 else {"data": with_picture(GIVEN, IMAGE)}
            response = await client.post(PATH, **data)
            assert response.status == 201
            return str((await response.json())["feedback_id"])

        return set(await asyncio.gather(*(one(number) for number in range(40))))

    acknowledged = ask(model, body, options=Options(inbox=tmp_path))
    assert len(acknowledged) == 40
    assert {entry.key for entry in kept(tmp_path)} == acknowledged


IMAGE = picture(RUST)
