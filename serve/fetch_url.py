"""A picture by its address: `{"url": ...}`, off unless the server is started with --allow-urls.

Whoever names an address makes this server ask there, from where it stands: inside a network,
beside other services. So it asks public addresses alone. A name is looked up once for a connection,
and the socket is opened for the very number that was found, or not at all: neither a name whose
answer changes nor any notation of a number leads elsewhere. No proxy is used, and no redirection is
followed without the same questions.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from serve.public_address import is_public
from serve.refusals import WHAT_TO_DO, ApiError
from serve.upload import CHUNK_BYTES, Hold
from shards.decode import MAX_IMAGE_BYTES

MAX_URL = 2048
"""Characters. Longer ones are in no browser's address bar."""

REDIRECTS = (301, 302, 303, 307, 308)

LOOKUP_THREADS = 4
"""A name server that never answers holds one for some seconds; the threads of others go on."""

HEADERS = {
    "Accept": "image/jpeg, image/png, image/webp",
    "Accept-Encoding": "identity",
    "User-Agent": "Leaflake",
}


@dataclass(frozen=True)
class UrlRules:
    """What may be asked for, and how long and how much that may take."""

    may_ask: Callable[[str], bool] = is_public
    """Whether an address, as a number, may be asked."""

    ports: frozenset[int] = frozenset({80, 443})
    """Pictures are on web servers; on other ports are other services."""

    bytes: int = MAX_IMAGE_BYTES
    """The decoder's own limit."""

    timeout_s: float = 10.0
    """For everything: names, redirections and the picture. 4 MB in 10 s are 3.2 Mbit/s."""

    redirects: int = 3
    """A picture behind more of them is rare: http to https, to the name with www, to a store."""


class _Forbidden(OSError):
    """An address that may not be asked."""


async def fetch_picture(text: str, rules: UrlRules, hold: Hold) -> bytes:
    """The bytes behind an address, or ApiError. `hold` as in serve/upload.py.

    Every way in which an address is out of reach is one refusal with one message: it must not tell
    a stranger which names and addresses exist in the network of this server.
    """
    url = read_url(text, rules)
    try:
        async with asyncio.timeout(rules.timeout_s), _open_session(rules) as session:
            for _ in range(rules.redirects + 1):
                found = await _ask(session, url, rules, hold)
                if not isinstance(found, URL):
                    return found
                url = found
    except TimeoutError:
        raise _refuse(f"had not sent a picture after {rules.timeout_s:g} s") from None
    except (aiohttp.ClientError, OSError, ValueError):  # ValueError: how yarl and idna refuse names
        raise _refuse("cannot be reached, or is not public") from None
    raise _refuse(f"leads on more than {rules.redirects} times")


def read_url(text: str, rules: UrlRules) -> URL:
    """Read an address of the web and refuse what cannot be one of a picture."""
    if len(text) > MAX_URL:
        raise _bad_url(f"is over {MAX_URL} characters long")
    try:
        url = URL(text)
        host, port = url.raw_host, url.port
    except ValueError as error:
        raise _bad_url(f"cannot be read ({str(error)[:100]})") from None
    if url.scheme not in ("http", "https") or not host:
        raise _bad_url("does not begin with http:// or https://")
    if url.user is not None or url.password is not None:
        raise _bad_url("has a name or a password in it")
    if port not in rules.ports:
        raise _bad_url(f"names port {port}, but only {sorted(rules.ports)} are asked")
    return url.with_fragment(None)


async def _ask(
    session: aiohttp.ClientSession, url: URL, rules: UrlRules, hold: Hold
) -> bytes | URL:
    """The picture, or where else to look."""
    async with session.get(url, allow_redirects=False) as response:
        if response.status in REDIRECTS:
            location = response.headers.get("Location", "")
            return read_url(str(url.join(URL(location[: MAX_URL + 1]))), rules)
        if response.status != HTTPStatus.OK:
            raise _refuse(f"answers {response.status}")
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise _refuse("answers with something compressed")
        if (response.content_length or 0) > rules.bytes:
            raise _too_large(rules)
        data = bytearray()
        async for chunk in response.content.iter_chunked(CHUNK_BYTES):
            hold(len(chunk))
            data += chunk
            if len(data) > rules.bytes:
                raise _too_large(rules)
        return bytes(data)


@asynccontextmanager
async def _open_session(rules: UrlRules) -> AsyncIterator[aiohttp.ClientSession]:
    def open_socket(address: Any) -> socket.socket:
        """The one gate: asked for every connection, whatever led to it."""
        family, kind, protocol, _, place = address
        if not rules.may_ask(str(place[0])):
            raise _Forbidden(f"{place[0]} may not be asked")
        return socket.socket(family, kind, protocol)

    connector = aiohttp.TCPConnector(
        resolver=_Resolver(), use_dns_cache=False, force_close=True, socket_factory=open_socket
    )
    async with aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers=HEADERS,
        auto_decompress=False,
        trust_env=False,  # a proxy would look names up by itself, where no rule of ours holds
    ) as session:
        yield session


class _Resolver(AbstractResolver):
    """Looks names up in threads of their own, as nobody can tell the time that a stranger's name
    server takes, and the loop's threads read this server's files."""

    _threads = ThreadPoolExecutor(LOOKUP_THREADS, thread_name_prefix="lookup")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Every address of a name; OSError if it has none."""
        found = await asyncio.get_running_loop().run_in_executor(
            self._threads, lambda: socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
        )
        return [
            {
                "hostname": host,
                "host": str(place[0]),
                "port": port,
                "family": kind,
                "proto": protocol,
                "flags": socket.AI_NUMERICHOST,
            }
            for kind, _, protocol, _, place in found
        ]

    async def close(self) -> None:
        """The threads stay for the next request."""


def _bad_url(what: str) -> ApiError:
    return ApiError(
        400,
        "bad_url",
        f"The url {what}.",
        "Name the address of a picture on the web, as in https://example.org/leaf.jpg.",
    )


def _refuse(what: str) -> ApiError:
    return ApiError(
        422,
        "no_picture_there",
        f"The url {what}.",
        "Open it in a browser to see whether it is a picture, or upload the picture itself.",
    )


def _too_large(rules: UrlRules) -> ApiError:
    message = f"The picture at the url is over {rules.bytes:,} bytes."
    return ApiError(413, "too_large", message, WHAT_TO_DO["too_large"])
