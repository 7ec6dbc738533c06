"""What a person may type after --at."""

from __future__ import annotations

import argparse

import pytest

from catalog.moment import snapshot_or_time


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("17", 17),
        ("0", 0),
        ("-1", -1),  # no snapshot; the lake says which there are
        ("2026-05-31", "2026-05-31T00:00:00+00:00"),
        ("2026-05-31T14:00", "2026-05-31T14:00:00+00:00"),
        ("2026-05-31 14:00:01.5", "2026-05-31T14:00:01.500000+00:00"),
        ("2026-05-31T14:00+02:00", "2026-05-31T12:00:00+00:00"),
        ("2026-05-31T14:00Z", "2026-05-31T14:00:00+00:00"),
    ],
)
def test_a_number_is_a_snapshot_and_a_time_is_in_utc(text, moment) -> None:
    assert snapshot_or_time(text) == moment


@pytest.mark.parametrize("text", ["", "yesterday", "2026-02-30", "14:00", "1.5", "v17", "²"])
def test_anything_else_is_refused(text) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is neither the number of a snapshot nor"):
        snapshot_or_time(text)
