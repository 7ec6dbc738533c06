"""The bot against a stand-in of the Bot API, over real sockets: answers, refusals, limits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiogram.client.session.aiohttp import AiohttpSession
from aiohttp import web
from bot_api import TOKEN, BotApi, document, message, photo, refuse, sends
from two_plants import BETWEEN_RUST_AND_HEALTHY, GREY, RUST, WHITE, YELLOW, picture

import serve.bot
from leaflake import UsageError
from serve import bot_words
from serve.bot import BotSettings, serve_bot
from serve.lanes import Lanes
from serve.model import Model
from serve.speed import unmeasured

Body = Callable[[BotApi], Awaitable[None]]


@pytest.fixture
def quick(model: Model, monkeypatch) -> None:
    """Open the model without measuring it, which takes a second, and close aiogram's session
    without the quarter of a second that it gives to connections with TLS."""

    async def close(session: AiohttpSession) -> None:
        if session._session is not None:
            await session._session.close()

    monkeypatch.setattr(serve.bot, "open_lanes", lambda *_: Lanes.open(model, unmeasured(2)))
    monkeypatch.setattr(AiohttpSession, "close", close)


def run(folder: Path, body: Body, token: str = TOKEN, **settings: Any) -> BotApi:
    """Run the bot while `body` does something at Telegram; then it is stopped as SIGTERM does."""

    async def both() -> BotApi:
        async with BotApi() as api:
            await with_bot(api, folder, body, token, **settings)
            return api

    return asyncio.run(both())


async def with_bot(
    api: BotApi, folder: Path, body: Body, token: str = TOKEN, **settings: Any
) -> None:
    ready, stop = asyncio.Event(), asyncio.Event()
    given = BotSettings(
        folder / "bundle",
        folder / "bot.sqlite3",
        api_url=api.url,
        **{"album_s": 0.2, **settings},
    )
    bot = asyncio.create_task(serve_bot(given, token, lambda *_: ready.set(), stop))
    waits = asyncio.create_task(ready.wait())
    await asyncio.wait([bot, waits], return_when=asyncio.FIRST_COMPLETED)
    try:
        if not bot.done():
            await body(api)
    finally:
        waits.cancel()
        stop.set()
        await bot


def asks(*updates: dict[str, Any], answers: int, files: dict[str, bytes] | None = None) -> Body:
    """Somebody sends these, and waits for so many answers."""

    async def body(api: BotApi) -> None:
        api.files |= files or {}
        await api.send(*updates)
        await api.until(lambda: len(api.texts()) >= answers)

    return body


RUST_TEXT = "Apple: Cedar apple rust\nFairly sure, 85 %."


def test_a_photo_is_answered_with_its_largest_size_and_acknowledged(quick, tmp_path) -> None:
    api = run(tmp_path, asks(sends(5, **photo("leaf")), answers=1, files={"leaf": picture(RUST)}))
    (said,) = api.said("sendMessage")
    assert said["text"] == f"{RUST_TEXT}\n\nThe next likeliest:\nApple, Healthy (13 %)"
    assert said["chat_id"] == 7
    assert said["reply_parameters"] == {"message_id": 5, "allow_sending_without_reply": True}
    assert "reply_markup" not in said  # there is no inbox
    assert api.updates == []


@pytest.mark.parametrize(
    ("colour", "words"),
    [
        (WHITE, "Not a plant\nThere seems to be no leaf in this picture."),
        (YELLOW, "Unknown species\nA plant, but none of the species that this model knows."),
        (BETWEEN_RUST_AND_HEALTHY, "Apple\nVery sure, 9"),
        (GREY, "Not sure\nThe best guess is "),
    ],
)
def test_what_is_no_condition_is_said_too(quick, tmp_path, colour, words) -> None:
    data = picture(colour)
    api = run(tmp_path, asks(sends(1, **photo("leaf")), answers=1, files={"leaf": data}))
    assert api.texts()[0].startswith(words)


def test_an_album_is_answered_once_from_all_its_pictures(quick, tmp_path) -> None:
    album = [
        sends(update, **photo(f"p{n}"), media_group_id="g", message_id=n)
        for update, n in enumerate((3, 1, 2), 1)
    ]
    files = {"p1": picture(RUST), "p2": picture(RUST), "p3": picture(WHITE)}
    api = run(tmp_path, asks(*album, sends(4, **photo("p1")), answers=2, files=files))
    texts = sorted(api.texts())
    assert len(texts) == 2
    assert texts[0].startswith(RUST_TEXT) and texts[1].startswith(RUST_TEXT)
    (combined,) = (text for text in texts if "From the" in text)
    assert combined.endswith(
        "From the mean of the probabilities of 2 of 3 pictures; one was turned away."
    )
    replied = {said["reply_parameters"]["message_id"] for said in api.said("sendMessage")}
    assert replied == {1, 4}


def test_of_a_large_album_the_first_pictures_are_looked_at(quick, tmp_path) -> None:
    album = [sends(n, **photo("leaf"), media_group_id="g") for n in range(1, 11)]
    api = run(tmp_path, asks(*album, answers=1, files={"leaf": picture(RUST)}))
    assert "mean of the probabilities of 8 pictures" in api.texts()[0]
    assert api.texts()[0].endswith("I did not look at the last 2: that many help no more.")


@pytest.mark.parametrize(
    ("sent", "data", "words"),
    [
        (document("a", "image/png"), picture(RUST, "PNG"), RUST_TEXT[:-4]),
        (document("a"), picture(RUST, "WEBP"), RUST_TEXT[:-4]),
        (document("a", "application/pdf"), b"%PDF", bot_words.NO_PICTURE),
        (
            document("a", "image/heic"),
            b"this is text",
            "The content is not a picture. Send a photograph as",
        ),
        (document("a", "image/png"), picture(RUST)[:300], "The "),
        (document("a", "image/jpeg", 25_000_000), b"", bot_words.too_large(20_000_000)),
        ({"sticker": {"type": "regular"}, "text": None}, b"", None),
        ({"text": "hello"}, b"", bot_words.NO_PICTURE),
        ({"text": "/start"}, b"", bot_words.WELCOME + bot_words.FORGETS),
        ({"text": "/help"}, b"", bot_words.WELCOME),
    ],
)
def test_files_and_words_are_answered_with_what_they_are(
    quick, tmp_path, sent, data, words
) -> None:
    sent = {key: value for key, value in sent.items() if value is not None}
    if "sticker" in sent:
        kind = {"file_id": "s", "file_unique_id": "s", "width": 1, "height": 1}
        flags = {"is_animated": False, "is_video": False}
        sent, words = {"sticker": {**sent["sticker"], **kind, **flags}}, bot_words.NO_PICTURE
    api = run(tmp_path, asks(sends(1, **sent), answers=1, files={"a": data}))
    assert len(api.texts()) == 1
    assert api.texts()[0].startswith(words)


def test_a_file_that_is_larger_than_it_says_is_not_taken(quick, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("serve.bot_telegram.MAX_IMAGE_BYTES", 1000)
    sent = sends(1, **document("a", "image/png"))
    api = run(tmp_path, asks(sent, answers=1, files={"a": bytes(2000)}))
    assert api.texts() == [bot_words.too_large(20_000_000)]


def test_groups_and_messages_that_come_of_themselves_are_left_alone(quick, tmp_path) -> None:
    others = [
        sends(1, **photo("leaf"), chat="group"),
        sends(2, message_auto_delete_timer_changed={"message_auto_delete_time": 9}),
        {"update_id": 3, "something_new": {}},
    ]
    last = sends(4, "/start")
    api = run(tmp_path, asks(*others, last, answers=1, files={"leaf": picture(RUST)}))
    assert len(api.texts()) == 1
    assert api.updates == []


def test_whoever_sends_too_much_is_told_once_and_others_are_answered(quick, tmp_path) -> None:
    many = [sends(n, **photo("leaf")) for n in range(1, 6)]
    other = sends(9, **photo("leaf"))
    other["message"]["chat"]["id"] = 8
    body = asks(*many, other, answers=4, files={"leaf": picture(RUST)})
    api = run(tmp_path, body, rate=2)
    told = [one for one in api.texts() if one.startswith("These are more pictures than I take")]
    assert (len(told), len(api.texts())) == (1, 4)
    assert [said["chat_id"] for said in api.said("sendMessage")].count(8) == 1
    assert api.updates == []


def test_a_broken_connection_at_the_download_is_tried_again(quick, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("serve.bot_telegram.WAIT_S", 0.01)
    failed: list[str] = []

    async def trouble(method: str, fields: Any) -> web.Response | None:
        if method == "file" and len(failed) < 2:
            failed.append(method)
            return web.Response(status=502)
        return None

    async def body(api: BotApi) -> None:
        api.trouble = trouble
        await asks(sends(1, **photo("a")), answers=1, files={"a": picture(RUST)})(api)
        await asks(sends(2, **photo("gone")), answers=2)(api)

    api = run(tmp_path, body)
    assert len(failed) == 2
    assert api.texts()[0].startswith(RUST_TEXT)
    assert api.texts()[1] == bot_words.NOT_FETCHED


def test_a_message_that_telegram_refuses_for_now_is_sent_later_and_others_are_not(
    quick, tmp_path
) -> None:
    answers = [refuse(429, "Too Many Requests", retry_after=1), None, refuse(500, "Ouch"), None]

    async def trouble(method: str, fields: Any) -> web.Response | None:
        return answers.pop(0) if method == "sendMessage" else None

    async def body(api: BotApi) -> None:
        api.trouble = trouble
        await api.send(sends(1, "/start"))
        await api.until(lambda: len(answers) == 2)
        await api.send(sends(2, "/start"))
        await api.until(lambda: len(answers) == 1)
        await api.send(sends(3, "/start"))
        await api.until(lambda: not answers)

    api = run(tmp_path, body)
    # The first twice; the second once, as nobody knows whether it arrived; the third.
    assert [said["reply_parameters"]["message_id"] for said in api.said("sendMessage")] == [
        *(1, 1),
        *(2, 3),
    ]


def test_a_page_in_place_of_updates_and_a_server_that_is_away_are_waited_for(
    quick, tmp_path, monkeypatch, caplog
) -> None:
    monkeypatch.setattr("serve.bot_poll.MIN_WAIT_S", 0.01)
    monkeypatch.setattr("serve.bot.RETRY_S", 0.01)
    pages = {
        "getMe": [refuse(502, "Bad Gateway"), web.Response(status=502, text="<html>")],
        "getUpdates": [web.Response(text="<html>Anna sent this</html>"), refuse(409, "Conflict")],
    }

    async def trouble(method: str, fields: Any) -> web.Response | None:
        return pages[method].pop() if pages.get(method) else None

    async def both() -> BotApi:
        async with BotApi() as api:
            api.trouble = trouble
            body = asks(sends(1, **photo("a")), answers=1, files={"a": picture(RUST)})
            await with_bot(api, tmp_path, body)
            return api

    api = asyncio.run(both())
    assert api.texts()[0].startswith(RUST_TEXT)
    assert pages == {"getMe": [], "getUpdates": []}
    assert "asking again in" in caplog.text
    assert "Anna" not in caplog.text


def test_a_bug_is_told_to_whoever_met_it_and_the_bot_goes_on(
    quick, tmp_path, monkeypatch, caplog
) -> None:
    def break_down(*_: object) -> str:
        raise ZeroDivisionError("a bug")

    async def body(api: BotApi) -> None:
        with monkeypatch.context() as patch:
            patch.setattr("serve.bot_words.describe", break_down)
            await asks(sends(1, **photo("a")), answers=1, files={"a": picture(RUST)})(api)
        await asks(sends(2, **photo("a")), answers=2)(api)

    api = run(tmp_path, body)
    assert api.texts()[0] == bot_words.TROUBLE
    assert api.texts()[1].startswith(RUST_TEXT)
    assert "ZeroDivisionError" in caplog.text


def test_a_token_that_telegram_does_not_know_stops_the_bot(quick, tmp_path) -> None:
    async def nothing(api: BotApi) -> None:
        raise AssertionError("it started")

    with pytest.raises(UsageError, match="does not know the token") as refused:
        run(tmp_path, nothing, token="42:another")
    assert "another" not in str(refused.value)


def test_a_token_that_is_taken_back_stops_a_running_bot(quick, tmp_path) -> None:
    async def body(api: BotApi) -> None:
        monkey = pytest.MonkeyPatch()
        monkey.setattr("bot_api.TOKEN", "42:renewed")
        try:
            await api.send(sends(1, "/start"))  # ends the request that waits for updates
            await asyncio.sleep(0.3)
        finally:
            monkey.undo()

    with pytest.raises(UsageError, match="does not know the token"):
        run(tmp_path, body)


def test_a_state_that_cannot_be_written_is_refused(quick, tmp_path) -> None:
    (tmp_path / "bot.sqlite3").write_bytes(b"this is no database" * 100)
    with pytest.raises(UsageError, match="bot.sqlite3: cannot be used to remember"):
        run(tmp_path, asks(answers=0))


def test_messages_are_of_the_kind_that_the_stand_in_makes() -> None:
    assert message("a")["chat"] == {"id": 7, "type": "private"}
