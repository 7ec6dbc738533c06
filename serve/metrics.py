"""What the server counts and measures, for GET /metrics in Prometheus' text format.

Nothing here says who asked or what was on a picture. With several workers each writes its numbers
into files of the folder MULTIPROC_DIR, and whichever is asked adds them up.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from serve.settings import MULTIPROC_DIR

if TYPE_CHECKING:
    from serve.model import Model
    from serve.service import Service
    from serve.speed import Speed

BUCKETS_S = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""From a small network's inference to the longest upload that is waited for."""


class Metrics:
    """The metrics of one application."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.together = MULTIPROC_DIR in os.environ
        """Whether other processes count too."""
        self.requests = Counter(
            "leaflake_requests", "Requests answered.", ["route", "status"], registry=registry
        )
        self.request_s = Histogram(
            "leaflake_request_seconds",
            "From a request's head to the end of its answer.",
            ["route"],
            buckets=BUCKETS_S,
            registry=registry,
        )
        self.refusals = Counter(
            "leaflake_refusals",
            "Requests refused, by the code in the answer.",
            ["code"],
            registry=registry,
        )
        self.answers = Counter(
            "leaflake_answers",
            "Plants answered, by the rank of the answer.",
            ["rank"],
            registry=registry,
        )
        self.stage_s = Histogram(
            "leaflake_stage_seconds",
            "Of an answer: waiting for a lane, decoding, inference.",
            ["stage"],
            buckets=BUCKETS_S,
            registry=registry,
        )
        self._stages = {
            f"{stage}_ms": self.stage_s.labels(stage) for stage in ("wait", "decode", "inference")
        }
        self.gone = Counter(
            "leaflake_gone", "Requests dropped because the sender went away.", registry=registry
        )
        self.takeovers = Counter(
            "leaflake_takeovers",
            "New bundles, taken over or refused.",
            ["outcome"],
            registry=registry,
        )
        self.pictures = self._gauge("leaflake_pictures", "Waiting or being answered.")
        self.uploads = self._gauge("leaflake_uploads", "Requests whose body is arriving.")
        self.held_bytes = self._gauge("leaflake_held_bytes", "Of the bodies in memory.")
        self.queue = self._gauge("leaflake_queue", "Pictures that may wait or be in hand.")
        self.lanes = self._gauge("leaflake_lanes", "Pictures answered side by side.")
        self.pictures_per_s = self._gauge(
            "leaflake_measured_pictures_per_second", "What the lanes reached at the start."
        )
        self.model = Gauge(
            "leaflake_model",
            "1 for the bundle that answers, 0 for those before it.",
            ["name", "version", "file"],
            multiprocess_mode="livemax",
            registry=registry,
        )
        self._shown: Gauge | None = None
        if not self.together:
            ProcessCollector(registry=registry)

    def _gauge(self, name: str, about: str) -> Gauge:
        return Gauge(name, about, multiprocess_mode="livesum", registry=self.registry)

    def show_model(self, model: Model, speed: Speed) -> None:
        """The bundle that answers from now on."""
        if self._shown is not None:
            self._shown.set(0)
        manifest = model.manifest
        self._shown = self.model.labels(manifest.name, manifest.created, model.file)
        self._shown.set(1)
        self.lanes.set(speed.lanes)
        self.pictures_per_s.set(speed.pictures_per_s or 0)

    def show_load(self, service: Service) -> None:
        """How much the service has taken on."""
        self.pictures.set(service.pictures)
        self.uploads.set(service.places - service.asking)
        self.held_bytes.set(service.held_bytes)
        self.queue.set(service.queue)

    def count_request(self, route: str, status: int, took_s: float) -> None:
        """One answered request; `route` is its pattern, never the path that was sent."""
        self.requests.labels(route, str(status)).inc()
        self.request_s.labels(route).observe(took_s)

    def count_answer(self, rank: str, timings_ms: Mapping[str, float]) -> None:
        """One answered plant, with `wait_ms`, `decode_ms` and `inference_ms`."""
        self.answers.labels(rank).inc()
        for stage, histogram in self._stages.items():
            histogram.observe(timings_ms[stage] / 1000)

    def text(self) -> bytes:
        """Everything, as a scraper reads it; with several workers their sum."""
        registry = self.registry
        if self.together:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)
        return generate_latest(registry)


CONTENT_TYPE = CONTENT_TYPE_LATEST
