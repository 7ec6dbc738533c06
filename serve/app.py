"""The aiohttp application: which handler answers which path, and what all of them share.

A picture lives in memory until its answer is sent; unless it comes with a correction whose sender
consents, nothing of it is stored, and never is anything of it logged.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from aiohttp import web

from serve import about, predict
from serve.feedback import add_feedback
from serve.guard import add_guard
from serve.lanes import Lanes
from serve.metrics import CONTENT_TYPE, Metrics
from serve.middlewares import ACTIVITY, Activity, add_headers, answer_errors, note_request
from serve.model import Model
from serve.options import OPTIONS, Options
from serve.page import add_page
from serve.service import SERVICE, Service
from serve.speed import unmeasured
from serve.upload import Limits


def create_app(
    answers: Model | Service, limits: Limits | None = None, options: Options | None = None
) -> web.Application:
    """The application for a service, or for a model alone, whose speed nobody has measured.

    `limits` are those of the service where there is one already.
    """
    if isinstance(answers, Model):
        lanes = Lanes.open(answers, unmeasured())
        answers = Service(lanes, limits or Limits(), Metrics())
    app = web.Application(middlewares=[note_request, answer_errors])
    app[SERVICE] = answers
    app[OPTIONS] = options or Options()
    app[ACTIVITY] = Activity()
    app.router.add_post("/api/predict", predict.predict)
    app.router.add_get("/api/", about.api_page)
    app.router.add_get("/api/model", about.about_model)
    app.router.add_get("/api/species", about.all_species)
    app.router.add_get("/api/species/{species_id}", about.one_species)
    app.router.add_get("/health/live", about.live)
    app.router.add_get("/health/ready", about.ready)
    app.router.add_get("/metrics", show_metrics)
    app.router.add_get("/openapi.json", about.openapi)
    app.on_response_prepare.append(add_headers)
    app.cleanup_ctx.append(close_service)
    add_guard(app)
    add_feedback(app, app[OPTIONS].inbox)
    add_page(app)
    return app


async def show_metrics(request: web.Request) -> web.Response:
    """GET /metrics: what was counted and measured, in Prometheus' text format."""
    service = request.app[SERVICE]
    service.show_load()
    return web.Response(body=service.metrics.text(), headers={"Content-Type": CONTENT_TYPE})


async def close_service(app: web.Application) -> AsyncIterator[None]:
    """The lanes' threads live as long as the application."""
    yield
    app[SERVICE].close()
