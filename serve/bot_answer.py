"""Photographs in, an answer out, once. In: messages with pictures of one plant. Out: a reply.

An update is noted as done right before its answer is sent: a process that ends before that leaves
it to the next one, and one that ends after it does not answer twice.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from aiogram import Bot
from aiogram.methods import SendMessage
from aiogram.types import Document, InlineKeyboardMarkup, Message, PhotoSize, ReplyParameters

from export.manifest import REJECTIONS
from serve import bot_words
from serve.answer import MAX_TOP, Question
from serve.bot_buttons import PAGE, first_buttons
from serve.bot_state import BotState, Entry
from serve.bot_telegram import MAX_FILE_BYTES, NotFetched, TooLarge, fetch, send
from serve.guard import Rates
from serve.labels import NO_PLANT
from serve.refusals import ApiError
from serve.service import Service

log = logging.getLogger("leaflake.bot")

AT_ONCE = 8
"""Answers whose pictures are in memory, of up to 32 MiB each. The others wait at Telegram."""

BUSY_TRIES = 10
"""How often pictures are given to a service that is full."""


@dataclass(frozen=True)
class Sent:
    """A message with the update that brought it."""

    update_id: int
    message: Message


@dataclass
class Album:
    """Messages that were sent together, as far as they have come."""

    sent: list[Sent] = field(default_factory=list)
    done: asyncio.Event = field(default_factory=asyncio.Event)


class Answerer:
    """Answers what one bot is sent."""

    def __init__(
        self,
        bot: Bot,
        service: Service,
        state: BotState,
        *,
        rate: int,
        corrections: bool,
        album_s: float,
    ) -> None:
        """`rate`: pictures or albums a minute from one person. `corrections`: whether answers have
        buttons. `album_s`: so long after its last picture an album is taken to be complete, as
        Telegram sends each picture by itself and does not say how many there are."""
        self._bot = bot
        self._service = service
        self._state = state
        self._rates = Rates(rate)
        self._told: set[int] = set()
        """Who was told that they send too much, and has sent nothing since that was taken."""
        self._corrections = corrections
        self._album_s = album_s
        self._albums: dict[str, Album] = {}
        self._room = asyncio.Semaphore(AT_ONCE)

    @property
    def of_plants(self) -> bool:
        """Whether the model that answers now is."""
        return self._service.model.labels.of_plants

    async def picture(self, sent: Sent) -> None:
        """A message with a picture or a file; one of an album returns when that is answered."""
        name = sent.message.media_group_id
        if name is None:
            await self._answer([sent])
            return
        if (album := self._albums.get(name)) is not None:
            album.sent.append(sent)
            await album.done.wait()
            return
        album = self._albums[name] = Album([sent])
        try:
            count = 0
            while count < len(album.sent):
                count = len(album.sent)
                await asyncio.sleep(self._album_s)
            del self._albums[name]  # what comes later is another one
            await self._answer(sorted(album.sent, key=lambda one: one.message.message_id))
        finally:
            self._albums.pop(name, None)
            album.done.set()

    async def say(
        self,
        sent: Sequence[Sent],
        text: str,
        buttons: InlineKeyboardMarkup | None = None,
        kept: tuple[str, Entry] | None = None,
    ) -> None:
        """Reply to the first of the messages, if nobody did."""
        if not self._state.finish([one.update_id for one in sent], *(kept or ())):
            return
        first = sent[0].message
        reply = ReplyParameters(message_id=first.message_id, allow_sending_without_reply=True)
        await send(
            self._bot,
            SendMessage(
                chat_id=first.chat.id, text=text, reply_parameters=reply, reply_markup=buttons
            ),
        )

    async def _answer(self, sent: Sequence[Sent]) -> None:
        files = [file for one in sent if (file := picture_in(one.message)) is not None]
        if not files:
            return await self.say(sent, bot_words.NO_PICTURE)
        who = sent[0].message.chat.id  # of a chat of two, so that it is a person's
        if (wait_s := self._rates.take(str(who), time.monotonic())) > 0:
            return await self._say_too_many(sent, who, wait_s)
        self._told.discard(who)
        if any((file.file_size or 0) > MAX_FILE_BYTES for file in files):
            return await self.say(sent, bot_words.too_large(MAX_FILE_BYTES))
        looked_at = [file.file_id for file in files[: self._service.limits.pictures]]
        try:
            async with self._room:
                row = await self._row(looked_at)
        except NotFetched as error:
            log.warning("a picture could not be fetched: %s", error)
            return await self.say(sent, bot_words.NOT_FETCHED)
        except TooLarge:
            return await self.say(sent, bot_words.too_large(MAX_FILE_BYTES))
        except ApiError as error:
            busy = error.status == 503
            words = bot_words.BUSY if busy else bot_words.refusal(error.message, error.what_to_do)
            return await self.say(sent, words)
        text = bot_words.describe(row, len(files) - len(looked_at))
        if not self._corrections:
            return await self.say(sent, text)
        answer = secrets.token_hex(8)
        buttons = first_buttons(answer, row["answer"]["rank"])
        await self.say(sent, text, buttons, (answer, entry_of(row, text, looked_at)))

    async def _row(self, files: Sequence[str]) -> dict[str, Any]:
        """The answer of the model. Raises ApiError, NotFetched or TooLarge."""
        pictures: list[bytes] = []
        for name in files:
            pictures.append(await fetch(self._bot, name))
            if sum(map(len, pictures)) > self._service.limits.image_bytes:
                raise TooLarge
        for tried in range(1, BUSY_TRIES + 1):
            try:
                with self._service.place() as place:
                    place.hold(sum(map(len, pictures)))
                    row, _ = await self._service.answer(pictures, Question(top=MAX_TOP))
                    return row
            except ApiError as error:
                if error.status != 503 or tried == BUSY_TRIES:
                    raise
                await asyncio.sleep(float(error.headers["Retry-After"]))
        raise AssertionError("the last try returns or raises")

    async def _say_too_many(self, sent: Sequence[Sent], who: int, wait_s: float) -> None:
        """Once; then nothing, until something of theirs was taken again."""
        if who in self._told:
            self._state.finish([one.update_id for one in sent])
            return
        self._told.add(who)
        await self.say(sent, bot_words.too_many(wait_s))


def picture_in(message: Message) -> PhotoSize | Document | None:
    """The picture in a message; None where there is none.

    Of a photo Telegram keeps several sizes. A file without a type may be a picture, and is tried.
    """
    if message.photo:
        return max(message.photo, key=lambda size: size.width * size.height)
    file = message.document
    if file is None or not (file.mime_type or "image/").startswith(("image/", "application/octet")):
        return None
    return file


def entry_of(row: dict[str, Any], text: str, files: Sequence[str]) -> Entry:
    """What is kept of an answer until it is corrected; serve/bot_correct.py adds to it.

    Of several pictures only those are kept that seem to show the plant: whoever names the plant
    does not mean the photograph of the ground beside it.
    """
    ranks = [one["answer"]["rank"] for one in row.get("pictures", [])]
    shows = [name for name, rank in zip(files, ranks, strict=False) if rank not in REJECTIONS]
    keys = ("rank", "species_id", "condition_id", "probability")
    species = [one["species_id"] for one in row["species"] if one["species_id"] != NO_PLANT]
    species.insert(PAGE - 1, NO_PLANT)  # on the first page, below what is likelier
    return {
        "text": text,
        "predicted": {key: row["answer"][key] for key in keys},
        "model": row["model"],
        "files": shows or list(files),
        "species": species,
    }
