"""BentoML as a rival of `just bench-serve`: https://docs.bentoml.com

    bentoml serve serve.rivals.bentoml_service:Answers --working-dir CHECKOUT

A worker a core, each with a model of one thread, behind an ASGI application that BentoML mounts:
of its ways to take a picture that answered the most requests. Its own API for files writes each to
the disk first, and handing pictures to a thread of the worker cost another tenth.
"""

from __future__ import annotations

import os

import bentoml
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from serve.model import Model
from serve.rivals.answering import answer, load_model

MOUNT = "/rival"


async def predict(request: Request) -> Response:
    """One picture. The worker has a core to itself, so it does nothing else meanwhile."""
    model: Model = request.app.state.model
    return Response(answer(model, await request.body()), media_type="application/json")


app = Starlette(routes=[Route("/predict", predict, methods=["POST"])])


@bentoml.service(
    workers=len(os.sched_getaffinity(0)),
    traffic={"timeout": 60},
    logging={"access": {"enabled": False}},
    metrics={"enabled": False},
)
@bentoml.asgi_app(app, path=MOUNT)
class Answers:
    """One worker."""

    def __init__(self) -> None:
        app.state.model = load_model()
