from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve.public_address import is_public


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "1.1.1.1", "172.15.0.1", "172.32.0.1", "100.63.255.255", "2606:4700::1111"],
)
def test_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *["127.0.0.1", "127.255.255.254", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255"],
        *["192.168.1.1", "169.254.169.254", "100.64.0.1", "100.100.100.200", "168.63.129.16"],
        *["192.0.0.192", "198.18.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1"],
        *["::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1"],
        *["2001:db8::1", "2001::1", "2002:7f00:1::", "3fff::1", "64:ff9b:1::1", "4000::1"],
    ],
)
def test_address_of_a_machine_or_its_network_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("text", ["", "localhost", "127.1", "0x7f000001", "2130706433", "1.2.3.4 "])
def test_what_no_socket_writes_is_not_public(text: str) -> None:
    assert not is_public(text)


@given(st.integers(0, 2**32 - 1))
def test_address_inside_another_is_judged_as_itself(number: int) -> None:
    inside = ipaddress.IPv4Address(number)
    expected = is_public(str(inside))
    assert is_public(f"::ffff:{inside}") == expected
    assert is_public(str(ipaddress.IPv6Address((0x64FF9B << 96) | number))) == expected
    # Of a tunnel nobody knows the other end, whatever is inside; the last is a form long given up.
    assert not is_public(str(ipaddress.IPv6Address((0x2002 << 112) | (number << 80))))
    assert not is_public(f"::{inside}")


@given(st.ip_addresses())
def test_what_the_standard_library_calls_private_is_never_public(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    inside = [ipaddress.IPv6Network(net) for net in ("64:ff9b::/96", "::ffff:0:0/96")]
    if address.version == 6 and any(address in net for net in inside):
        return  # judged by the address inside, as above
    if address.is_private or address.is_multicast or address.is_reserved or address.is_loopback:
        assert not is_public(str(address))
