"""The description of the API, held against the routes and against what is really answered."""

from __future__ import annotations

import re
from typing import Any

import jsonschema
import pytest
from aiohttp import FormData
from aiohttp.test_utils import TestClient
from asking import ask
from two_plants import GREY, RUST, SKY, YELLOW, picture

from serve.api_page import make_page
from serve.app import create_app
from serve.model import Model
from serve.openapi import make_document
from serve.options import Options
from serve.upload import Limits

DOCUMENT = make_document(Limits(), Options())
METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}


def api_routes(model: Model) -> set[tuple[str, str]]:
    """Routes that are the API, not the page."""
    page = re.compile(r"/$|/api/$|/openapi|/(static|vendor|bundle)/|/sw\.js|/site\.json")
    found = {
        (route.method, route.resource.canonical)
        for route in create_app(model).router.routes()
        if route.resource is not None
    }
    return {(method, path) for method, path in found if method in METHODS and not page.match(path)}


def test_every_route_of_the_api_is_described_and_no_other(model: Model) -> None:
    described = {
        (method.upper(), path) for path, one in DOCUMENT["paths"].items() for method in one
    }
    assert api_routes(model) == described


def resolve(schema: Any) -> Any:
    """The schema with every $ref replaced by what it names."""
    if isinstance(schema, list):
        return [resolve(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return resolve(DOCUMENT["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]])
    return {name: resolve(one) for name, one in schema.items()}


def check(method: str, path: str, status: int, value: Any) -> None:
    """Raise unless the document describes this answer."""
    one = DOCUMENT["paths"][path][method]["responses"][str(status)]
    jsonschema.validate(value, resolve(one["content"]["application/json"]["schema"]))


def form(*pictures: bytes) -> FormData:
    made = FormData()
    for data in pictures:
        made.add_field("image", data, filename="leaf.jpg")
    return made


def test_answers_are_as_described(model: Model) -> None:
    asked = [
        (200, picture(RUST), ""),
        (200, picture(SKY), ""),
        (200, picture(GREY), "?top=1"),
        (200, picture(YELLOW), "?reject=off&species=tomato"),
        (200, form(picture(RUST), picture(SKY)), ""),
        (400, picture(RUST), "?top=0"),
        (400, b"", ""),
        (403, b"{}", ""),
        (415, b"text", ""),
        (422, picture(RUST)[:-20], ""),
        (400, form(*[picture(RUST)] * 9), ""),
    ]

    async def body(client: TestClient) -> None:
        for status, data, query in asked:
            headers = {"Content-Type": "application/json"} if data == b"{}" else {}
            response = await client.post(f"/api/predict{query}", data=data, headers=headers)
            assert response.status == status
            check("post", "/api/predict", status, await response.json())
        for path, status, described in [
            ("/api/species", 200, "/api/species"),
            ("/api/species/apple", 200, "/api/species/{species_id}"),
            ("/api/species/pear", 404, "/api/species/{species_id}"),
            ("/api/model", 200, "/api/model"),
            ("/health/live", 200, "/health/live"),
            ("/health/ready", 200, "/health/ready"),
        ]:
            response = await client.get(path)
            assert response.status == status
            check("get", described, status, await response.json())

    ask(model, body)


def test_described_correction_is_taken(model: Model, tmp_path: Any) -> None:
    async def body(client: TestClient) -> None:
        row = await (await client.post("/api/predict", data=picture(RUST))).json()
        correction = {
            "request_id": row["request_id"],
            "predicted": row["answer"],
            "model": row["model"],
            "source": "server",
            "correct": {"species_id": "apple", "condition_id": "healthy"},
            "consent": False,
        }
        jsonschema.validate(correction, resolve(DOCUMENT["components"]["schemas"]["Correction"]))
        response = await client.post("/api/feedback", json=correction)
        assert response.status == 201
        check("post", "/api/feedback", 201, await response.json())
        refused = await client.post("/api/feedback", json={**correction, "consent": 1})
        check("post", "/api/feedback", refused.status, await refused.json())

    ask(model, body, options=Options(inbox=tmp_path))


@pytest.mark.parametrize("allowed", [True, False])
def test_addresses_are_described_only_where_they_are_fetched(allowed: bool) -> None:
    document = make_document(Limits(), Options(allow_urls=allowed))
    body = document["paths"]["/api/predict"]["post"]["requestBody"]["content"]
    assert ("application/json" in body) == allowed


def test_document_is_served_and_its_page_names_every_path_and_shape(model: Model) -> None:
    async def body(client: TestClient) -> None:
        served = await client.get("/openapi.json")
        assert (served.status, await served.json()) == (200, DOCUMENT)
        page = await client.get("/api/")
        text = await page.text()
        assert (page.status, page.content_type) == (200, "text/html")
        for path in DOCUMENT["paths"]:
            assert f"{path}</code>" in text
        for name in DOCUMENT["components"]["schemas"]:
            assert f'id="{name}"' in text
        assert f"curl -F image=@leaf.jpg http://{client.host}:{client.port}/api/predict" in text
        for link in re.findall(r'(?:href|src)="(/[^"]*)"', text):
            assert (await client.get(link)).status == 200, link

    ask(model, body)


def test_page_has_no_script_and_escapes_what_it_shows() -> None:
    document = {**DOCUMENT, "info": {"description": "<script>alert(1)</script>"}}
    page = make_page(document, 'http://x/"><script>')
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
