"""Pictures in, one row a picture out: answered here with a bundle, or by a running server.

Both give the same row for the same picture. A picture that cannot be answered is a row too, with
the rank "error" and a reason.
"""

from __future__ import annotations

import ipaddress
import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaflake import UsageError
from serve.refusals import refuse_picture
from shards.decode import MAX_IMAGE_BYTES, REASONS, DecodeError

if TYPE_CHECKING:
    from serve.answer import Question
    from serve.model import Model

STANDARD_INPUT = "-"
"""Stands for the picture on standard input, in `--image` and in the answer's `image`."""

SERVER_TIMEOUT_S = 60.0
"""Longer than the server's own limit on an upload, so that its message arrives."""

BUSY_TRIES = 10
"""How often a picture is sent to a server that is full, before that counts as its answer."""

NAME_ANOTHER = "Name a JPEG, PNG or WebP file."

NODE_KEYS = ("rank", "species_id", "species", "condition_id", "condition", "probability")
"""The keys of `answer` in every row."""

Row = dict[str, Any]
Answerer = Callable[[bytes], Row]
"""Encoded bytes -> the answer of serve/answer.py; raises PictureError."""


class PictureError(Exception):
    """This picture has no answer; the next one may have. `code` is a word for programs."""

    def __init__(self, code: str, message: str, what_to_do: str) -> None:
        super().__init__(message)
        self.code = code
        self.what_to_do = what_to_do


def find_pictures(paths: list[Path]) -> list[Path]:
    """The files meant: each path itself, or for a folder all files below it, sorted.

    Hidden files are left out of a folder, since file browsers leave some in every one. A path that
    does not exist stays in the list. Raises UsageError for a folder that holds no file.
    """
    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        below = sorted(each for each in path.rglob("*") if each.is_file())
        below = [each for each in below if not _hidden(each.relative_to(path))]
        if not below:
            raise UsageError(f"{path}: no file in this folder. Name a folder with pictures.")
        found += below
    return found


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def classify(path: Path, answer: Answerer) -> Row:
    """One picture -> its row. Never raises for what is wrong with the picture."""
    try:
        row = answer(read_picture(path))
    except PictureError as error:
        return {
            "image": str(path),
            "answer": {**dict.fromkeys(NODE_KEYS), "rank": "error"},
            "species": [],
            "conditions": [],
            "error": {
                "code": error.code,
                "message": str(error),
                "what_to_do": error.what_to_do,
            },
        }
    return {"image": str(path), **row}


def read_picture(path: Path) -> bytes:
    """The bytes of one file, or of standard input; PictureError if there are none to be had."""
    try:
        if str(path) == STANDARD_INPUT:
            # One byte over the limit is enough for the decoder to see that it is over.
            return sys.stdin.buffer.read(MAX_IMAGE_BYTES + 1)
        if not path.exists() or path.is_file():
            with path.open("rb") as file:
                return file.read(MAX_IMAGE_BYTES + 1)
        raise PictureError(  # reading a pipe may never end
            "unreadable", "not a regular file", NAME_ANOTHER
        )
    except FileNotFoundError:
        raise PictureError("missing", "there is no such file", NAME_ANOTHER) from None
    except OSError as error:
        message = error.strerror or REASONS["unreadable"]
        raise PictureError("unreadable", message, NAME_ANOTHER) from None


def local_answerer(model: Model, question: Question) -> Answerer:
    """Answer in this process, with the model of a bundle."""

    def answer(data: bytes) -> Row:
        try:
            return model.answer(model.decode(data), question)
        except DecodeError as error:
            raise no_picture(error) from None

    return answer


def server_answerer(server: str, question: Question) -> Answerer:
    """Answer by uploading to a running `leaflake serve`, as `local_answerer` does."""
    parts = urllib.parse.urlsplit(server)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f'--server "{server}": expected a URL such as http://127.0.0.1:8000/.')
    url = f"{server.rstrip('/')}/api/predict?top={question.top}"
    url += "" if question.reject else "&reject=off"
    # A proxy set up for the internet cannot reach a server on this machine.
    proxies = urllib.request.ProxyHandler({} if _is_loopback(parts.hostname) else None)
    opener = urllib.request.build_opener(proxies)

    def answer(data: bytes) -> Row:
        if not data or len(data) > MAX_IMAGE_BYTES:  # not worth sending: say what a server would
            raise no_picture(DecodeError("too_large" if data else "empty"))
        row = _post(opener, url, data)
        return {key: value for key, value in row.items() if key not in SERVER_KEYS}

    return answer


def no_picture(error: DecodeError) -> PictureError:
    """What the decoder found wrong, in the words of the server."""
    refusal = refuse_picture(error)
    return PictureError(refusal.code, refusal.message, refusal.what_to_do)


SERVER_KEYS = ("source", "request_id", "timings")
"""What the server adds to an answer; left out, so that a row does not depend on who made it."""


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _post(opener: urllib.request.OpenerDirector, url: str, data: bytes) -> Row:
    headers = {"Content-Type": "application/octet-stream"}
    request = urllib.request.Request(url, data, headers)
    for _ in range(BUSY_TRIES):
        try:
            with opener.open(request, timeout=SERVER_TIMEOUT_S) as response:
                return _object(url, response.read())
        except urllib.error.HTTPError as error:
            body = error.read()
            if error.code != 503:
                raise _refusal(url, error.code, body) from None
            wait = error.headers.get("Retry-After", "1")
            time.sleep(min(int(wait), 10) if wait.isdigit() else 1)
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", error)
            raise UsageError(
                f"{url}: no answer ({reason}). Start one with `leaflake serve BUNDLE`, "
                "or leave out --server to answer here."
            ) from None
    raise PictureError("busy", f"the server was full {BUSY_TRIES} times", "Try again later.")


def _refusal(url: str, status: int, body: bytes) -> Exception:
    """A picture's own fault is a row; anything else means that `url` is the wrong place."""
    error = _object(url, body).get("error")
    if isinstance(error, dict) and error.get("code") in (*REASONS, "too_slow", "internal"):
        message = str(error.get("message")).rstrip(".")
        return PictureError(str(error["code"]), message, str(error.get("what_to_do")))
    return UsageError(f"{url}: HTTP {status}, so no Leaflake of this version answers there.")


def _object(url: str, body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except ValueError:
        value = None
    if isinstance(value, dict):
        return value
    raise UsageError(f"{url}: the answer is not JSON, so this is no Leaflake server.")
