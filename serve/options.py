"""What an operator switches on beside answering pictures; everything is off without being asked."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True)
class Options:
    """The settings of one server that are no limits."""

    cors: tuple[str, ...] = ()
    """Origins, such as `https://garden.example`, whose pages may ask; `*` is every one."""

    rate: int | None = None
    """Requests a minute that one client address may send; None: any number."""

    proxies: tuple[Network, ...] = ()
    """Networks of the proxies in front of this server, whose `X-Forwarded-For` is believed."""

    allow_urls: bool = False
    """Whether `{"url": ...}` is fetched. Off, as a server that fetches what strangers name reaches
    places that they can't."""

    inbox: Path | None = None
    """Lake into whose `inbox/` corrections are written; None: no corrections are taken."""


OPTIONS = web.AppKey("options", Options)
