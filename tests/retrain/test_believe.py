"""What is not believed loses its label, and gets it back when somebody else says the same."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

from PIL import Image
from stand_ins import BLUE, COLOURS, picture

from catalog.lake import open_lake
from ingest.run import ingest
from retrain.believe import NOTHING, weigh_corrections
from serve.correction import Said

HEALTHY, SCAB = Said("apple", "healthy", None), Said("apple", "scab", None)
BLIGHT = Said("tomato", "late_blight", None)


def labels(lake: Path) -> dict[str, str | None]:
    """Feedback id -> species/condition of its picture."""
    with open_lake(lake) as opened:
        rows = opened.connection.execute(
            "SELECT feedback_id, species || '/' || \"condition\" FROM corrections"
        ).fetchall()
    return dict(rows)


def take_in(lake: Path) -> None:
    ingest([lake / "inbox"], lake)


def test_a_lake_without_corrections_is_left_alone(lake) -> None:
    assert weigh_corrections(lake) == NOTHING


def test_truths_are_believed_and_a_liars_pictures_lose_their_labels(lake, send) -> None:
    scab, blight = COLOURS["apple", "scab"], COLOURS["tomato", "late_blight"]
    send(
        lake,
        *((f"true{n}", f"sender{n}", BLIGHT, picture(blight, 100 + n)) for n in range(5)),
        *((f"lie{n}", "liar", BLIGHT, picture(scab, 200 + n)) for n in range(5)),
    )
    take_in(lake)
    found = weigh_corrections(lake)
    assert {one.said.feedback_id for one in found.set_aside} == {f"lie{n}" for n in range(5)}
    assert labels(lake) == {
        **{f"true{n}": "tomato/late_blight" for n in range(5)},
        **{f"lie{n}": None for n in range(5)},
    }
    assert found.changed == 5
    assert found.trust["liar"] < 0.7 < found.trust["sender1"]
    with open_lake(lake) as opened:
        split = opened.connection.sql(
            "SELECT DISTINCT split FROM corrections WHERE sender = 'liar'"
        ).fetchall()
        snapshot = opened.snapshot
    assert split == [(None,)]
    # The same lake gives the same beliefs, and no snapshot.
    again = weigh_corrections(lake)
    assert (again.changed, again.set_aside) == (0, tuple_without_labels(found))
    with open_lake(lake) as opened:
        assert opened.snapshot == snapshot


def tuple_without_labels(found):
    """What was set aside, as the next round reads it: without a label."""
    return tuple(replace(one, said=replace(one.said, label=None)) for one in found.set_aside)


def test_what_the_lake_has_already_is_not_turned_and_the_senders_trust_falls(lake, send) -> None:
    with open_lake(lake) as opened:
        row = opened.connection.sql(
            "SELECT source_path FROM samples WHERE folder = 'Tomato___Late_blight' AND "
            "split = 'train' ORDER BY ALL LIMIT 1"
        ).fetchone()
    again = io.BytesIO()
    Image.open(row[0]).save(again, "JPEG", quality=85)  # other bytes, the same picture
    send(lake, *((f"lie{n}", f"liar{n}", HEALTHY, again.getvalue()) for n in range(3)))
    take_in(lake)
    found = weigh_corrections(lake)
    whys = {one.why_not for one in found.set_aside}
    assert whys == {
        "the lake has the same thing as tomato/late_blight; mend that label if it is wrong"
    }
    assert set(found.trust.values()) == {7 / 11}
    with open_lake(lake) as opened:
        turned = opened.connection.sql(
            "SELECT count(*) FROM samples WHERE folder = 'Tomato___Late_blight' "
            "AND condition <> 'late_blight'"
        ).fetchone()
    assert turned == (0,)


def test_a_class_that_the_lake_lacks_takes_two_senders(lake, send) -> None:
    mould = Said(None, None, "Tomato leaf mold")
    send(lake, *((f"a{n}", "ann", mould, picture(BLUE, 300 + n)) for n in range(3)))
    take_in(lake)
    found = weigh_corrections(lake)
    assert {one.why_not for one in found.set_aside} == {
        "the lake has no such class, and nobody else sent one"
    }
    send(lake, *((f"b{n}", "bob", mould, picture(BLUE, 400 + n)) for n in range(3)))
    take_in(lake)
    found = weigh_corrections(lake)
    assert (found.set_aside, found.changed) == ((), 3)
    assert set(labels(lake).values()) == {"tomato/leaf_mold"}


def test_of_a_species_that_the_lake_lacks_a_condition_has_to_be_said(lake, send) -> None:
    send(
        lake,
        ("a", "ann", Said(None, None, "Banana"), picture(BLUE, 1)),
        ("b", "bob", Said(None, None, "Banana"), picture(BLUE, 2)),
    )
    take_in(lake)
    found = weigh_corrections(lake)
    assert {one.why_not for one in found.set_aside} <= {
        "the lake has no such species",
        "the lake has no such class, and nobody else sent one",
    }


def test_two_labels_of_one_picture_leave_it_out(lake, send) -> None:
    same = picture(BLUE, 7)
    send(lake, ("a", "ann", HEALTHY, same), ("b", "bob", SCAB, same))
    take_in(lake)
    found = weigh_corrections(lake)
    assert [one.why_not for one in found.set_aside] == [
        "something else is said of the very same picture"
    ] * 2
    assert labels(lake) == {"a": None, "b": None}


def test_what_a_person_decided_stays(lake, send) -> None:
    send(lake, ("a", "ann", BLIGHT, picture(COLOURS["apple", "healthy"], 9)))
    take_in(lake)
    with open_lake(lake, read_only=False) as opened, opened.commit("decided") as connection:
        connection.execute(
            "UPDATE samples SET species = 'apple', condition = 'healthy' WHERE dataset = 'inbox'"
        )
    found = weigh_corrections(lake)
    assert (found.beliefs, found.decided, found.changed) == ((), 1, 0)
    assert labels(lake) == {"a": "apple/healthy"}
    assert found.trust["ann"] < 0.7
