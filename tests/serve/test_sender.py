"""Tokens that tell senders apart for a while, and never tell who they are."""

from __future__ import annotations

import os
import time
from pathlib import Path

from serve.guard import network_of
from serve.sender import KEY_NAME, sender_token


def token(folder: Path, address: str | None) -> str | None:
    return sender_token(folder, network_of(address))


def test_one_address_has_one_token_and_others_have_others(tmp_path) -> None:
    assert token(tmp_path, "192.0.2.1") == token(tmp_path, "192.0.2.1")
    assert len({token(tmp_path, f"192.0.2.{last}") for last in range(50)}) == 50


def test_a_household_of_ipv6_is_one_sender(tmp_path) -> None:
    assert token(tmp_path, "2001:db8::1") == token(tmp_path, "2001:db8::ffff:2")
    assert token(tmp_path, "2001:db8::1") != token(tmp_path, "2001:db8:0:1::1")
    assert token(tmp_path, "::ffff:192.0.2.1") == token(tmp_path, "192.0.2.1")


def test_without_an_address_there_is_no_token(tmp_path) -> None:
    assert [token(tmp_path, text) for text in (None, "", "somewhere")] == [None] * 3
    assert list(tmp_path.iterdir()) == []


def test_after_a_month_nothing_links_a_sender_to_what_was_sent_before(tmp_path) -> None:
    before = token(tmp_path, "192.0.2.1")
    key = (tmp_path / KEY_NAME).read_bytes()
    month_ago = time.time() - 31 * 86_400
    os.utime(tmp_path / KEY_NAME, (month_ago, month_ago))
    assert token(tmp_path, "192.0.2.1") != before
    assert [path.name for path in tmp_path.iterdir()] == [KEY_NAME]
    assert (tmp_path / KEY_NAME).read_bytes() != key


def test_the_key_is_for_the_servers_user_alone_and_a_cut_one_is_replaced(tmp_path) -> None:
    token(tmp_path, "192.0.2.1")
    assert (tmp_path / KEY_NAME).stat().st_mode & 0o777 == 0o600
    (tmp_path / KEY_NAME).write_bytes(b"cut")
    token(tmp_path, "192.0.2.1")
    assert (tmp_path / KEY_NAME).stat().st_size == 32
