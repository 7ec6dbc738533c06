"""Which moment of the lake: a snapshot's number or a time. In: what a person types after --at."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

from leaflake import UsageError

Moment = int | str
"""A snapshot's number, or a time in ISO 8601; without an offset it is UTC."""

AT_HELP = "as an older snapshot left it: its number, or a time such as 2026-05-31T14:00 (UTC)"
"""The help text of every --at, whose metavar is VERSION|TIME."""


def snapshot_or_time(text: str) -> Moment:
    """The type of an argparse argument: 17, 2026-05-31 (its first moment), 2026-05-31T14:00+02:00.

    Raises ArgumentTypeError for anything else.
    """
    try:
        return int(text) if text.strip().lstrip("+-").isdigit() else parse_time(text).isoformat()
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is neither the number of a snapshot nor a time such as 2026-05-31 or "
            "2026-05-31T14:00+02:00 (without an offset it is UTC)"
        ) from None


def parse_time(text: str) -> datetime:
    """An ISO 8601 date or date-time, as UTC. Raises ValueError for anything else."""
    time = datetime.fromisoformat(text.strip())
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def past_time(text: str) -> datetime:
    """As `parse_time`, for a time that has been. Raises UsageError otherwise."""
    try:
        time = parse_time(text)
    except ValueError:
        raise UsageError(
            f"{text!r} is no time. Expected ISO 8601 such as 2026-05-31 or "
            "2026-05-31T14:00+02:00; without an offset it is UTC."
        ) from None
    now = datetime.now(UTC)
    if time > now:
        raise UsageError(
            f"{text}: is still to come; it is {now:%Y-%m-%dT%H:%M:%S} UTC. Without an offset such "
            "as +02:00 a time is taken as UTC."
        )
    return time
