"""A new bundle in the place of the old one, while pictures are answered.

In: the path that the server was started with. When SIGHUP comes, or what lies there changes (a link
that was turned, a bundle that was exported or copied into its place), the new bundle is opened,
verified byte by byte and asked about its golden pictures in a thread; then it answers what comes
from now on. A bad one is refused with a line in the log, and the old one goes on.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from leaflake import UsageError
from serve.golden import Golden, read_golden, refuse_other_answers
from serve.lanes import Lanes
from serve.measure import guess, measure
from serve.model import Model
from serve.service import Service

log = logging.getLogger("leaflake.serve")

POLL_S = 2.0
"""How often the path is looked at. What changed must then stay the same once, so that a bundle is
not read while it is being copied."""

Look = tuple[object, ...]
"""What is at a path, as far as one sees without reading it; equal where nothing has changed."""


def open_bundle(bundle: Path, file: str | None) -> tuple[Model, list[Golden]]:
    """A bundle's model with one thread, verified and asked about its golden pictures; UsageError
    if anything about it is wrong."""
    model = Model.load(bundle, file, threads=1)
    golden = read_golden(model)
    refuse_other_answers(model, golden)
    return model, golden


def open_lanes(bundle: Path, file: str | None, cores: int) -> Lanes:
    """`open_bundle`, and the lanes that answer quickest here."""
    model, golden = open_bundle(bundle, file)
    lanes = measure(model, golden, cores)
    log.info("%s: %s", model.manifest.name, lanes.speed.describe())
    return lanes


def open_beside(bundle: Path, file: str | None, old: Lanes) -> Lanes:
    """`open_bundle` while `old` answers: what disturbs a measurement is going on."""
    model, golden = open_bundle(bundle, file)
    lanes = Lanes.open(model, old.speed)
    lanes.speed = guess(old.speed, old.model, lanes.model, golden)
    return lanes


def look(bundle: Path) -> Look:
    """Where the path leads, and size and time of every file there."""
    folder = bundle.resolve()
    files = []
    for path in sorted(folder.rglob("*")):
        try:
            stat = path.stat()
        except OSError:  # it went away since it was listed, and is missed the next time
            continue
        files.append((str(path), stat.st_ino, stat.st_size, stat.st_mtime_ns))
    return (str(folder), *files)


class Takeover:
    """Watches a path for a service."""

    def __init__(
        self, bundle: Path, file: str | None, service: Service, asked: asyncio.Event
    ) -> None:
        """Whoever sets `asked` has what lies there taken over, changed or not."""
        self._bundle = bundle
        self._file = file
        self._service = service
        self._asked = asked

    async def watch(self, poll_s: float = POLL_S) -> None:
        """Take over one bundle after the other; ends only by being cancelled."""
        known = before = await asyncio.to_thread(look, self._bundle)
        while True:
            asked = await self._wait(poll_s)
            self._service.show_load()  # for the other workers, which may be asked for the metrics
            now = await asyncio.to_thread(look, self._bundle)
            if asked or (now != known and now == before):
                known = now
                await self.take_over()
            before = now

    async def _wait(self, poll_s: float) -> bool:
        try:
            async with asyncio.timeout(poll_s):
                await self._asked.wait()
        except TimeoutError:
            return False
        self._asked.clear()
        return True

    async def take_over(self) -> bool:
        """Open what lies there and let it answer, or say in the log why not."""
        service = self._service
        name = service.model.manifest.name
        try:
            lanes = await asyncio.to_thread(open_beside, self._bundle, self._file, service.lanes)
        except UsageError as error:
            log.error("the new bundle is refused, %s goes on answering: %s", name, error)
            service.metrics.takeovers.labels("refused").inc()
            return False
        service.take_over(lanes)
        service.metrics.takeovers.labels("taken").inc()
        new = lanes.model.manifest
        log.info(
            "%s of %s took over from %s: %s", new.name, new.created, name, lanes.speed.describe()
        )
        return True
