"""Corrections through the bot's buttons: what is asked, what is kept, and what never is."""

from __future__ import annotations

import asyncio
import errno
from pathlib import Path
from typing import Any

import pytest
from bot_api import USER, BotApi, buttons, message, photo, presses, sends
from test_bot import RUST_TEXT, run
from test_bot import quick as quick
from two_plants import GREY, RUST, WHITE, picture

from leaflake import UsageError
from serve.inbox import Inbox
from serve.sender import sender_token
from shards.decode import decode_image
from shards.inbox_tar import Entry, read_entries
from shards.inbox_tar import read_picture as read_kept


class Talk:
    """Somebody with the bot: sends, presses, and waits for what comes."""

    def __init__(self, api: BotApi) -> None:
        self.api = api
        self.number = 0
        self.seen = 0

    async def send(self, text: str | None = None, **more: Any) -> dict[str, Any]:
        self.number += 1
        await self.api.send(sends(self.number, text, **more))
        return await self.next()

    async def press(self, shown: dict[str, Any], button: str, user: int = USER) -> dict[str, Any]:
        """The message as it is after the button was pressed."""
        self.number += 1
        data = buttons(shown)[button]
        await self.api.send(presses(self.number, data, shown["message_id"], user))
        found = await self.next()
        await self.api.until(lambda: len(self.api.said("answerCallbackQuery")) >= 1)
        return found

    async def next(self) -> dict[str, Any]:
        shown = ("sendMessage", "editMessageText")
        await self.api.until(lambda: len(self.api.said(*shown)) > self.seen)
        self.seen += 1
        return self.api.said(*shown)[self.seen - 1]


def talk(lake: Path, body: Any, files: dict[str, bytes], **settings: Any) -> BotApi:
    async def with_talk(api: BotApi) -> None:
        api.files |= files
        await body(Talk(api))

    return run(lake, with_talk, inbox=lake, **settings)


def kept(lake: Path) -> list[Entry]:
    return list(read_entries(lake / "inbox"))


def correct(entry: Entry) -> dict[str, Any]:
    return entry.row["correct"]


def test_another_species_and_condition_with_the_picture(quick, tmp_path) -> None:
    async def body(talk: Talk) -> None:
        shown = await talk.send(**photo("leaf"))
        assert list(buttons(shown)) == ["That is right", "It is something else"]
        shown = await talk.press(shown, "It is something else")
        assert shown["text"].endswith("\n\nWhat is it?")
        assert shown["text"].startswith(RUST_TEXT)
        assert sorted(buttons(shown)) == [
            *("Another one", "Apple", "Never mind", "There is no plant in it", "Tomato"),
        ]
        shown = await talk.press(shown, "Tomato")
        assert shown["text"].endswith("\n\nWhat does it have?")
        assert list(buttons(shown)) == [
            *("Early blight", "Healthy", "I don\u2019t know", "Never mind"),
        ]
        shown = await talk.press(shown, "Early blight")
        assert shown["text"].endswith(
            "\n\nYou say: Tomato, Early blight. May the picture be kept, so that the next model "
            "learns from it?"
        )
        assert kept(tmp_path) == []
        shown = await talk.press(shown, "Yes, keep it")
        assert shown["text"].endswith(
            "You say: Tomato, Early blight. Thank you. Noted, with the picture."
        )
        assert buttons(shown) == {}

    talk(tmp_path, body, {"leaf": picture(RUST, size=(200, 100))})
    (entry,) = kept(tmp_path)
    row = entry.row
    assert correct(entry) == {
        **{"species_id": "tomato", "condition_id": "early_blight", "other": None},
    }
    assert row["predicted"]["species_id"] == "apple"
    assert row["predicted"]["rank"] == "condition"
    assert (row["model"]["name"], row["source"], row["consent"]) == ("two-plants", "server", True)
    assert row["sender"] == sender_token(tmp_path / "inbox", f"telegram:{USER}")
    assert decode_image(read_kept(entry.path) or b"").shape == (100, 200, 3)
    everything = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"Anna" not in everything


def test_a_right_answer_without_the_picture_and_a_button_that_is_pressed_again(
    quick, tmp_path
) -> None:
    async def body(talk: Talk) -> None:
        shown = await talk.send(**photo("leaf"))
        asked = await talk.press(shown, "That is right")
        done = await talk.press(asked, "No, only note my answer")
        assert done["text"].endswith("Thank you. Noted, without a picture.")
        again = await talk.press(asked, "Yes, keep it")
        assert again["text"] == done["text"]
        again = await talk.press(shown, "It is something else")
        assert again["text"] == done["text"]

    talk(tmp_path, body, {"leaf": picture(RUST)})
    (entry,) = kept(tmp_path)
    assert (entry.picture, entry.row["consent"]) == (None, False)
    assert correct(entry) == {
        **{"species_id": "apple", "condition_id": "cedar_apple_rust", "other": None},
    }


@pytest.mark.parametrize(
    ("colour", "path", "said"),
    [
        (WHITE, ["That is right"], {"species_id": "no_plant"}),
        (GREY, ["I know what it is", "There is no plant in it"], {"species_id": "no_plant"}),
        (
            RUST,
            ["It is something else", "Tomato", "I don\u2019t know"],
            {"species_id": "tomato"},
        ),
        (
            RUST,
            ["It is something else", "Never mind", "It is something else", "Apple", "Healthy"],
            {"species_id": "apple", "condition_id": "healthy"},
        ),
    ],
)
def test_what_can_be_said_with_buttons(quick, tmp_path, colour, path, said) -> None:
    async def body(talk: Talk) -> None:
        shown = await talk.send(**photo("leaf"))
        for button in (*path, "No, only note my answer"):
            shown = await talk.press(shown, button)

    talk(tmp_path, body, {"leaf": picture(colour)})
    (entry,) = kept(tmp_path)
    assert correct(entry) == dict.fromkeys(("species_id", "condition_id", "other")) | said


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (" Quince  tree", {"other": "Quince tree"}),
        ("tomato", {"species_id": "tomato"}),
        ("MALUS domestica", {"species_id": "apple"}),
    ],
)
def test_another_plant_is_named_in_a_reply(quick, tmp_path, name, said) -> None:
    async def body(talk: Talk) -> None:
        shown = await talk.send(**photo("leaf"))
        shown = await talk.press(shown, "It is something else")
        prompt = await talk.press(shown, "Another one")
        assert prompt["text"].endswith("Reply to this message with its name.")
        assert prompt["reply_markup"]["force_reply"] is True
        reply = {**message("prompt"), "message_id": prompt["message_id"]}
        refused = await talk.send("x" * 81, reply_to_message=reply)
        assert refused["text"].startswith("The correction cannot be read: `correct.other`")
        shown = await talk.send(name, reply_to_message=reply)
        assert shown["text"].startswith("May the picture be kept")
        await talk.press(shown, "Yes, keep it")

    talk(tmp_path, body, {"leaf": picture(RUST)})
    (entry,) = kept(tmp_path)
    assert correct(entry) == dict.fromkeys(("species_id", "condition_id", "other")) | said
    assert entry.picture is not None


def test_of_an_album_each_picture_that_shows_the_plant_is_kept(quick, tmp_path) -> None:
    async def body(talk: Talk) -> None:
        names = ("a", "ground", "b")
        album = [sends(n, **photo(name), media_group_id="g") for n, name in enumerate(names, 1)]
        talk.number = len(album)
        await talk.api.send(*album)
        shown = await talk.next()
        for button in ("That is right", "Yes, keep it"):
            shown = await talk.press(shown, button)

    files = {"a": picture(RUST, size=(64, 48)), "ground": picture(WHITE)}
    talk(tmp_path, body, {**files, "b": picture(RUST, size=(60, 50))})
    shapes = [decode_image(read_kept(entry.path) or b"").shape for entry in kept(tmp_path)]
    assert shapes == [(48, 64, 3), (50, 60, 3)]
    assert len({entry.key for entry in kept(tmp_path)}) == 2


def test_two_people_are_two_senders_and_one_person_is_one(quick, tmp_path) -> None:
    async def body(talk: Talk) -> None:
        for user in (7, 7, 8):
            shown = await talk.send(**photo("leaf"))
            for button in ("That is right", "No, only note my answer"):
                shown = await talk.press(shown, button, user)

    talk(tmp_path, body, {"leaf": picture(RUST)})
    senders = [entry.row["sender"] for entry in kept(tmp_path)]
    assert senders[0] == senders[1] != senders[2]


def test_a_picture_that_telegram_no_longer_has_is_said(quick, tmp_path) -> None:
    async def body(talk: Talk) -> None:
        shown = await talk.send(**photo("leaf"))
        shown = await talk.press(shown, "That is right")
        talk.api.files.clear()
        shown = await talk.press(shown, "Yes, keep it")
        assert shown["text"].endswith("Noted, but Telegram no longer has the picture.")

    talk(tmp_path, body, {"leaf": picture(RUST)})
    assert [(entry.picture, entry.row["consent"]) for entry in kept(tmp_path)] == [(None, True)]


def test_a_disk_that_fails_is_said_and_the_button_works_later(quick, tmp_path, monkeypatch) -> None:
    real = Inbox.add

    async def fail(self: Inbox, *args: Any) -> None:
        monkeypatch.setattr(Inbox, "add", real)
        raise OSError(errno.ENOSPC, "No space left on device")

    async def body(talk: Talk) -> None:
        shown = await talk.send(**photo("leaf"))
        asked = await talk.press(shown, "That is right")
        monkeypatch.setattr(Inbox, "add", fail)
        number = len(talk.api.said("answerCallbackQuery"))
        data = buttons(asked)["Yes, keep it"]
        await talk.api.send(presses(90, data, asked["message_id"]))
        await talk.api.until(lambda: len(talk.api.said("answerCallbackQuery")) > number)
        note = talk.api.said("answerCallbackQuery")[-1]
        assert (note["text"], note["show_alert"]) == (
            "It cannot be stored now. Press again later; nothing was kept.",
            True,
        )
        talk.number = 90
        await talk.press(asked, "Yes, keep it")

    talk(tmp_path, body, {"leaf": picture(RUST)})
    assert len(kept(tmp_path)) == 1


@pytest.mark.parametrize(
    "data",
    ["a:0123456789abcdef:right:0", "a:{answer}:species:99", "a:{answer}:condition:0"],
)
def test_a_button_that_means_nothing_is_refused(quick, tmp_path, data) -> None:
    async def body(talk: Talk) -> None:
        shown = await talk.send(**photo("leaf"))
        answer = buttons(shown)["That is right"].split(":")[1]
        await talk.api.send(presses(50, data.format(answer=answer), 1000))
        await talk.api.until(lambda: bool(talk.api.said("answerCallbackQuery")))

    api = talk(tmp_path, body, {"leaf": picture(RUST)})
    (note,) = api.said("answerCallbackQuery")
    assert note["text"] == "This answer is too old to be corrected. Send the picture again."
    assert kept(tmp_path) == []


def test_buttons_work_after_a_restart(quick, tmp_path) -> None:
    shown: dict[str, Any] = {}

    async def first(talk: Talk) -> None:
        shown.update(await talk.send(**photo("leaf")))

    async def second(talk: Talk) -> None:
        talk.number = 10
        asked = await talk.press(shown, "That is right")
        await talk.press(asked, "No, only note my answer")

    talk(tmp_path, first, {"leaf": picture(RUST)})
    talk(tmp_path, second, {})
    assert len(kept(tmp_path)) == 1


def test_an_inbox_that_cannot_be_had_is_refused(quick, tmp_path) -> None:
    async def nothing(api: BotApi) -> None:
        await asyncio.sleep(0)

    with pytest.raises(UsageError, match="there is no such folder"):
        run(tmp_path, nothing, inbox=tmp_path / "nowhere")
