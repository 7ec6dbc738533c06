"""SIGKILL under load: what was acknowledged is there, and what is not is noticed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from two_plants import RUST, SKY, picture

from serve.inbox import Inbox
from serve.kept_picture import make_keepable
from serve.kill_feedback import (
    Acknowledged,
    Verdict,
    compare,
    correction,
    kill_servers,
    main,
    read_golden,
)

PICTURES = [picture(RUST), picture(SKY)]


def test_a_killed_server_has_kept_what_it_acknowledged(bundle: Path, tmp_path: Path) -> None:
    done = asyncio.run(kill_servers(bundle, tmp_path, PICTURES, kills=2, seed=1))
    verdict = compare(tmp_path, done, PICTURES)
    assert verdict.faults == ()
    assert verdict.acknowledged > verdict.pictures > 0


def test_what_is_missing_or_another_is_found(tmp_path: Path) -> None:
    async def fill() -> None:
        inbox = Inbox(tmp_path)
        await inbox.add("a", correction("1"), make_keepable(PICTURES[0]))
        await inbox.add("b", correction("2"), make_keepable(PICTURES[0]))
        await inbox.add("c", correction("3"))
        await inbox.add("d", correction("4"))
        await inbox.close()

    asyncio.run(fill())
    notes = {"a": "1", "b": "2", "c": "other", "lost": "5"}
    done = Acknowledged(notes, {"a": 0, "b": 1})
    assert compare(tmp_path, done, PICTURES) == Verdict(
        acknowledged=4,
        pictures=2,
        beyond=1,
        tars=1,
        faults=("b has another picture", "c says something else", "lost is missing"),
    )


def test_a_bundle_without_golden_pictures_is_refused(
    bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([str(bundle)])
    assert ended.value.code == 2
    assert "has no golden pictures to send" in capsys.readouterr().err


def test_golden_pictures_come_in_order(bundle: Path, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "golden").mkdir()
    for name in ("b.jpg", "a.jpg", "answers.json"):
        (tmp_path / "golden" / name).write_text(name)

    class Fields:
        files = dict.fromkeys(["golden/b.jpg", "golden/a.jpg", "golden/answers.json", "x.jpg"])

    monkeypatch.setattr("serve.kill_feedback.read_fields", lambda _: Fields)
    assert read_golden(tmp_path) == [b"a.jpg", b"b.jpg"]
