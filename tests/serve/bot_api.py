"""A stand-in of Telegram's Bot API on a port of this machine.

It keeps updates until they are acknowledged, as https://core.telegram.org/bots/api#getupdates says,
hands out files, and writes down what the bot says.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

TOKEN = "42:A-stand-in_s_token"
USER = 7
Call = tuple[str, dict[str, Any]]
Trouble = Callable[[str, dict[str, Any]], Awaitable[web.Response | None]]


async def no_trouble(method: str, fields: dict[str, Any]) -> web.Response | None:
    return None


class BotApi:
    """One bot's Telegram."""

    def __init__(self) -> None:
        self.updates: list[dict[str, Any]] = []
        """Not acknowledged."""
        self.calls: list[Call] = []
        """What the bot asked for, but for updates and files, in order."""
        self.offsets: list[int | None] = []
        self.files: dict[str, bytes] = {}
        self.trouble: Trouble = no_trouble
        """Asked before each call; may answer in its place, or never."""
        self.numbers = itertools.count(1000)
        """Of the messages that the bot sends."""
        self._news = asyncio.Condition()

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/bot{token}/{method}", self._call)
        app.router.add_get("/file/bot{token}/{path}", self._file)
        return app

    async def __aenter__(self) -> BotApi:
        self._server = TestServer(self.app())
        await self._server.start_server()
        self.url = str(self._server.make_url("")).rstrip("/")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.close()

    async def send(self, *updates: dict[str, Any]) -> None:
        """Somebody sent these."""
        async with self._news:
            self.updates += updates
            self._news.notify_all()

    def said(self, *methods: str) -> list[dict[str, Any]]:
        """The fields of the calls of these methods."""
        return [fields for method, fields in self.calls if method in methods]

    def texts(self) -> list[str]:
        """What the person sees, in order."""
        return [fields["text"] for fields in self.said("sendMessage", "editMessageText")]

    async def until(self, true: Callable[[], bool], timeout_s: float = 120) -> None:
        """Wait until the bot did something."""
        async with asyncio.timeout(timeout_s):
            while not true():
                await asyncio.sleep(0.01)

    async def _call(self, request: web.Request) -> web.Response:
        fields = {key: parse(str(value)) for key, value in (await request.post()).items()}
        method = request.match_info["method"]
        if request.match_info["token"] != TOKEN:
            return refuse(401, "Unauthorized")
        if method not in ("getFile", "getUpdates"):
            self.calls.append((method, fields))
        if (answer := await self.trouble(method, fields)) is not None:
            return answer
        if method == "getUpdates":
            return await self._get_updates(fields)
        return give(self._result(method, fields))

    def _result(self, method: str, fields: dict[str, Any]) -> Any:
        if method == "getMe":
            return {"id": 42, "is_bot": True, "first_name": "Leaf", "username": "leaf_bot"}
        if method == "getFile":
            name = fields["file_id"]
            return {"file_id": name, "file_unique_id": name, "file_path": name}
        if method in ("sendMessage", "editMessageText"):
            # The first call of a message has no number yet; it is written down with the others.
            fields.setdefault("message_id", next(self.numbers))
            return {**message(fields["text"]), "message_id": fields["message_id"]}
        return True

    async def _get_updates(self, fields: dict[str, Any]) -> web.Response:
        offset = fields.get("offset")
        self.offsets.append(offset)
        if offset is not None:
            self.updates = [one for one in self.updates if one["update_id"] >= offset]
        async with self._news:
            try:
                async with asyncio.timeout(fields.get("timeout", 0)):
                    await self._news.wait_for(lambda: bool(self.updates))
            except TimeoutError:
                pass  # there is nothing new
        return give(self.updates[: fields["limit"]])

    async def _file(self, request: web.Request) -> web.StreamResponse:
        answer = await self.trouble("file", {"file_id": request.match_info["path"]})
        data = self.files.get(request.match_info["path"])
        if answer is not None or data is None or request.match_info["token"] != TOKEN:
            return answer or web.Response(status=404)
        return web.Response(body=data)


def parse(text: str) -> Any:
    """A field of a form: numbers, lists and objects are JSON in it."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def give(result: Any) -> web.Response:
    return web.json_response({"ok": True, "result": result})


def refuse(status: int, text: str, **parameters: Any) -> web.Response:
    error = {"ok": False, "error_code": status, "description": text, "parameters": parameters}
    return web.json_response(error, status=status)


def message(text: str | None = None, *, chat: str = "private", **more: Any) -> dict[str, Any]:
    """A message of somebody."""
    said = {} if text is None else {"text": text}
    return {
        "message_id": 1,
        "date": 1_790_000_000,
        "chat": {"id": USER, "type": chat},
        "from": {"id": USER, "is_bot": False, "first_name": "Anna"},
        **said,
        **more,
    }


def sends(number: int, text: str | None = None, **more: Any) -> dict[str, Any]:
    """The update of a message."""
    return {"update_id": number, "message": message(text, **{"message_id": number, **more})}


def photo(name: str) -> dict[str, Any]:
    """The field of a photo in two sizes, of which the second is the whole."""
    sizes = [("small", 90, 60), (name, 1280, 853)]
    sized = [
        {"file_id": file, "file_unique_id": file, "width": width, "height": height}
        for file, width, height in sizes
    ]
    return {"photo": sized}


def document(name: str, mime_type: str | None = None, size: int = 1000) -> dict[str, Any]:
    """The field of a file."""
    kind = {} if mime_type is None else {"mime_type": mime_type}
    return {"document": {"file_id": name, "file_unique_id": name, "file_size": size, **kind}}


def presses(number: int, data: str, message_id: int, user: int = USER) -> dict[str, Any]:
    """The update of a button."""
    return {
        "update_id": number,
        "callback_query": {
            "id": str(number),
            "from": {"id": user, "is_bot": False, "first_name": "Anna"},
            "chat_instance": "1",
            "data": data,
            "message": {**message("..."), "message_id": message_id},
        },
    }


def buttons(fields: dict[str, Any]) -> dict[str, str]:
    """What the buttons of a message say -> their data."""
    rows = (fields.get("reply_markup") or {}).get("inline_keyboard", [])
    return {one["text"]: one["callback_data"] for row in rows for one in row}
