import numpy as np
import pytest
from colours import NO_PLANT, TREE, classifier, picture, sample

from export.manifest import REJECTIONS
from export.reject import fit_rejection, plants_among
from export.reject_seen import LabelledPictures, random_views, see
from leaflake import UsageError


def pictures(seed: int) -> LabelledPictures:
    found = sample(10, seed)
    return LabelledPictures(found.encoded, found.class_index)


def things(count: int) -> list[bytes]:
    """Blue pictures, which are no plants."""
    return [picture(NO_PLANT, 10 * seed) for seed in range(count)]


def fit(not_plants):
    return fit_rejection(classifier(), pictures(1000), pictures(2000), not_plants, TREE)


def rejected(fitted, encoded) -> list[list[bool]]:
    said = fitted.rejection(see(classifier(), encoded, fitted.rejection.stages, "asked")).numpy()
    return (said >= [fitted.record[name]["threshold"] for name in REJECTIONS]).tolist()


def test_with_examples_all_methods_are_compared_and_the_best_catches_what_it_never_saw():
    fitted = fit(things(20))
    record = fitted.record["not_a_plant"]
    assert list(fitted.record) == list(REJECTIONS)
    assert {"gate", "energy", "ViM", "nearest neighbours", "max softmax"} < set(record["compared"])
    figures = {name: record[name] for name in ("examples", "caught", "precision", "val_plants")}
    assert figures == {"examples": 20, "caught": 1.0, "precision": 1.0, "val_plants": 30}
    assert record["compared"][record["method"]]["auroc"] == 1.0
    assert record["scores"] == sorted(record["scores"])
    assert len(record["scores"]) == 20 and record["scores"][0] >= record["threshold"]
    blue, green = picture(NO_PLANT, 7777 * 10), picture(0, 8888)
    assert [row[0] for row in rejected(fitted, [blue, green])] == [True, False]


def test_without_examples_the_distance_from_train_decides():
    fitted = fit(None)
    record = fitted.record["not_a_plant"]
    assert (record["method"], "compared" in record) == ("distance on taps", False)
    blue, green = picture(NO_PLANT, 7777 * 10), picture(0, 8888)
    assert [row[0] for row in rejected(fitted, [blue, green])] == [True, False]


def test_scores_are_in_deviations_of_vals_plants():
    fitted, val = fit(things(20)), pictures(2000)
    plants = [
        data for data, index in zip(val.encoded, val.class_index, strict=True) if index != NO_PLANT
    ]
    said = fitted.rejection(see(classifier(), plants, (), "val")).numpy()
    assert said.mean(axis=0) == pytest.approx([0, 0], abs=1e-3)
    assert said.std(axis=0) == pytest.approx([1, 1], abs=1e-3)


def test_too_few_photographs_are_refused():
    with pytest.raises(UsageError, match="--not-plants: 9 photographs; expected 10 or more"):
        fit(things(9))


def test_pictures_known_only_to_their_species_count_as_plants_too():
    apple, _, no_plant = range(TREE.num_species)
    indices = np.array([0, NO_PLANT, TREE.num_classes + apple, TREE.num_classes + no_plant])
    assert plants_among(indices, TREE).tolist() == [True, False, True, False]


def test_views_are_the_whole_picture_then_crops_that_are_always_the_same(draw):
    image = draw(0, 40, 60)
    first, second = random_views(3)(image, 5), random_views(3)(image, 5)
    assert len(first) == 4
    assert np.array_equal(first[0], image)
    assert all(np.array_equal(*pair) for pair in zip(first, second, strict=True))
    assert all(part.shape[0] >= 16 and part.shape[1] >= 24 for part in first)
    other = random_views(3)(image, 6)
    assert not all(a.shape == b.shape for a, b in zip(first[1:], other[1:], strict=True))
