"""The API described for people: GET /api/, made from the same document as GET /openapi.json.

In: the document of serve/openapi.py. Out: HTML without a script. Every text in it is escaped.
"""

from __future__ import annotations

import re
from html import escape
from typing import Any

EXAMPLES = {
    ("post", "/api/predict"): (
        "curl -F image=@leaf.jpg {base}/api/predict",
        "curl -F image=@front.jpg -F image=@back.jpg '{base}/api/predict?species=apple,pear'",
        "curl --data-binary @leaf.jpg '{base}/api/predict?top=3&amp;reject=off'",
    ),
    ("get", "/api/species"): ("curl {base}/api/species",),
    ("get", "/api/model"): ("curl {base}/api/model",),
}
"""HTML; `{base}` is where the server was asked."""

HEAD = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Leaflake: the API</title>
<link rel="icon" href="/static/icon.svg">
<link rel="stylesheet" href="/static/api.css">
"""


def make_page(document: dict[str, Any], base: str) -> str:
    """The page; `base` is the server's address without a slash at its end."""
    parts = [
        HEAD,
        "<main>",
        "<h1>The API</h1>",
        f"<p>{_prose(document['info']['description'])}</p>",
        '<p>For programs: <a href="/openapi.json">openapi.json</a>. '
        'For your own pictures: <a href="/">the page</a>.</p>',
    ]
    for path, methods in document["paths"].items():
        for method, one in methods.items():
            parts.append(_operation(method, path, one, base))
    parts.append("<h2>Shapes</h2>")
    for name, schema in document["components"]["schemas"].items():
        parts.append(
            f'<section id="{escape(name)}"><h3>{escape(name)}</h3>{_schema(schema)}</section>'
        )
    return "\n".join([*parts, "</main>", "</html>", ""])


def _operation(method: str, path: str, one: dict[str, Any], base: str) -> str:
    parts = [
        "<section>",
        f"<h2><code>{method.upper()} {escape(path)}</code></h2>",
        f"<p>{escape(one['summary'])}</p>",
    ]
    if "description" in one:
        parts.append(f"<p>{_prose(one['description'])}</p>")
    if examples := EXAMPLES.get((method, path)):
        lines = "\n".join(example.format(base=escape(base)) for example in examples)
        parts.append(f"<pre>{lines}</pre>")
    rows = [
        (f"{each['name']} ({each['in']})", _parameter(each)) for each in one.get("parameters", [])
    ]
    for kind, body in one.get("requestBody", {}).get("content", {}).items():
        rows.append((f"body, {escape(kind)}", _schema(body["schema"])))
    for status, answer in one["responses"].items():
        shown = _answer(status, answer)
        rows.append((status, shown))
    return "\n".join([*parts, _table(rows), "</section>"])


def _prose(text: str) -> str:
    """A description; what stands in backticks is code."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", escape(text))


def _parameter(one: dict[str, Any]) -> str:
    return f"{escape(one.get('description', ''))} {_schema(one['schema'])}"


def _answer(status: str, answer: dict[str, Any]) -> str:
    about = escape(answer["description"])
    shapes = [_schema(one["schema"]) for one in answer.get("content", {}).values()]
    return f"{about} {' '.join(shapes)}"


def _table(rows: list[tuple[str, str]]) -> str:
    lines = [f'<tr><th scope="row">{name}</th><td>{said}</td></tr>' for name, said in rows]
    return "\n".join(["<table>", *lines, "</table>"])


def _schema(schema: dict[str, Any]) -> str:
    """One shape; an object as a table of its properties."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rsplit("/", 1)[1])
        return f'<a href="#{name}">{name}</a>'
    about = escape(schema.get("description", ""))
    kind = schema.get("type", "")
    if kind == "object" and "properties" in schema:
        needed = schema["required"]
        rows = [
            (f"{escape(name)}{'' if name in needed else ' (may be left out)'}", _schema(one))
            for name, one in schema["properties"].items()
        ]
        return f"{about}{_table(rows)}"
    if kind == "array":
        return f"{about} a list of {_schema(schema['items'])}".strip()
    words = " or ".join(kind) if isinstance(kind, list) else kind
    if "enum" in schema:
        words = " or ".join(f"<code>{escape(str(value))}</code>" for value in schema["enum"])
    if schema.get("format") == "binary":
        words = "the bytes of a picture"
    if "minimum" in schema and "maximum" in schema:
        words += f", {schema['minimum']} to {schema['maximum']}"
    if "default" in schema:
        words += f", {escape(str(schema['default']))} if left out"
    return f"{about} <i>{words}</i>".strip()
