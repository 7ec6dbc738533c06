"""An inbox as a source: what people said becomes rows and samples, and nothing else of the lake."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from catalog.lake import open_lake
from catalog.storage import read_ranges
from ingest.inbox import scan_inbox
from ingest.run import Ingested, ingest
from ingest.scan import scan
from leaflake import main
from serve.correction import Correction, Said
from serve.feedback import make_row
from serve.inbox import Inbox
from shards.decode import decode_image
from shards.inbox_tar import read_entries, read_picture
from shards.tar_member import member_bytes

MODEL = {"name": "cpu-1", "version": "2026-01-31T12:00:00+00:00", "sha256": "0" * 64}
PREDICTED = {"rank": "species", "species_id": "tomato", "condition_id": None, "probability": 0.75}
BLIGHT = Said("tomato", "late_blight", None)
CORRECTION = Correction(None, "server", MODEL, PREDICTED, BLIGHT, True, None)


@pytest.fixture
def lake(tmp_path) -> Path:
    (tmp_path / "lake").mkdir()
    return tmp_path / "lake"


def send(lake: Path, *sent: tuple[str, Said, str | None, bytes | None]) -> None:
    """Put (key, what is said, sender, picture) into the inbox of a lake."""

    async def run() -> None:
        inbox = Inbox(lake)
        for key, said, sender, jpeg in sent:
            row = make_row(key, replace(CORRECTION, correct=said), sender)
            await inbox.add(key, {**row, "received": "2026-02-01T10:00:00+00:00"}, jpeg)
        await inbox.close()

    asyncio.run(run())


def ask(lake: Path, query: str) -> list[tuple[Any, ...]]:
    with open_lake(lake) as opened:
        return opened.connection.sql(query).fetchall()


def test_a_correction_becomes_a_sample_with_what_was_said_and_by_whom(lake, draw, encode) -> None:
    picture = encode(draw(1))
    send(lake, ("ab12", BLIGHT, "f00d", picture))
    done = ingest([lake / "inbox"], lake)
    assert (done.files, done.shards, done.corrections) == (1, 1, 1)
    tar = next((lake / "inbox").glob("*.tar"))
    path = f"{tar}/ab12.jpg"
    labels = 'dataset, folder, species, "condition", status, source, source_path, source_bytes'
    assert ask(lake, f"SELECT {labels} FROM samples") == [
        ("inbox", "tomato/late_blight", "tomato", "late_blight", "ok", "sender:f00d", path)
        + (len(picture),)
    ]
    assert ask(lake, "SELECT * REPLACE (received::VARCHAR AS received) FROM feedback") == [
        ("ab12", "2026-02-01 10:00:00", "f00d", None, "server", "cpu-1")
        + (MODEL["version"], MODEL["sha256"], "species", "tomato", None, 0.75)
        + ("tomato", "late_blight", None, None, path)
    ]
    assert ask(lake, "SELECT rule, confidence, sure FROM folders") == [("said", 1.0, True)]
    with open_lake(lake) as opened:
        row = opened.connection.sql('SELECT shard, "offset", length FROM samples').fetchone()
        stored = opened.shard_path(row[0]).read_bytes()[row[1] :][: row[2]]
    assert stored == picture


def test_only_what_came_since_is_taken_in_the_next_time(lake, draw, encode, capsys) -> None:
    command = ["ingest", str(lake / "inbox"), "--lake", str(lake), "--workers", "1"]
    send(lake, ("a", BLIGHT, None, encode(draw(1))), ("b", BLIGHT, None, None))
    assert ingest([lake / "inbox"], lake) == Ingested(1, 1, 2, corrections=2)
    assert main(command) == 0
    assert capsys.readouterr().out.splitlines()[0] == "nothing new; the lake is at snapshot 2"
    send(lake, ("c", BLIGHT, None, None), ("d", Said(None, None, None), None, None))
    assert main(command) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "no new file; snapshot 3"
    assert said[-3:-1] == [
        "1 new correction: leaflake sql 'from corrections'",
        "passed over: 1 damaged correction",
    ]
    assert ask(lake, "SELECT feedback_id, source_path IS NULL FROM feedback ORDER BY ALL") == [
        ("a", False),
        ("b", True),
        ("c", True),
    ]


def test_what_is_said_is_the_label_and_other_words_are_read_like_a_folders_name(
    lake, draw, encode
) -> None:
    said = [
        Said("tomato", None, None),
        Said("no_plant", None, None),
        Said("a_new_plant", "mites", None),
        Said(None, None, "apple / scab"),
        Said(None, None, "that weed"),
    ]
    send(
        lake,
        *((f"{i}", one, None, encode(draw(i))) for i, one in enumerate(said)),
        ("bad", BLIGHT, None, b"no picture"),
    )
    ingest([lake / "inbox"], lake)
    assert ask(
        lake,
        "SELECT folder, samples.species, samples.condition, sure FROM samples JOIN folders "
        "USING (dataset, folder) ORDER BY source_path",
    ) == [
        ("tomato/", "tomato", None, True),
        ("no_plant/background", "no_plant", "background", True),
        ("a_new_plant/mites", "a_new_plant", "mites", True),
        ("apple   scab", "apple", "scab", True),
        ("that weed", None, None, False),
    ]
    assert ask(lake, "SELECT dataset, folder, reason FROM rejections") == [
        ("inbox", "tomato/late_blight", "not_an_image")
    ]
    assert ask(lake, "SELECT count(*) FROM feedback") == [(6,)]


def test_an_inbox_without_a_correction_has_no_class(lake) -> None:
    send(lake)
    found = scan([lake / "inbox"])
    assert (found.folders, found.files.num_rows, found.feedback.num_rows) == ((), 0, 0)


def test_a_picture_that_the_lake_has_keeps_its_label_there_and_here(
    lake, tmp_path, write, dozen
) -> None:
    """Whoever sends the lake's own pictures back under a wrong name takes none of them out."""
    ingest([write(tmp_path / "leaves", dozen)], lake)
    healthy = dozen["Tomato___healthy/ant.jpg"]
    send(lake, ("a", BLIGHT, "f00d", healthy))
    ingest([lake / "inbox"], lake)
    assert ask(lake, "SELECT count(*) FROM conflicts") == [(0,)]
    assert ask(
        lake, "SELECT \"condition\", status FROM samples WHERE source_path LIKE '%/a.jpg'"
    ) == [("healthy", "ok")]
    assert ask(lake, 'SELECT said_condition, "condition", stands FROM corrections') == [
        ("late_blight", "healthy", False)
    ]
    assert ask(lake, "SELECT sender, corrections, stand, overruled FROM senders") == [
        ("f00d", 1, 0, 1)
    ]


def test_a_tar_that_was_copied_counts_once(lake) -> None:
    send(lake, ("a", BLIGHT, None, b"picture"))
    tar = next((lake / "inbox").glob("*.tar"))
    (lake / "inbox/copy.tar").write_bytes(tar.read_bytes())
    inbox = scan_inbox(lake / "inbox")
    assert (inbox.feedback.num_rows, inbox.classes[0].files.num_rows) == (1, 1)


def test_a_folder_called_like_a_tar_is_a_folder(tmp_path) -> None:
    (tmp_path / "leaves.tar/rust").mkdir(parents=True)
    (tmp_path / "leaves.tar/rust/a.jpg").write_bytes(b"picture")
    assert read_picture(f"{tmp_path}/leaves.tar/rust/a.jpg") is None


def test_one_correction_is_found_and_forgotten_everywhere(lake, draw, encode, capsys) -> None:
    send(
        lake,
        ("aa", Said(None, None, "Anna's quince"), "f00d", encode(draw(1))),
        ("bb", BLIGHT, None, encode(draw(2))),
        ("cc", BLIGHT, None, None),
    )
    ingest([lake / "inbox"], lake)
    tar = next((lake / "inbox").glob("*.tar"))
    assert main(["inbox", str(lake)]) == 0
    when = "2026-02-01T10:00:00+00:00"
    assert capsys.readouterr().out.splitlines() == [
        f"aa  {when}  tomato -> Anna's quince  {tar.name}",
        f"bb  {when}  tomato -> tomato/late_blight  {tar.name}",
        f"cc  {when}  tomato -> tomato/late_blight",
        "corrections: 3, with a picture: 2",
    ]
    before = ask(lake, 'SELECT shard, "offset", length FROM samples ORDER BY source_path')
    assert main(["inbox", str(lake), "--forget", "aa"]) == 0
    assert capsys.readouterr().out == (
        "forgot aa: entries in the inbox 1, pictures in the lake 1, rows in the table feedback 1\n"
    )
    everything = tar.read_bytes() + (lake / "shards/000000.tar").read_bytes()
    assert encode(draw(1))[-200:] not in everything
    assert encode(draw(2))[-200:] in everything
    assert b"f00d" not in tar.read_bytes() and b"Anna" not in tar.read_bytes()
    assert ask(lake, "SELECT folder FROM folders") == [("tomato/late_blight",)]
    assert ask(lake, "SELECT feedback_id FROM feedback ORDER BY ALL") == [("bb",), ("cc",)]
    assert ask(lake, 'SELECT shard, "offset", length FROM samples') == before[1:]
    # An older snapshot has the row, and a picture that can be read.
    (data,) = read_ranges(lake / "shards/000000.tar", [before[0][1:]])
    assert decode_image(data).shape == (16, 16, 3)
    assert main(["catalog", "check", "--deep", "--lake", str(lake)]) == 0
    capsys.readouterr()
    assert main(["inbox", str(lake), "--forget", "aa"]) == 2
    assert "has no correction aa, neither in its inbox nor" in capsys.readouterr().err
    assert ingest([lake / "inbox"], lake).files == 0


def test_a_server_that_is_no_lake_yet_has_an_inbox_to_look_at_too(lake, capsys) -> None:
    send(lake, ("aa", BLIGHT, None, b"picture"), ("bb", Said(None, None, None), None, None))
    (lake / "inbox/other.tar").write_bytes(member_bytes("dd.json", b"[]"))
    assert main(["inbox", str(lake), "--forget", "aa"]) == 0
    assert main(["inbox", str(lake)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[2] == "dd  damaged"
    assert [one.key for one in read_entries(lake / "inbox")] == ["aa", "bb", "dd"]
