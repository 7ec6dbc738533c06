"""What the golden pictures keep out before a model answers anybody."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from two_plants import RUST, SKY, add_golden, picture

from leaflake import UsageError
from serve.golden import Golden, read_golden, refuse_other_answers
from serve.model import Model
from serve.takeover import open_bundle

Make = Callable[..., Path]


def test_bundle_without_golden_pictures_has_none_to_ask(model: Model) -> None:
    assert read_golden(model) == []


def test_golden_pictures_are_read_with_their_answers(new_bundle: Make, model: Model) -> None:
    bundle = add_golden(new_bundle(), [RUST, SKY])
    opened, golden = open_bundle(bundle, None)
    assert opened.folder == bundle.resolve()
    assert [one.name for one in golden] == ["00.jpg", "01.jpg"]
    assert [one.data for one in golden] == [picture(RUST), picture(SKY)]
    expected = model.run(model.decode(picture(RUST))).joint_probs
    assert golden[0].joint_probs == pytest.approx(expected, abs=1e-5)


def test_model_that_answers_otherwise_is_refused_by_the_name_of_the_picture(
    new_bundle: Make,
) -> None:
    bundle = add_golden(new_bundle(), [RUST, SKY], changes={1: np.log([0.9] + [0.02] * 5).tolist()})
    with pytest.raises(
        UsageError,
        match=r"server\.fp32\.onnx: answers golden/01\.jpg otherwise.*"
        r"class 3 is likeliest instead of 0.*`leaflake verify`",
    ):
        open_bundle(bundle, None)


@pytest.mark.parametrize(("off", "taken"), [(0.45, True), (0.55, False)])
def test_probability_may_differ_by_what_eight_bits_do_and_no_more(
    model: Model, off: float, taken: bool
) -> None:
    found = model.run(model.decode(picture(RUST))).joint_probs
    golden = Golden("00.jpg", picture(RUST), found + np.array([off, 0, 0, 0, 0, 0]))
    if taken:
        refuse_other_answers(model, [golden])
        return
    with pytest.raises(UsageError, match=r"a probability differs by 0\.55, over 0\.5"):
        refuse_other_answers(model, [golden])


@pytest.mark.parametrize(
    "rows",
    [
        "no json",
        [{"picture": "00.jpg"}],
        [{"joint": [0.0]}],
        ["00.jpg"],
        [{"picture": "00.jpg", "joint": "text"}],
    ],
    ids=["no json", "no answer", "no name", "no object", "no numbers"],
)
def test_answers_that_export_did_not_write_are_refused(new_bundle: Make, rows: Any) -> None:
    text = rows if isinstance(rows, str) else json.dumps(rows)
    bundle = add_golden(new_bundle(), [RUST], answers=text)
    with pytest.raises(UsageError, match=r"golden/answers\.json: not as export wrote it"):
        open_bundle(bundle, None)


def test_answers_of_other_sizes_are_refused(new_bundle: Make) -> None:
    bundle = add_golden(new_bundle(), [RUST], changes={0: [0.0, -20.0]})
    with pytest.raises(UsageError, match="6 classes instead of 2"):
        open_bundle(bundle, None)


def test_golden_picture_that_is_none_is_refused(new_bundle: Make) -> None:
    bundle = add_golden(new_bundle(), [RUST], data=b"this is text")
    with pytest.raises(UsageError, match=r"golden/00\.jpg: the content is not a picture"):
        open_bundle(bundle, None)
