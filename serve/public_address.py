"""Which addresses of the internet are public: neither this machine, its network, nor anything that
leads there under another notation.

In: an address as `socket` writes it. Out: a bool. The lists follow IANA's registries of
special-purpose addresses for IPv4 and IPv6 (RFC 6890). Written out here, as what `ipaddress` calls
global is not the same in every version of Python.
"""

from __future__ import annotations

import ipaddress

IPV4_SPECIAL = tuple(
    map(
        ipaddress.IPv4Network,
        (
            "0.0.0.0/8",  # this host
            "10.0.0.0/8",
            "100.64.0.0/10",  # carriers' own, and the metadata of some clouds
            "127.0.0.0/8",
            "168.63.129.16/32",  # public by its number, but a cloud's own service to its machines
            "169.254.0.0/16",  # link-local: the metadata of most clouds
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",  # documentation, as 198.51.100 and 203.0.113
            "192.88.99.0/24",  # the way into 6to4
            "192.168.0.0/16",
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, and broadcast
        ),
    )
)

IPV6_UNICAST = ipaddress.IPv6Network("2000::/3")
"""All that is handed out to anybody. Outside lie ::1, ::ffff:0:0/96 (IPv4), fc00::/7 (private),
fe80::/10 (link-local), ff00::/8 (multicast)."""

IPV6_SPECIAL = tuple(
    map(
        ipaddress.IPv6Network,
        (
            "2001::/23",  # protocols: Teredo with an IPv4 address inside, ORCHID, benchmarks
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4, with an IPv4 address inside
            "3fff::/20",  # documentation
        ),
    )
)

NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""RFC 6052: the last 32 bits are an IPv4 address, and a gateway leads there."""


def is_public(address: str) -> bool:
    """Whether anybody on the internet may reach this address; False for what is none."""
    try:
        found = ipaddress.ip_address(address)  # with a zone (fe80::1%eth0) too
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        inside = found.ipv4_mapped
        if inside is None and found in NAT64:
            inside = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if inside is None:
            return found in IPV6_UNICAST and not any(found in net for net in IPV6_SPECIAL)
        found = inside
    return not any(found in net for net in IPV4_SPECIAL)
