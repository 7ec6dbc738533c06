"""The bot as a process of its own: killed at the worst moments, stopped, and what it prints."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from bot_api import TOKEN, BotApi, no_trouble, photo, sends
from two_plants import RUST, picture

from leaflake import main

ROOT = Path(__file__).parents[2]


@asynccontextmanager
async def process(api: BotApi, bundle: Path, folder: Path) -> AsyncIterator[Any]:
    """`leaflake bot`, once it has said that it is there; killed at the end."""
    started = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "leaflake", "bot", str(bundle), "--api-url", api.url),
        *("--state", str(folder / "bot.sqlite3")),
        cwd=ROOT,
        env={**os.environ, "LEAFLAKE_BOT_TOKEN": TOKEN},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert started.stdout is not None  # it is a pipe
    try:
        async with asyncio.timeout(300):  # a busy machine takes long to import it all
            line = await started.stdout.readline()
        assert line == b"Leaflake answers with two-plants as @leaf_bot\n"
        yield started
    finally:
        if started.returncode is None:
            started.kill()
        await started.wait()


def test_a_killed_bot_answers_what_it_had_not_and_nothing_twice_and_never_logs_its_token(
    bundle, tmp_path
) -> None:
    async def body() -> tuple[BotApi, str]:
        async with BotApi() as api:
            api.files |= {"first": picture(RUST), "second": picture(RUST)}
            await killed_in_the_middle(api)
            assert [one["update_id"] for one in api.updates] == [1, 2]
            return api, await in_peace(api)

    async def killed_in_the_middle(api: BotApi) -> None:
        """While it says one answer, and fetches the picture of another one."""
        reached: set[str] = set()

        async def never(method: str, fields: dict[str, Any]) -> web.Response | None:
            if method == "sendMessage" or fields.get("file_id") == "second":
                reached.add(method)
                await asyncio.Event().wait()
            return None

        api.trouble = never
        await api.send(sends(1, **photo("first")), sends(2, **photo("second")))
        async with process(api, bundle, tmp_path) as bot:
            await api.until(lambda: reached == {"sendMessage", "getFile"})
            bot.kill()

    async def in_peace(api: BotApi) -> str:
        """What the next process logs until it is stopped."""
        api.trouble = no_trouble
        async with process(api, bundle, tmp_path) as bot:
            await api.until(lambda: len(api.said("sendMessage")) == 2)
            await api.send(sends(3, **photo("gone")))  # aiohttp's error names the whole address
            await api.until(lambda: len(api.said("sendMessage")) == 3)
            api.trouble = break_down
            await api.send(sends(4, "/start"))
            await api.until(lambda: len(api.said("sendMessage")) == 4)
            bot.terminate()
            _, log = await bot.communicate()
            assert bot.returncode == 0
            return log.decode()

    api, log = asyncio.run(body())
    assert api.updates == []  # acknowledged at the stop
    # The first of these is the one that was being said; nobody said it again.
    replied = [one["reply_parameters"]["message_id"] for one in api.said("sendMessage")]
    assert replied == [1, 2, 3, 4]
    assert "a picture could not be fetched" in log and "/file/botTOKEN/gone" in log
    assert "sendMessage failed" in log
    assert TOKEN.partition(":")[2] not in log


async def break_down(method: str, fields: dict[str, Any]) -> web.Response | None:
    """A gateway's page in place of an answer."""
    page = web.Response(status=500, text=f"no JSON, but {TOKEN}")
    return page if method == "sendMessage" else None


@pytest.mark.parametrize(
    ("token", "words"),
    [
        (None, "LEAFLAKE_BOT_TOKEN is not set. Put the token that @BotFather gave you"),
        ("geheim", "LEAFLAKE_BOT_TOKEN is no token, which is NUMBER:LETTERS"),
        ("42:ge heim", "LEAFLAKE_BOT_TOKEN is no token"),
    ],
)
def test_without_a_token_nothing_is_started(tmp_path, monkeypatch, capsys, token, words) -> None:
    monkeypatch.delenv("LEAFLAKE_BOT_TOKEN", raising=False)
    if token is not None:
        monkeypatch.setenv("LEAFLAKE_BOT_TOKEN", token)
    assert main(["bot", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert "heim" not in said


@pytest.mark.parametrize("url", ["ftp://a", "http://", "nowhere", "http://a/?b", "http://{token}"])
def test_an_address_that_is_none_is_refused(tmp_path, capsys, url) -> None:
    with pytest.raises(SystemExit):
        main(["bot", str(tmp_path), "--api-url", url])
    assert "is no address of a Bot API server" in capsys.readouterr().err


def test_without_aiogram_it_says_what_to_install(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setenv("LEAFLAKE_BOT_TOKEN", TOKEN)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["bot", str(tmp_path)]) == 2
    assert "pip install 'leaflake[bot]'" in capsys.readouterr().err
