"""A small lake, and what people sent, as rows of its inbox."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from stand_ins import photos

from ingest.run import ingest
from retrain import believe
from serve.correction import Correction, Said
from serve.feedback import make_row
from serve.inbox import Inbox

MODEL = {"name": "cpu-1", "version": "2026-01-31T12:00:00+00:00", "sha256": "0" * 64}
PREDICTED = {"rank": "species", "species_id": "apple", "condition_id": None, "probability": 0.75}

Sent = tuple[str, str, Said, bytes]


def put_into_inbox(lake: Path, *sent: Sent) -> None:
    """Put (key, sender, what is said, picture) into the inbox of a lake."""

    async def run() -> None:
        inbox = Inbox(lake)
        for key, sender, said, picture in sent:
            row = make_row(
                key, Correction(None, "server", MODEL, PREDICTED, said, True, None), sender
            )
            await inbox.add(key, {**row, "received": "2026-02-01T10:00:00+00:00"}, picture)
        await inbox.close()

    asyncio.run(run())


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Faster for what is so small, by far on a busy machine."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def small_looks(monkeypatch) -> None:
    """What the model's voice sees of a picture: less, as these have 64 pixels a side."""
    monkeypatch.setattr(believe, "EVAL_SIZE", 96)


@pytest.fixture(scope="session")
def send() -> Callable[..., None]:
    """send(lake, (key, sender, said, picture), ...)."""
    return put_into_inbox


@pytest.fixture(scope="session")
def curated(tmp_path_factory, write) -> Path:
    """A lake of 40 pictures in each of three classes, told apart by their colour."""
    folder = tmp_path_factory.mktemp("curated")
    write(folder / "photos", photos(40))
    ingest([folder / "photos"], folder / "lake")
    return folder / "lake"


@pytest.fixture
def lake(curated, tmp_path) -> Path:
    """A copy of it to write into."""
    return Path(shutil.copytree(curated, tmp_path / "lake"))
