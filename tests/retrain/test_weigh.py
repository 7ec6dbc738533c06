"""One person's word is weighed against everybody else's, and against what they said before."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.taxonomy import LabelTree
from retrain.believe import make_claims
from retrain.weigh import BELIEVED, MOST_TRUSTED, Claims, weigh

TREE = LabelTree.from_pairs(
    [("apple", "healthy"), ("apple", "rust"), ("fig", "healthy"), ("tomato", "blight")]
)
RUST, BLIGHT = ("apple", "rust"), ("tomato", "blight")
EVEN = [0.25, 0.25, 0.25, 0.25]
SURE_OF_RUST = [0.001, 0.997, 0.001, 0.001]


def believed(model, said, known=None):
    """{(thing, sender): probability} and {sender: trust}; `model` is thing -> distribution."""
    things = sorted(model)
    numbered = make_claims(said, TREE)
    labels = [(known or {}).get(thing) for thing in things]
    classes = np.array([-1 if one is None else TREE.class_index(*one) for one in labels])
    senders = sorted({sender for _, sender, _ in said})
    found = weigh(np.array([model[one] for one in things]), classes, numbered.claims, len(senders))
    probability = found.probability[numbered.claim_of]
    of_claim = {one[:2]: float(p) for one, p in zip(said, probability, strict=True)}
    return of_claim, dict(zip(senders, found.trust.tolist(), strict=True))


def test_a_stranger_is_believed_where_nothing_speaks_against_it() -> None:
    of_claim, trust = believed({"leaf": EVEN}, [("leaf", "ann", RUST)])
    # 0.7 against 0.3 spread over three other classes; and then she is trusted a little more.
    assert of_claim["leaf", "ann"] == pytest.approx(0.70, abs=0.01)
    assert trust["ann"] == pytest.approx(0.70, abs=0.01)


def test_a_stranger_alone_against_a_sure_model_waits_and_a_second_one_brings_it_in() -> None:
    alone, _ = believed({"leaf": SURE_OF_RUST}, [("leaf", "ann", BLIGHT)])
    assert alone["leaf", "ann"] < BELIEVED
    both, _ = believed({"leaf": SURE_OF_RUST}, [("leaf", "ann", BLIGHT), ("leaf", "bob", BLIGHT)])
    assert both["leaf", "ann"] > BELIEVED


def test_saying_a_thing_often_adds_nothing() -> None:
    once = believed({"leaf": SURE_OF_RUST}, [("leaf", "ann", BLIGHT)])
    often = believed({"leaf": SURE_OF_RUST}, [("leaf", "ann", BLIGHT)] * 50)
    assert often == once


def test_who_was_right_before_is_believed_against_the_model() -> None:
    model = {f"leaf {n:02d}": SURE_OF_RUST for n in range(21)}
    said = [(f"leaf {n:02d}", "ann", RUST) for n in range(20)] + [("leaf 20", "ann", BLIGHT)]
    of_claim, trust = believed(model, said)
    assert trust["ann"] > 0.8
    assert of_claim["leaf 20", "ann"] > BELIEVED


def test_who_lies_is_not_believed_where_nobody_can_tell() -> None:
    model = {f"leaf {n:02d}": SURE_OF_RUST for n in range(20)} | {"leaf 20": EVEN}
    said = [(name, "eve", BLIGHT) for name in model]
    of_claim, trust = believed(model, said)
    assert max(of_claim.values()) < BELIEVED
    assert trust["eve"] < 0.35


def test_what_the_lake_knows_is_the_truth_however_many_say_otherwise() -> None:
    said = [("leaf", f"sender {n}", BLIGHT) for n in range(30)]
    of_claim, trust = believed({"leaf": EVEN}, said, {"leaf": RUST})
    assert set(of_claim.values()) == {0.0}
    assert set(trust.values()) == {7 / 11}


def test_a_species_alone_fits_each_of_its_conditions() -> None:
    of_claim, _ = believed({"leaf": [0.45, 0.45, 0.05, 0.05]}, [("leaf", "ann", ("apple", None))])
    assert of_claim["leaf", "ann"] > 0.9


def test_two_who_contradict_each_other_are_both_doubted() -> None:
    of_claim, _ = believed({"leaf": EVEN}, [("leaf", "ann", RUST), ("leaf", "bob", BLIGHT)])
    assert of_claim["leaf", "ann"] == pytest.approx(of_claim["leaf", "bob"])
    assert of_claim["leaf", "ann"] < BELIEVED


@given(st.data())
def test_probabilities_and_trust_stay_within_their_bounds(data) -> None:
    things, senders, classes = 3, 3, 4
    rows = data.draw(st.lists(st.tuples(*[st.integers(0, 2)] * 2, st.integers(0, 3)), max_size=12))
    model = np.array(data.draw(st.lists(st.lists(st.floats(0, 1), min_size=4, max_size=4),
                                        min_size=3, max_size=3))) + 1e-9  # fmt: skip
    known = np.array(data.draw(st.lists(st.integers(-1, 3), min_size=3, max_size=3)))
    claims = Claims(
        np.array([row[0] for row in rows], dtype=np.int64),
        np.array([row[1] for row in rows], dtype=np.int64),
        np.eye(classes, dtype=bool)[[row[2] for row in rows]],
        np.full(len(rows), classes),
    )
    found = weigh(model / model.sum(axis=1, keepdims=True), known, claims, senders)
    assert ((found.probability >= 0) & (found.probability <= 1 + 1e-9)).all()
    assert ((found.trust > 0) & (found.trust <= MOST_TRUSTED)).all()
    assert len(found.trust) == things
