import json

import numpy as np
import pytest
from colours import picture

from export.golden import read_golden, write_golden
from export.golden_choice import choose_golden, is_decided
from export.said import Said
from leaflake import UsageError

CLASS_SPECIES = (0, 0, 1, 2, 2)


def some_said(count: int) -> Said:
    random = np.random.default_rng(0)
    sizes = (3, 5, 2)
    return Said(*(random.normal(size=(count, size)).astype(np.float32) for size in sizes))


def test_golden_pictures_are_kept_byte_for_byte_with_their_answers(tmp_path, draw, encode):
    data = [encode(draw(0), "JPEG"), picture(0, 1), encode(draw(1), "WEBP")]
    said = some_said(3)
    written = write_golden(tmp_path, data, ["apple/rust", "fig/healthy", "not a plant"], said)
    found = read_golden(tmp_path)
    assert found.names == written.names == ("00.jpg", "01.png", "02.webp")
    assert found.encoded == tuple(data)
    assert found.labels == ("apple/rust", "fig/healthy", "not a plant")
    for part in ("species", "joint", "rejection"):
        assert np.allclose(getattr(found.said, part), getattr(said, part), atol=1e-6)
    rows = json.loads((tmp_path / "golden/answers.json").read_text())
    assert list(rows[0]) == ["picture", "label", "species", "joint", "rejection"]


@pytest.mark.parametrize(
    "text",
    ["{", "[{}]", "[1]", '[{"picture": "../x", "species": [1]}]', '[{"picture": 1}]', '"text"'],
)
def test_answers_that_are_not_whole_are_refused(tmp_path, text):
    (tmp_path / "golden").mkdir()
    (tmp_path / "golden/answers.json").write_text(text)
    with pytest.raises(UsageError, match=r"answers\.json: not as export wrote it"):
        read_golden(tmp_path)


def test_a_picture_elsewhere_is_not_read(tmp_path):
    (tmp_path / "secret").write_bytes(b"secret")
    write_golden(tmp_path, [picture(0, 1)], ["apple/rust"], some_said(1))
    path = tmp_path / "golden/answers.json"
    path.write_text(path.read_text().replace("00.png", "../secret"))
    with pytest.raises(UsageError, match="pictures outside"):
        read_golden(tmp_path)


def test_a_picture_is_usable_if_neither_class_nor_rejection_hangs_on_a_hair():
    joint = np.log(np.array([[0.7, 0.3], [0.6, 0.4], [0.7, 0.3], [0.3, 0.7]]))
    rejection = np.array([[0.0, 1.0], [0.0, 1.0], [1.99, 1.0], [9.0, 6.0]])
    said = Said(joint, joint, rejection)
    assert is_decided(said, np.array([2.0, 5.0])).tolist() == [True, False, False, True]


def test_a_tree_of_one_class_is_decided():
    one = np.zeros((1, 1))
    said = Said(one, one, np.zeros((1, 2)))
    assert is_decided(said, np.ones(2)).tolist() == [True]


def test_species_take_turns_and_each_gives_other_classes_and_both_kinds():
    classes = np.array([0, 0, 1, 1, 2, 2, 3, 4])
    laboratory = np.array([0, 1, 0, 1, 1, 1, 0, 0], dtype=bool)
    everything = np.ones(8, dtype=bool)
    # Species 0 begins in the laboratory, species 1 in the field (which it has not), and so on.
    chosen = choose_golden(classes, CLASS_SPECIES, laboratory, everything, 5)
    assert chosen.tolist() == [1, 4, 6, 2, 5]
    assert sorted(choose_golden(classes, CLASS_SPECIES, laboratory, everything, 99)) == [*range(8)]


def test_of_more_species_than_places_evenly_many_are_left_out():
    classes, laboratory = np.arange(9), np.zeros(9, dtype=bool)
    chosen = choose_golden(classes, range(9), laboratory, np.ones(9, dtype=bool), 3)
    assert chosen.tolist() == [0, 4, 8]


def test_what_is_not_usable_is_never_chosen():
    usable = np.array([False, True, False])
    laboratory = np.zeros(3, dtype=bool)
    assert choose_golden(np.array([0, 1, 2]), (0, 1, 1), laboratory, usable).tolist() == [1]
    assert choose_golden(np.array([0]), (0,), laboratory[:1], usable[:1]).tolist() == []
