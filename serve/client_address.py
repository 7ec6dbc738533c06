"""Who asks: the other end of the connection, or whoever a trusted proxy says it asks for.

Anybody can write a header. So `X-Forwarded-For` counts only from a proxy that the operator named,
and is read from its end: each proxy appends the address that it was asked from, and what stands
before the last stranger is that stranger's own word.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection

from aiohttp import web

from serve.options import OPTIONS, Network

FORWARDED = "X-Forwarded-For"

MOST_HOPS = 10
"""Addresses that are looked at: no honest chain of proxies is longer, and a forged one may be."""


def client_address(request: web.Request) -> str | None:
    """The address of whoever asks; None for a socket of this machine."""
    proxies = request.app[OPTIONS].proxies
    if not proxies or not is_among(request.remote, proxies):
        return request.remote
    chain = ",".join(request.headers.getall(FORWARDED, ())).rsplit(",", MOST_HOPS)[-MOST_HOPS:]
    asked_by = request.remote
    for one in reversed(chain):
        hop = one.strip()
        if not is_address(hop):
            break
        asked_by = hop
        if not is_among(hop, proxies):
            break
    return asked_by


def is_address(text: str) -> bool:
    """Whether it is an IP address, and nothing but that."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def is_among(address: str | None, networks: Collection[Network]) -> bool:
    """Whether the address lies in one of the networks; an IPv4 address may be written as IPv6."""
    try:
        found = ipaddress.ip_address(address or "")
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return any((mapped or found) in network for network in networks)
