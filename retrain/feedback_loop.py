"""Does the model get better by being used? Everything is real: lake, server, HTTP, training.

    python -m retrain.feedback_loop --out DIR        (just feedback-loop)

Drawn leaves, of two classes only three pictures each, become a lake, and a first model goes into
production. A server serves the link with an inbox, and answers somebody who asks all the time.
Pictures of the two classes are asked about, and fifty that are answered wrongly are corrected over
HTTP, from ten addresses; `leaflake retrain` takes them in. In the end the same server has to answer
the same pictures rightly, without a restart and without one failed request.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from export.manifest import read_fields

RARE = {
    "Grape___Esca_(Black_Measles)": ("grape", "esca"),
    "Apple___Black_rot": ("apple", "black_rot"),
}
"""Class folders of the drawn leaves, of which the first lake has hardly a picture."""

KEPT = 3
"""Pictures of each: a class needs so many to be in every split."""

OTHERS = 28
"""Pictures of every other class."""

ASKED = 48
"""Pictures of each that are asked about."""

SENT = 25
"""Of each, wrongly answered ones that are corrected."""

ADDRESSES = 10
"""Of documentation (RFC 5737), in X-Forwarded-For, which the server believes of this machine."""

PAUSE_S = 0.25
"""Between two questions of the one who asks all the time."""

TAKEOVER_S = 60.0
"""Until when the server must answer with the new model."""

RIGHT = 0.9
"""Share of the corrected pictures that must be answered rightly in the end."""

Label = tuple[str, str]


@dataclass
class Load:
    """Somebody who asks all the time."""

    statuses: Counter[int] = field(default_factory=Counter)
    models: Counter[str] = field(default_factory=Counter)


def main(arguments: Sequence[str] | None = None) -> int:
    """Go round once, and say whether it works."""
    parser = argparse.ArgumentParser(prog="just feedback-loop", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("feedback-loop"), help="a new folder")
    parser.add_argument("--epochs", type=int, default=20, help="of each of the two trainings")
    args = parser.parse_args(arguments)
    if args.out.exists():
        parser.error(f"{args.out} must not exist")
    return asyncio.run(go_round(args.out, args.epochs))


async def go_round(out: Path, epochs: int) -> int:
    """Lake, model, server, corrections, retraining, the same server again."""
    began = time.monotonic()
    lake, models = out / "lake", out / "models"
    leaflake("draw", "--out", out / "pictures", "--pictures", KEPT + ASKED)
    asked = hold_back(out / "pictures", out / "held-back")
    leaflake("ingest", out / "pictures", "--lake", lake)
    # Epochs, as minutes would be fewer for the second, which shares the machine with the server.
    retrain = ("retrain", "--lake", lake, "--models", models, "--no-browser", "--epochs", epochs)
    if status := leaflake(*retrain, check=False):
        print(f"it does NOT work: no first model came of it (leaflake retrain ended with {status})")
        return 1
    first = read_fields(models / "production").name
    load = Load()
    async with serving(models / "production", lake, out / "server.log") as url:
        asking = asyncio.create_task(keep_asking(url, sorted((out / "pictures").glob("*/*")), load))
        before = await ask_all(url, asked)
        print(f"{first}: {score(asked, before)}", flush=True)
        sent = choose_wrong(asked, before)
        await correct_all(url, sent, before)
        print(f"{len(sent)} of the others corrected", flush=True)
        status = await asyncio.to_thread(leaflake, *retrain, check=False)
        promoted = read_fields(models / "production").name
        taken_s = await until_served(url, promoted)
        after = await ask_all(url, sent)
        asking.cancel()
    right, failed = count_right(sent, after), sum(load.statuses.values()) - load.statuses[200]
    print(f"{promoted}: {score(sent, after)}")
    print(
        f"meanwhile {sum(load.statuses.values()):,} other requests, {failed} failed; answered by "
        f"{dict(load.models)}; the new model took over {taken_s:.1f} s after the link moved; "
        f"{(time.monotonic() - began) / 60:.1f} minutes in all"
    )
    works = status == 0 and promoted != first and not failed and right >= RIGHT * len(sent)
    works &= len(sent) == SENT * len(RARE)
    print("it works" if works else f"it does NOT work (leaflake retrain ended with {status})")
    return 0 if works else 1


def leaflake(*command: object, check: bool = True) -> int:
    """Run one command of the console, behind whatever else runs, as its systemd unit does it; gives
    the exit status."""
    words = list(map(str, command))
    print(f"$ leaflake {' '.join(words)}", flush=True)
    nice = ["nice", "-n", "19", sys.executable, "-m", "leaflake"]
    return subprocess.run([*nice, *words], check=check).returncode


def hold_back(pictures: Path, aside: Path) -> dict[Path, Label]:
    """Move all but KEPT pictures of the rare classes aside, and all but OTHERS of the rest; gives
    those of the rare ones with what they show."""
    aside.mkdir()
    asked: dict[Path, Label] = {}
    for folder in sorted(pictures.iterdir()):
        label = RARE.get(folder.name)
        for path in sorted(folder.iterdir())[KEPT if label else OTHERS :]:
            moved = aside / f"{folder.name}-{path.name}"
            path.rename(moved)
            if label:
                asked[moved] = label
    return asked


def choose_wrong(asked: dict[Path, Label], said: dict[Path, dict[str, Any]]) -> dict[Path, Label]:
    """Of each class SENT pictures that were answered wrongly, or all if there are fewer."""
    wrong = {path: label for path, label in asked.items() if not is_right(said[path], label)}
    return {
        path: label
        for one in RARE.values()
        for path, label in [item for item in wrong.items() if item[1] == one][:SENT]
    }


@asynccontextmanager
async def serving(bundle: Path, lake: Path, log: Path) -> AsyncIterator[str]:
    """A server on a free port, and its address."""
    command = [sys.executable, "-m", "leaflake", "serve", str(bundle), "--port", "0"]
    with log.open("wb") as out:
        server = await asyncio.create_subprocess_exec(
            *(*command, "--inbox", str(lake), "--proxies", "127.0.0.1"),
            stdout=asyncio.subprocess.PIPE,
            stderr=out,
            env=os.environ,
        )
    assert server.stdout is not None  # it is a pipe
    try:
        yield (await server.stdout.readline()).decode().split()[-1]
    finally:
        server.terminate()
        await server.wait()


async def keep_asking(url: str, pictures: Sequence[Path], load: Load) -> None:
    """Ask about one picture after another until cancelled; status 0 is no answer at all."""
    async with aiohttp.ClientSession() as session:
        while True:
            for path in pictures:
                try:
                    async with session.post(f"{url}api/predict", data=path.read_bytes()) as answer:
                        row = await answer.json()
                        load.statuses[answer.status] += 1
                except aiohttp.ClientError:
                    load.statuses[0] += 1
                else:
                    load.models[row.get("model", {}).get("name", "")] += 1
                await asyncio.sleep(PAUSE_S)


async def ask_all(url: str, sent: dict[Path, Label]) -> dict[Path, dict[str, Any]]:
    """The server's answer to each picture."""
    found = {}
    async with aiohttp.ClientSession(raise_for_status=True) as session:
        for path in sent:
            async with session.post(f"{url}api/predict", data=path.read_bytes()) as answer:
                found[path] = await answer.json()
    return found


async def correct_all(url: str, sent: dict[Path, Label], said: dict[Path, dict[str, Any]]) -> None:
    """Post a correction with its picture for each, from ADDRESSES in turn."""
    async with aiohttp.ClientSession(raise_for_status=True) as session:
        for number, (path, (species, condition)) in enumerate(sent.items()):
            row = said[path]
            correction = {
                "predicted": row["answer"],
                "model": row["model"],
                "source": "server",
                "correct": {"species_id": species, "condition_id": condition},
                "consent": True,
            }
            form = aiohttp.FormData({"feedback": json.dumps(correction)})
            form.add_field("image", path.read_bytes(), filename="leaf.jpg")
            headers = {"X-Forwarded-For": f"192.0.2.{number % ADDRESSES + 1}"}
            async with session.post(f"{url}api/feedback", data=form, headers=headers) as answer:
                await answer.read()


async def until_served(url: str, name: str) -> float:
    """Seconds until the server answers with this model, at most TAKEOVER_S."""
    began = time.monotonic()
    async with aiohttp.ClientSession(raise_for_status=True) as session:
        while time.monotonic() < began + TAKEOVER_S:
            async with session.get(f"{url}api/model") as answer:
                if (await answer.json())["name"] == name:
                    break
            await asyncio.sleep(0.2)
    return time.monotonic() - began


def is_right(said: dict[str, Any], label: Label) -> bool:
    """Whether the answer is the very species and condition."""
    node = said["answer"]
    return (node["species_id"], node["condition_id"]) == label


def count_right(sent: dict[Path, Label], said: dict[Path, dict[str, Any]]) -> int:
    """How many are answered rightly."""
    return sum(is_right(said[path], label) for path, label in sent.items())


def score(sent: dict[Path, Label], said: dict[Path, dict[str, Any]]) -> str:
    """For people: right answers, and what else was answered."""
    ranks = Counter(said[path]["answer"]["rank"] for path in sent)
    kinds = ", ".join(f"{rank} {count}" for rank, count in sorted(ranks.items()))
    return f"{count_right(sent, said)} of {len(sent)} answered rightly ({kinds})"


if __name__ == "__main__":
    sys.exit(main())
