"""The fuzzer itself, and a short run of it; the long one is `just fuzz`."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient
from asking import ask
from two_plants import RUST, SKY, picture

from serve.fuzz import Found, judge, send
from serve.fuzz_inputs import Attack, attacks
from serve.model import Model
from serve.options import Options

PICTURES = [picture(RUST), picture(SKY)]


def test_same_seed_gives_the_same_attacks() -> None:
    first, again, other = (list(islice(attacks(seed, PICTURES), 50)) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_every_kind_of_attack_is_made() -> None:
    kinds = {attack.kind for attack in islice(attacks(0, PICTURES), 400)}
    assert kinds == {
        "damaged form",
        "damaged picture",
        "damaged picture in a form",
        "damaged request",
        "several pictures",
        "strange JSON to /api/feedback",
        "strange JSON to /api/predict",
        "strange correction",
        "strange head",
        "strange path",
        "strange query",
    }


def test_no_attack_is_a_bug_or_left_without_an_answer(
    model: Model, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sent = [one for one in islice(attacks(7, PICTURES), 150) if one.kind != "damaged request"]

    async def body(client: TestClient) -> list[tuple[Attack, str]]:
        return [(attack, await send(client.port or 0, attack)) for attack in sent]

    options = Options(inbox=tmp_path, allow_urls=True, cors=("https://garden.example",))
    found = ask(model, body, options=options)
    assert [(one.data, status) for one, status in found if status.startswith("5")] == []
    assert [one.data for one, status in found if one.whole and not status.isdigit()] == []
    assert "bug while" not in caplog.text
    assert Counter(status for _, status in found)["200"] > 0


@pytest.mark.parametrize(
    ("wrong", "memory_mb", "status"),
    [
        ([], [100.0] * 10, 0),
        ([], [100.0] * 8 + [106.0] * 2, 1),
        ([], [100.0] * 9 + [300.0] + [100.0] * 5, 0),
        (["a 500"], [100.0] * 10, 1),
    ],
)
def test_growth_and_whatever_was_wrong_fail(
    wrong: list[str], memory_mb: list[float], status: int
) -> None:
    found = Found(Counter({("damaged picture", "422"): 3}), list(wrong), memory_mb)
    assert judge(found) == status
