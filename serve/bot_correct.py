"""Buttons and words that correct an answer. In: presses and replies. Out: rows of the inbox.

The steps: is it right; if not, which species; which condition; may the picture be kept. Each press
changes what is kept of the answer and then the message, so that any of them may come twice; the
names under which a correction is written are made of the answer's, and ingestion takes in each name
once. Who corrects is told apart by serve/sender.py, under a key that is thrown away.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from dataclasses import dataclass

from aiogram import Bot
from aiogram.methods import AnswerCallbackQuery, EditMessageText, SendMessage
from aiogram.types import CallbackQuery, ForceReply, InlineKeyboardMarkup, Message

from serve.bot_buttons import (
    Press,
    condition_buttons,
    first_buttons,
    keep_buttons,
    species_buttons,
)
from serve.bot_said import (
    Said,
    conditions_of,
    said_as_answered,
    said_by_name,
    said_in_words,
    species_names,
)
from serve.bot_state import BotState, Entry
from serve.bot_telegram import NotFetched, TooLarge, fetch, send
from serve.correction import Correction, read_correction
from serve.feedback import make_row
from serve.inbox import Inbox
from serve.kept_picture import make_keepable
from serve.labels import Labels
from serve.refusals import ApiError
from serve.sender import sender_token
from serve.service import Service
from shards.decode import DecodeError

log = logging.getLogger("leaflake.bot")

WHICH_SPECIES = "What is it?"
WHICH_CONDITION = "What does it have?"
MAY_KEEP = "May the picture be kept, so that the next model learns from it?"
WRITE_NAME = "What is it? Reply to this message with its name."
TOO_OLD = "This answer is too old to be corrected. Send the picture again."
WITH_PICTURE = "Thank you. Noted, with the picture."
WITHOUT_PICTURE = "Thank you. Noted, without a picture."
PICTURE_GONE = "Thank you. Noted, but Telegram no longer has the picture."

MAX_NOTE = 200
"""Letters that Telegram shows of an answer to a press (Bot API, answerCallbackQuery)."""


@dataclass(frozen=True)
class Screen:
    """What the message of an answer shows."""

    text: str

    buttons: InlineKeyboardMarkup | None = None
    """None: there is nothing more to press."""


class Corrector:
    """Takes the corrections that one bot is sent."""

    def __init__(self, bot: Bot, service: Service, state: BotState, inbox: Inbox) -> None:
        self._bot = bot
        self._service = service
        self._state = state
        self._inbox = inbox

    @property
    def _labels(self) -> Labels:
        """Of the model that answers now; a takeover may come between two presses."""
        return self._service.model.labels

    async def press(self, query: CallbackQuery, press: Press) -> None:
        """A button was pressed."""
        note = TOO_OLD
        entry = self._state.find(press.answer)
        if entry is not None and isinstance(query.message, Message):
            note = await self._change(query, query.message, press, entry)
        # Have the button stop turning.
        call = AnswerCallbackQuery(
            callback_query_id=query.id, text=note[:MAX_NOTE] or None, show_alert=bool(note)
        )
        await send(self._bot, call)

    async def words(self, message: Message) -> bool:
        """A text; False unless it replies to WRITE_NAME."""
        asked = message.reply_to_message
        if asked is None or message.text is None:
            return False
        prompt = self._state.find(_prompt_name(asked))
        entry = self._state.find(prompt["answer"]) if prompt else None
        if prompt is None or entry is None:
            return False
        screen = Screen(MAY_KEEP, keep_buttons(prompt["answer"]))
        try:
            self._note(prompt["answer"], entry, said_by_name(message.text, self._labels))
        except ApiError as error:
            screen = Screen(f"{error.message} {error.what_to_do}")
        chat = message.chat.id
        text, buttons = screen.text, screen.buttons
        await send(self._bot, SendMessage(chat_id=chat, text=text, reply_markup=buttons))
        return True

    async def _change(
        self, query: CallbackQuery, message: Message, press: Press, entry: Entry
    ) -> str:
        """Do what the button says and change the message; returns a note for whoever pressed it."""
        try:
            screen = await self._step(query, message, press, entry)
        except ApiError as error:
            return f"{error.message} {error.what_to_do}"
        except (IndexError, KeyError):  # no button of ours, but what a changed app may send
            return TOO_OLD
        if screen is not None:
            # Telegram refuses to change a message into what it is, after a second press of one
            # button; that is a line in the log.
            await send(
                self._bot,
                EditMessageText(
                    chat_id=message.chat.id,
                    message_id=message.message_id,
                    text=screen.text,
                    reply_markup=screen.buttons,
                ),
            )
        return ""

    async def _step(
        self, query: CallbackQuery, message: Message, press: Press, entry: Entry
    ) -> Screen | None:
        """What the message shows after the press; None where it stays as it is."""
        answer, text = press.answer, entry.get("text", "")
        if "done" in entry:
            return Screen(entry["done"])
        match press.step:
            case "back":
                return Screen(text, first_buttons(answer, entry["predicted"]["rank"]))
            case "wrong":
                names = species_names(entry["species"], self._labels)
                buttons = species_buttons(answer, names, press.choice)
                return Screen(f"{text}\n\n{WHICH_SPECIES}", buttons)
            case "other":
                await self._ask_name(message, answer)
                return None
            case "keep":
                return await self._write(query, press, entry)
            case "right":
                said = said_as_answered(entry)
            case "condition":
                said = {"species_id": entry["said"]["species_id"]}
                if press.choice >= 0:
                    said["condition_id"] = entry["conditions"][press.choice]
            case "species":
                said = {"species_id": entry["species"][press.choice]}
                if conditions := conditions_of(said["species_id"], self._labels):
                    self._note(answer, {**entry, "conditions": list(conditions)}, said)
                    buttons = condition_buttons(answer, list(conditions.values()))
                    return Screen(f"{text}\n\n{WHICH_CONDITION}", buttons)
        self._note(answer, entry, said)
        words = said_in_words(said, self._labels)
        return Screen(f"{text}\n\nYou say: {words}. {MAY_KEEP}", keep_buttons(answer))

    def _note(self, answer: str, entry: Entry, said: Said) -> None:
        """Keep what was said. Raises ApiError if it makes no sense to the model."""
        changed = {**entry, "said": said}
        self._read(changed, consent=False)
        self._state.keep(answer, changed)

    def _read(self, entry: Entry, *, consent: bool) -> Correction:
        given = {
            "predicted": entry["predicted"],
            "model": entry["model"],
            "source": "server",  # a model of ours answered, not one in a browser
            "correct": entry["said"],
            "consent": consent,
        }
        return read_correction(json.dumps(given).encode(), self._labels)

    async def _write(self, query: CallbackQuery, press: Press, entry: Entry) -> Screen:
        """Write the correction, once for each picture. Raises ApiError if it cannot be stored."""
        consent = press.choice == 1
        said = self._read(entry, consent=consent)
        jpegs = await self._pictures(entry["files"]) if consent else []
        sender = sender_token(self._inbox.folder, f"telegram:{query.from_user.id}")
        try:
            for number, jpeg in enumerate(jpegs or [None]):
                key = _key(press.answer, number)
                row = {**make_row(key, said, sender), "request_id": press.answer}
                await self._inbox.add(key, row, jpeg)
        except OSError as error:
            log.error("inbox %s: a correction was not kept: %s", self._inbox.folder, error)
            raise ApiError(
                507, "not_kept", "It cannot be stored now.", "Press again later; nothing was kept."
            ) from error
        thanks = WITH_PICTURE if jpegs else PICTURE_GONE if consent else WITHOUT_PICTURE
        words = said_in_words(entry["said"], self._labels)
        screen = Screen(f"{entry['text']}\n\nYou say: {words}. {thanks}")
        self._state.keep(press.answer, {"done": screen.text})
        return screen

    async def _pictures(self, files: list[str]) -> list[bytes]:
        """The pictures as they are kept; without those that cannot be had any more."""
        found = []
        for name in files:
            try:
                data = await fetch(self._bot, name)
                found.append(await asyncio.to_thread(make_keepable, data))
            except (NotFetched, TooLarge, DecodeError) as error:
                log.warning("a picture of a correction cannot be kept: %s", error)
        return found

    async def _ask_name(self, message: Message, answer: str) -> None:
        call = SendMessage(chat_id=message.chat.id, text=WRITE_NAME, reply_markup=ForceReply())
        asked = await send(self._bot, call)
        if asked is not None:
            self._state.keep(_prompt_name(asked), {"answer": answer})


def _prompt_name(message: Message) -> str:
    return f"prompt {message.chat.id} {message.message_id}"


def _key(answer: str, number: int) -> str:
    """The name of a correction of an answer's picture, always the same one."""
    return hashlib.sha256(f"{answer} {number}".encode()).hexdigest()[:16]
