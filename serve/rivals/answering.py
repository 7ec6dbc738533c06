"""What every rival of `just bench-serve` answers. In: encoded bytes. Out: JSON.

The model, the decoder and the answers are Leaflake's own, so that what is left to differ is the
server.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from pathlib import Path

from serve.answer import Question
from serve.model import Model

BUNDLE = "LEAFLAKE_BENCH_BUNDLE"
"""The environment's variable that names the bundle: rivals start their own processes."""


def load_model() -> Model:
    """The model for a worker that has a core to itself."""
    model = Model.load(Path(os.environ[BUNDLE]), threads=1)
    return model.with_threads(1, spinning=False)


def answer(model: Model, data: bytes) -> bytes:
    """The JSON that Leaflake's own server sends, timings and request id included."""
    started = time.perf_counter()
    image = model.decode(data)
    decoded = time.perf_counter()
    row = model.row([model.run(image)], Question())
    answered = time.perf_counter()
    timings = {
        "upload_ms": 0.0,
        "wait_ms": 0.0,
        "decode_ms": round(1000 * (decoded - started), 2),
        "inference_ms": round(1000 * (answered - decoded), 2),
        "total_ms": round(1000 * (answered - started), 2),
    }
    about = {"source": "server", "timings": timings, "request_id": secrets.token_hex(8)}
    return json.dumps({**row, **about}).encode()
