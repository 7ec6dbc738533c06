"""Does a server that is killed keep what it acknowledged? Prints the verdict.

    python -m serve.kill_feedback BUNDLE --kills 20

Senders post corrections to a real `leaflake serve --workers 2 --inbox DIR`, every other one with a
picture, while others ask about pictures. At random moments all of its processes get SIGKILL, and
another server starts on the same inbox. At the end every correction that was answered with 201 must
be in the inbox, as it was sent. Needs nothing but the bundle, whose golden pictures it sends.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import sys
import tempfile
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np

from export.manifest import read_fields
from leaflake import UsageError
from shards.decode import decode_image
from shards.inbox_tar import FOLDER_NAME, Entry, read_entries, read_picture

SENDERS, ASKERS, WORKERS = 16, 4, 2
LIFE_S = (0.2, 3.0)
"""How long a server lives, from its first answer on."""

START_S = 60.0
"""A server that does not listen by then never will."""

MAX_DIFFERENCE = 8.0
"""Mean of |difference| of pixels, 0-255, between a picture sent and kept, which is encoded anew; of
two different pictures it is above 30."""


@dataclass
class Acknowledged:
    """What the server said it kept."""

    notes: dict[str, str] = field(default_factory=dict)
    """Feedback id -> the note that was sent, which no other had."""

    pictures: dict[str, int] = field(default_factory=dict)
    """Feedback id -> number of the picture that was sent."""

    answered: int = 0
    """Pictures."""


@dataclass(frozen=True)
class Verdict:
    """What was found in the inbox."""

    acknowledged: int
    pictures: int
    """Of these, with a picture."""

    beyond: int
    """Kept and not acknowledged: the kill came between the two."""

    tars: int
    faults: tuple[str, ...]
    """What is missing, or other than it was sent; nothing should be."""


def main(argv: Sequence[str] | None = None) -> int:
    """Kill, compare, print. Returns 0 if nothing is missing, else 1."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("bundle", type=Path, metavar="BUNDLE")
    parser.add_argument("--kills", type=int, default=20, metavar="N")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    try:
        pictures = read_golden(args.bundle)
    except UsageError as error:
        parser.error(str(error))
    with tempfile.TemporaryDirectory(prefix="kill-feedback-") as name:
        done = asyncio.run(kill_servers(args.bundle, Path(name), pictures, args.kills, args.seed))
        verdict = compare(Path(name), done, pictures)
    print(
        f"{args.kills} kills: {verdict.acknowledged:,} corrections acknowledged, "
        f"{verdict.pictures:,} of them with a picture, while {done.answered:,} pictures were "
        f"answered; {verdict.tars} tars, {verdict.beyond} corrections beyond these: ",
        end="",
    )
    if verdict.acknowledged and not verdict.faults:
        print("every one is in the inbox as it was sent")
        return 0
    print("NOT all are there:", *(verdict.faults or ("none was acknowledged",)), sep="\n  ")
    return 1


def read_golden(bundle: Path) -> list[bytes]:
    """The bundle's golden pictures. Raises UsageError if it has none."""
    names = [name for name in read_fields(bundle).files if name.startswith("golden/")]
    pictures = [(bundle / name).read_bytes() for name in sorted(names) if name.endswith(".jpg")]
    if not pictures:
        raise UsageError(f"{bundle}: has no golden pictures to send. Export it anew.")
    return pictures


async def kill_servers(
    bundle: Path, lake: Path, pictures: Sequence[bytes], kills: int, seed: int
) -> Acknowledged:
    """Start a server, load it, kill it; so often."""
    moments = random.Random(seed)
    done = Acknowledged()
    for number in range(kills):
        server, url = await _start(bundle, lake)
        senders = [_send(url, pictures, f"{number}-{i}", done) for i in range(SENDERS)]
        askers = [_ask(url, pictures, done) for _ in range(ASKERS)]
        tasks = [asyncio.create_task(_until_killed(one)) for one in (*senders, *askers)]
        await asyncio.sleep(moments.uniform(*LIFE_S))
        os.killpg(server.pid, signal.SIGKILL)
        await server.wait()
        await asyncio.gather(*tasks)
        print(f"kill {number + 1} of {kills}: {len(done.notes):,} acknowledged", file=sys.stderr)
    return done


async def _start(bundle: Path, lake: Path) -> tuple[asyncio.subprocess.Process, str]:
    command = [sys.executable, "-m", "leaflake", "serve", str(bundle), "--port", "0"]
    server = await asyncio.create_subprocess_exec(
        *(*command, "--workers", str(WORKERS), "--inbox", str(lake)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,  # a process group of its own, with its workers
    )
    assert server.stdout is not None  # it is a pipe
    async with asyncio.timeout(START_S):
        line = (await server.stdout.readline()).decode()
    if "http://" not in line:
        raise UsageError(f"{bundle}: the server did not start; try leaflake serve {bundle}")
    return server, line.split()[-1]


async def _until_killed(load: Awaitable[None]) -> None:
    with suppress(aiohttp.ClientError, ConnectionError):
        await load


async def _send(url: str, pictures: Sequence[bytes], name: str, done: Acknowledged) -> None:
    """One correction after another, every other one with a picture."""
    async with aiohttp.ClientSession() as session:
        number = 0
        while True:
            number += 1
            note, index = f"{name}-{number}", number % len(pictures)
            body: dict[str, Any] = {"json": correction(note)}
            if number % 2:
                form = aiohttp.FormData({"feedback": json.dumps(correction(note))})
                form.add_field("image", pictures[index], filename="leaf.jpg")
                body = {"data": form}
            async with session.post(f"{url}api/feedback", **body) as response:
                row = await response.json()
            if response.status == 201:
                done.notes[row["feedback_id"]] = note
                if row["picture_kept"]:
                    done.pictures[row["feedback_id"]] = index


async def _ask(url: str, pictures: Sequence[bytes], done: Acknowledged) -> None:
    async with aiohttp.ClientSession() as session:
        while True:
            for data in pictures:
                async with session.post(f"{url}api/predict", data=data) as response:
                    await response.read()
                done.answered += response.status == 200


def correction(note: str) -> dict[str, Any]:
    """One that every server takes, whatever its label tree."""
    return {
        "predicted": {"rank": "not_sure"},
        "model": {"name": "kill-feedback", "version": "0", "sha256": "0" * 64},
        "source": "server",
        "correct": {"other": "a plant"},
        "consent": True,
        "note": note,
    }


def compare(lake: Path, done: Acknowledged, pictures: Sequence[bytes]) -> Verdict:
    """Read the inbox as ingestion does."""
    entries = {entry.key: entry for entry in read_entries(lake / FOLDER_NAME)}
    faults = []
    for key, note in done.notes.items():
        entry = entries.get(key)
        if entry is None:
            faults.append(f"{key} is missing")
        elif entry.row.get("note") != note:
            faults.append(f"{key} says something else")
        elif key in done.pictures and not _is_kept(entry, pictures[done.pictures[key]]):
            faults.append(f"{key} has another picture")
    tars = len(list((lake / FOLDER_NAME).glob("*.tar")))
    beyond = len(entries.keys() - done.notes.keys())
    return Verdict(len(done.notes), len(done.pictures), beyond, tars, tuple(faults))


def _is_kept(entry: Entry, sent: bytes) -> bool:
    kept = read_picture(entry.path) if entry.picture is not None else None
    if kept is None:
        return False
    one, other = decode_image(kept).astype(np.int16), decode_image(sent).astype(np.int16)
    return one.shape == other.shape and bool(np.abs(one - other).mean() < MAX_DIFFERENCE)


if __name__ == "__main__":
    sys.exit(main())
