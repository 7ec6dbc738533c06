"""`leaflake bot`: a bundle -> a Telegram bot that answers photographs, until it is told to stop."""

from __future__ import annotations

import argparse
import os
import re
import urllib.parse
from pathlib import Path

from leaflake import UsageError
from serve.serve_cli import count

TOKEN = "LEAFLAKE_BOT_TOKEN"

EXAMPLE = """example:
  leaflake bot demo/bundle --inbox lake/

The token of the bot, which @BotFather gives, stands in the environment as LEAFLAKE_BOT_TOKEN, and
nowhere else: arguments can be read by everybody on a machine. With --inbox, answers have buttons to
correct them, and `leaflake ingest lake/inbox` takes the corrections in.

stops on Ctrl+C or SIGTERM, after answering what it took. On SIGHUP, or when the bundle or a link to
it changes, it takes the new bundle over."""


def add_bot(parser: argparse.ArgumentParser) -> None:
    """The arguments of `leaflake bot`."""
    parser.epilog = EXAMPLE
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder with a model.json")
    parser.add_argument(
        "--inbox",
        type=Path,
        metavar="LAKE",
        help="take corrections, and the pictures whose senders consent, into LAKE/inbox",
    )
    parser.add_argument(
        "--state",
        type=Path,
        default=Path("leaflake-bot.sqlite3"),
        metavar="FILE",
        help="what was answered, so that a restart answers nothing twice (default: %(default)s)",
    )
    parser.add_argument(
        "--rate",
        type=count,
        default=20,
        metavar="N",
        help="pictures or albums a minute that one person may send (default: %(default)s)",
    )
    parser.add_argument("--file", help="model of the bundle, such as server.int8.onnx")
    parser.add_argument(
        "--api-url",
        type=api_url,
        default="https://api.telegram.org",
        metavar="URL",
        help="a Bot API server of your own (default: %(default)s)",
    )


def api_url(text: str) -> str:
    """The address of a Bot API server, for argparse."""
    parts = urllib.parse.urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or "{" in text:
        raise argparse.ArgumentTypeError(
            f'"{text}" is no address of a Bot API server; expected one such as '
            "http://127.0.0.1:8081"
        )
    return text.rstrip("/")


def run_bot(args: argparse.Namespace) -> int:
    """Run the bot, return 0 after a stop."""
    token = read_token()
    # As in serve_cli.py: nothing here multiplies matrices but ONNX Runtime.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    import asyncio
    import importlib.util
    import signal

    if importlib.util.find_spec("aiogram") is None:
        raise UsageError("the bot needs aiogram: pip install 'leaflake[bot]'. Nothing was started.")
    from serve.bot import BotSettings, serve_bot

    settings = BotSettings(
        args.bundle,
        args.state,
        file=args.file,
        inbox=args.inbox,
        rate=args.rate,
        api_url=args.api_url,
    )
    start_log(token)

    async def main() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await serve_bot(settings, token, announce, stop)

    asyncio.run(main())
    return 0


def read_token() -> str:
    """The token in the environment; UsageError, without a letter of it, if it cannot be one."""
    token = os.environ.get(TOKEN, "")
    if re.fullmatch("[0-9]+:[A-Za-z0-9_-]+", token):
        return token
    found = f"{TOKEN} is not set" if not token else f"{TOKEN} is no token, which is NUMBER:LETTERS"
    raise UsageError(
        f"{found}. Put the token that @BotFather gave you into the environment: "
        f"{TOKEN}=... leaflake bot BUNDLE. Nothing was started."
    )


def start_log(token: str) -> None:
    """Log to standard error; the token, which is part of every address of the Bot API, as a word.

    aiogram's own lines about each update are left out.
    """
    import logging

    class Formatter(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            return super().format(record).replace(token, "TOKEN")

    handler = logging.StreamHandler()
    handler.setFormatter(Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("aiogram").setLevel(logging.WARNING)


def announce(name: str, bot: str) -> None:
    """The one line of standard output; logs go to standard error."""
    print(f"Leaflake answers with {name} as @{bot}", flush=True)
