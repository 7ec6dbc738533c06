"""The bot as a whole: a bundle on one side, Telegram on the other, until it is told to stop.

It answers in this process, with the server's own Service, and not by asking a running server. A
server would see the bot's address in place of everybody's, so that all corrections would be one
person's, which those who weigh them need to tell apart (serve/sender.py). It takes a new bundle
over as the server does.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path

from aiogram import Bot, Dispatcher, F
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.enums import ContentType
from aiogram.exceptions import TelegramNotFound, TelegramUnauthorizedError
from aiogram.filters import Command, CommandStart
from aiogram.types import CallbackQuery, Message, Update, User

from leaflake import UsageError
from serve import bot_words
from serve.bot_answer import Answerer, Sent
from serve.bot_buttons import Press
from serve.bot_correct import Corrector
from serve.bot_poll import Poller
from serve.bot_state import BotState
from serve.bot_telegram import FAILURES, in_short
from serve.guard import ignore_warnings
from serve.inbox import Inbox
from serve.metrics import Metrics
from serve.service import Service
from serve.speed import count_cores
from serve.takeover import Takeover, open_lanes
from serve.upload import Limits

log = logging.getLogger("leaflake.bot")

DRAIN_S = 30.0
"""How long a stop waits for what is in hand: a picture is fetched and answered in far less."""

RETRY_S = 5.0
"""Between tries to reach Telegram at the start."""

ALBUM_S = 1.5
"""Telegram's own apps send the pictures of an album within a second."""

TALK = {
    *(ContentType.TEXT, ContentType.STICKER, ContentType.VIDEO, ContentType.VIDEO_NOTE),
    *(ContentType.VOICE, ContentType.AUDIO, ContentType.ANIMATION, ContentType.LOCATION),
    *(ContentType.CONTACT, ContentType.POLL, ContentType.DICE, ContentType.VENUE),
}
"""What people send that is no picture. Other messages come of themselves, say about a timer."""


@dataclass(frozen=True)
class BotSettings:
    """Of one bot."""

    bundle: Path
    """Folder with a model.json, or a link to one."""

    state: Path
    """File that remembers what was answered; made if it is missing."""

    file: str | None = None
    """Model of the bundle; None: the bundle's own choice."""

    inbox: Path | None = None
    """Lake into whose `inbox/` corrections are written; None: answers have no buttons."""

    rate: int = 20
    """Pictures or albums a minute that one person may send."""

    api_url: str = "https://api.telegram.org"
    """Of the Bot API: Telegram's, or a Bot API server of one's own."""

    album_s: float = ALBUM_S
    """So long after its last picture an album is taken to be complete."""


async def serve_bot(
    settings: BotSettings, token: str, ready: Callable[[str, str], None], stop: asyncio.Event
) -> None:
    """Answer until `stop`; `ready` gets the bundle's name and the bot's, once Telegram knows it.

    Raises UsageError if the bundle, the inbox, the file of the state or the token cannot be used.
    """
    hangup = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, hangup.set)
    inbox = None if settings.inbox is None else Inbox(settings.inbox)
    state = BotState(settings.state)
    # In a thread, so that a signal is heard meanwhile.
    cores = count_cores()
    lanes = await asyncio.to_thread(open_lanes, settings.bundle, settings.file, cores)
    service = Service(lanes, Limits(), Metrics())
    ignore_warnings()
    takeover = Takeover(settings.bundle, settings.file, service, hangup)
    watch = asyncio.create_task(takeover.watch())
    session = AiohttpSession(api=TelegramAPIServer.from_base(settings.api_url))
    try:
        async with Bot(token, session=session) as bot:
            poller = Poller(bot, make_work(bot, settings, service, state, inbox))

            async def live() -> None:
                me = await greet(bot)
                ready(service.model.manifest.name, me.username or me.first_name)
                await poller.run()

            await until(stop, live())
            await poller.drain(DRAIN_S)
    except (TelegramUnauthorizedError, TelegramNotFound):
        raise UsageError(
            "Telegram does not know the token in LEAFLAKE_BOT_TOKEN. Ask @BotFather for the bot's "
            "token. Updates that were not answered wait at Telegram for a day."
        ) from None
    finally:
        watch.cancel()
        state.close()
        if inbox is not None:
            await inbox.close()
        service.close()


async def until(stop: asyncio.Event, work: Coroutine[None, None, None]) -> None:
    """Run `work` until it ends, or until `stop`; raises what it raises."""
    task, wait = asyncio.create_task(work), asyncio.create_task(stop.wait())
    await asyncio.wait([task, wait], return_when=asyncio.FIRST_COMPLETED)
    wait.cancel()
    if not task.done():
        task.cancel()
        await asyncio.wait([task])
    if not task.cancelled():
        task.result()


async def greet(bot: Bot) -> User:
    """Who the bot is. Waits until Telegram can be reached; raises if it does not know the token."""
    while True:
        try:
            return await bot.get_me()
        except (TelegramUnauthorizedError, TelegramNotFound):
            raise
        except FAILURES as error:
            text = in_short(error)
            log.warning("Telegram cannot be reached, trying again in %g s: %s", RETRY_S, text)
            await asyncio.sleep(RETRY_S)


def make_work(
    bot: Bot,
    settings: BotSettings,
    service: Service,
    state: BotState,
    inbox: Inbox | None,
) -> Callable[[Update], Awaitable[None]]:
    """What is done with an update; it is done when this returns."""
    answerer = Answerer(
        bot,
        service,
        state,
        rate=settings.rate,
        corrections=inbox is not None,
        album_s=settings.album_s,
    )
    corrector = None if inbox is None else Corrector(bot, service, state, inbox)
    dispatcher = make_dispatcher(answerer, corrector)

    async def work(update: Update) -> None:
        if not state.begin(update.update_id):
            return
        try:
            await dispatcher.feed_update(bot, update)
        except Exception:  # a bug: whoever met it hears of it, and it is raised
            if update.message is not None:
                await answerer.say([Sent(update.update_id, update.message)], bot_words.TROUBLE)
            raise
        state.finish([update.update_id])

    return work


def make_dispatcher(answerer: Answerer, corrector: Corrector | None) -> Dispatcher:
    """Which of the two does what. Only chats of one person with the bot are answered: in a group
    nobody asked it about every picture."""
    dispatcher = Dispatcher(disable_fsm=True)
    dispatcher.message.filter(F.chat.type == "private")

    @dispatcher.message(CommandStart())
    @dispatcher.message(Command("help"))
    async def help_(message: Message, event_update: Update) -> None:
        words = bot_words.WELCOME if answerer.of_plants else bot_words.WELCOME_CLASSES
        words += bot_words.PRIVACY if corrector else bot_words.FORGETS
        await answerer.say([Sent(event_update.update_id, message)], words)

    @dispatcher.message(F.photo | F.document)
    async def picture(message: Message, event_update: Update) -> None:
        await answerer.picture(Sent(event_update.update_id, message))

    @dispatcher.message(F.content_type.in_(TALK))
    async def talk(message: Message, event_update: Update) -> None:
        if corrector is None or not await corrector.words(message):
            sent = Sent(event_update.update_id, message)
            await answerer.say([sent], bot_words.NO_PICTURE)

    if corrector is not None:

        @dispatcher.callback_query(Press.filter())
        async def press(query: CallbackQuery, callback_data: Press) -> None:
            await corrector.press(query, callback_data)

    return dispatcher
