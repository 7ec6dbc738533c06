"""Who asks, behind proxies and without; what a forged header can do (nothing)."""

from __future__ import annotations

import ipaddress
from unittest.mock import Mock

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from serve.client_address import client_address
from serve.options import OPTIONS, Options

PROXIES = tuple(map(ipaddress.ip_network, ("127.0.0.1/32", "10.0.0.0/8", "fd00::/8")))


def asked_by(peer: str, *forwarded: str, trusted: bool = True) -> str | None:
    """What is said of a connection from `peer` with these X-Forwarded-For lines."""
    app = web.Application()
    app[OPTIONS] = Options(proxies=PROXIES if trusted else ())
    transport = Mock()
    transport.get_extra_info = lambda name, default=None: {"peername": (peer, 1)}.get(name, default)
    headers = CIMultiDict(("X-Forwarded-For", line) for line in forwarded)
    return client_address(
        make_mocked_request("POST", "/", headers=headers, app=app, transport=transport)
    )


def test_without_trusted_proxies_the_header_is_nothing() -> None:
    assert asked_by("127.0.0.1", "203.0.113.9", trusted=False) == "127.0.0.1"


def test_a_stranger_cannot_claim_to_be_a_proxy() -> None:
    assert asked_by("198.51.100.7", "203.0.113.9") == "198.51.100.7"


@pytest.mark.parametrize(
    ("forwarded", "expected"),
    [
        ([], "127.0.0.1"),
        (["203.0.113.9"], "203.0.113.9"),
        (["1.1.1.1, 203.0.113.9"], "203.0.113.9"),  # the first is what the sender wrote
        (["1.1.1.1", "203.0.113.9"], "203.0.113.9"),  # as two lines
        (["203.0.113.9, 10.1.2.3"], "203.0.113.9"),  # two proxies
        (["2001:db8::1"], "2001:db8::1"),
        (["203.0.113.9, ::ffff:10.1.2.3"], "203.0.113.9"),
        (["unknown"], "127.0.0.1"),
        (["203.0.113.9, _hidden"], "127.0.0.1"),
        (["203.0.113.9, "], "127.0.0.1"),
        (["10.1.1.1, 10.1.2.3"], "10.1.1.1"),  # somebody inside
        (["203.0.113.9" + ", 10.0.0.1" * 20], "10.0.0.1"),  # no honest chain is so long
    ],
)
def test_behind_a_trusted_proxy_the_last_stranger_asks(forwarded, expected) -> None:
    assert asked_by("127.0.0.1", *forwarded) == expected
    assert asked_by("::ffff:127.0.0.1", *forwarded).replace("::ffff:", "") == expected
