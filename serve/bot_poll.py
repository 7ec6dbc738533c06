"""Updates from Telegram, each worked on until it is done, and acknowledged only then.

In: a bot and what works on an update. Telegram takes every update as seen whose id is below the
`offset` of a later getUpdates, and sends the others again, to this process or to the next one. So
the offset is the first update that is not done: whatever ends this process, nothing is lost, and
the file of serve/bot_state.py keeps what was answered from being answered twice.

aiogram's own polling acknowledges an update when it has been given to its handler.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from aiogram import Bot
from aiogram.exceptions import TelegramUnauthorizedError
from aiogram.types import Update

from serve.bot_telegram import FAILURES, in_short

log = logging.getLogger("leaflake.bot")

POLL_S = 30
"""How long Telegram keeps a request for updates open while there are none."""

HURRY_S = 0.3
"""Between requests while updates are in hand: Telegram sends those along, so it does not wait."""

ANSWER_S = 10
"""For an answer of Telegram beyond POLL_S."""

MIN_WAIT_S, MAX_WAIT_S = 1.0, 60.0
"""After a request that failed; doubled each time."""

KINDS = ["message", "callback_query"]
"""Of updates: what people send, and the buttons that they press."""

Work = Callable[[Update], Awaitable[None]]


class Poller:
    """Gets updates, hands each to `work` once, and keeps those that are in hand."""

    def __init__(self, bot: Bot, work: Work) -> None:
        self._bot = bot
        self._work = work
        self._in_hand: dict[int, asyncio.Task[None]] = {}
        self._seen: int | None = None
        """The newest update that Telegram has not been told about."""

    async def run(self) -> None:
        """Work on what comes until this is cancelled; TelegramUnauthorizedError ends it too."""
        wait_s = MIN_WAIT_S
        while True:
            try:
                updates = await self._ask(0 if self._in_hand else POLL_S)
            except TelegramUnauthorizedError:
                raise
            except FAILURES as error:
                text = in_short(error)
                log.warning("no updates from Telegram, asking again in %g s: %s", wait_s, text)
                await asyncio.sleep(wait_s)
                wait_s = min(2 * wait_s, MAX_WAIT_S)
                continue
            wait_s = MIN_WAIT_S
            if not updates and not self._in_hand:
                # All are acknowledged. Without an offset the next ones come whatever their ids:
                # after a week without updates these start anew at a random number.
                self._seen = None
            for update in updates:
                self._take(update)
            if self._in_hand:
                await asyncio.wait(self._in_hand.values(), timeout=HURRY_S)

    async def drain(self, timeout_s: float) -> None:
        """Let what is in hand end, then acknowledge what is done."""
        if self._in_hand:
            await asyncio.wait(self._in_hand.values(), timeout=timeout_s)
        try:
            await self._ask(0, limit=1)
        except FAILURES as error:
            text = in_short(error)
            log.warning("the last updates are not acknowledged, and come again: %s", text)
        for task in self._in_hand.values():
            task.cancel()

    async def _ask(self, timeout_s: int, limit: int = 100) -> list[Update]:
        offset = None if self._seen is None else self._seen + 1
        if self._in_hand:
            offset = min(self._in_hand)
        return await self._bot.get_updates(
            offset=offset,
            limit=limit,
            timeout=timeout_s,
            allowed_updates=KINDS,
            request_timeout=timeout_s + ANSWER_S,
        )

    def _take(self, update: Update) -> None:
        number = update.update_id
        if number in self._in_hand or (self._seen is not None and number <= self._seen):
            return
        self._seen = number
        task = asyncio.create_task(self._finish(update))
        self._in_hand[number] = task

    async def _finish(self, update: Update) -> None:
        try:
            await self._work(update)
        except Exception:  # a bug met by one person must not stop the bot for all others
            log.exception("an update could not be worked on")
        finally:
            self._in_hand.pop(update.update_id, None)
