"""What `leaflake serve` was asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from serve.options import Options
from serve.upload import Limits

MULTIPROC_DIR = "PROMETHEUS_MULTIPROC_DIR"
"""The variable of the environment that names the folder where prometheus_client adds up what
several workers count. It looks when it is imported, so the supervisor sets it before."""


@dataclass(frozen=True)
class Settings:
    """Of one server, however many processes it has."""

    bundle: Path
    """Folder with a model.json, or a link to one."""

    file: str | None = None
    """Model of the bundle; None: the bundle's own choice."""

    host: str = "127.0.0.1"

    port: int = 8000
    """0: any that is free."""

    idle_stop_s: float | None = None
    """End after so many seconds without a request."""

    limits: Limits = field(default_factory=Limits)

    options: Options = field(default_factory=Options)
