"""Who sent a correction, without saying who. In: a network, as guard.py has it. Out: a token.

One person's wrong corrections must not turn a label, so whoever weighs them has to know which ones
came from one place. An address would say more than that. The token is a keyed hash of it (HMAC,
RFC 2104) under a random key that is thrown away after KEY_DAYS: within that time two corrections
from one address have one token; afterwards nobody, the operator included, can tell an address from
a token, nor link two of different keys. People behind one address count as one, which errs on the
careful side.
"""

from __future__ import annotations

import hmac
import os
import secrets
import time
from pathlib import Path

KEY_NAME = ".sender.key"
"""In the inbox, so that all workers share it; hidden, and readable by the server's user alone."""

KEY_DAYS = 30
"""Long enough for a round of retraining to see who sent what."""

KEY_BYTES = 32
TOKEN_LETTERS = 12
"""48 bits: among a million senders two share a token with a chance of 0.2 %."""


def sender_token(folder: Path, network: str) -> str | None:
    """The token of what guard.network_of gives, or of `telegram:NUMBER` for a person who uses the
    bot, under this month's key; None for no address."""
    if not network:
        return None
    key = _key(folder / KEY_NAME)
    return hmac.digest(key, network.encode(), "sha256").hex()[:TOKEN_LETTERS]


def _key(path: Path) -> bytes:
    """The key in the file; a new one where there is none, or it is too old.

    Two workers that renew it at one moment both write one; the later stands, and one correction
    may have a token that no other has.
    """
    try:
        with path.open("rb") as file:
            if time.time() - os.fstat(file.fileno()).st_mtime < KEY_DAYS * 86_400:
                key = file.read()
                if len(key) == KEY_BYTES:
                    return key
    except FileNotFoundError:
        pass  # the first correction of all
    key = secrets.token_bytes(KEY_BYTES)
    temporary = path.with_name(f"{KEY_NAME}.{secrets.token_hex(4)}.tmp")
    file_descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with open(file_descriptor, "wb") as file:
        file.write(key)
    temporary.rename(path)
    return key
