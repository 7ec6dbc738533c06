"""The Bot API as the bot uses it: send once, fetch pictures within a limit, poll.

https://core.telegram.org/bots/api
"""

from __future__ import annotations

import asyncio
import io
import logging
from typing import Any, TypeVar

import aiohttp
from aiogram import Bot
from aiogram.exceptions import (
    ClientDecodeError,
    TelegramAPIError,
    TelegramNetworkError,
    TelegramRetryAfter,
    TelegramServerError,
)
from aiogram.methods import TelegramMethod

from shards.decode import MAX_IMAGE_BYTES

log = logging.getLogger("leaflake.bot")

MAX_FILE_BYTES = 20_000_000
"""What getFile gives at most; a larger file is refused before it is asked for."""

FETCH_S = 30
"""For one picture, of at most 20 MB."""

TRIES = 4
WAIT_S = 1.0
"""Before the second try, and twice as long before each further one."""

MAX_RETRY_AFTER_S = 120
"""Telegram names a time after which it takes more. Nobody waits longer than this for an answer."""

T = TypeVar("T")

FAILURES = (TelegramAPIError, ClientDecodeError)
"""Of a call: Telegram or the network says no, or what comes is not its JSON, such as a page that a
gateway shows in its place."""


class NotFetched(Exception):
    """A picture cannot be had from Telegram now."""


class TooLarge(Exception):
    """A file has more bytes than are taken."""


async def send(bot: Bot, method: TelegramMethod[T]) -> T | None:
    """Call a method that shows something to a person. None if it failed, with a line in the log.

    It is called again only where Telegram said that it did nothing, or could not be reached at all.
    If the connection broke after that, nobody knows whether the message arrived, and no answer is
    better than two.
    """
    for tried in range(1, TRIES + 1):
        try:
            return await bot(method)
        except FAILURES as error:
            wait_s = _wait_s(error, tried)
            if wait_s is None or tried == TRIES:
                log.warning("%s failed: %s", method.__api_method__, in_short(error))
                return None
        await asyncio.sleep(wait_s)
    return None


async def fetch(bot: Bot, file_id: str) -> bytes:
    """The bytes of a file that somebody sent. Raises NotFetched or TooLarge."""
    error: Exception = NotFetched()
    for tried in range(TRIES - 1):
        if tried:
            await asyncio.sleep(WAIT_S * 2 ** (tried - 1))
        try:
            return await _fetch(bot, file_id)
        except (*FAILURES, aiohttp.ClientError, TimeoutError) as found:
            error = found
            if not _may_pass(found):
                break
    raise NotFetched(in_short(error)) from None


def in_short(error: Exception) -> str:
    """For the log. The text of a ClientDecodeError has all that came in it: what people sent."""
    text = "" if isinstance(error, ClientDecodeError) else f": {error}"
    return f"{type(error).__name__}{text}"


async def _fetch(bot: Bot, file_id: str) -> bytes:
    file = await bot.get_file(file_id)
    if file.file_path is None:
        raise NotFetched("Telegram names no place for it")
    into = _Bounded()
    await bot.download_file(file.file_path, into, timeout=FETCH_S)
    return into.getvalue()


class _Bounded(io.BytesIO):
    """Takes what the decoder would take and a byte more."""

    def write(self, data: Any, /) -> int:
        if self.tell() + len(data) > MAX_IMAGE_BYTES:
            raise TooLarge
        return super().write(data)


def _wait_s(error: Exception, tried: int) -> float | None:
    """How long to wait before the call is made again; None if it must not be."""
    if isinstance(error, TelegramRetryAfter):
        return error.retry_after if error.retry_after <= MAX_RETRY_AFTER_S else None
    unreached = isinstance(error.__cause__, aiohttp.ClientConnectorError)
    return WAIT_S * 2 ** (tried - 1) if unreached else None


def _may_pass(error: Exception) -> bool:
    """Whether asking again may help; reading twice harms nobody."""
    if isinstance(error, aiohttp.ClientResponseError):
        return error.status >= 500 or error.status == 429
    passing = TelegramNetworkError | TelegramRetryAfter | TelegramServerError
    return isinstance(error, passing) or not isinstance(error, TelegramAPIError)
