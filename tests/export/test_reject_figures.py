import math

import numpy as np
import pytest

from export.reject_figures import auroc, precision_at_even_mix, threshold_for


def test_auroc_is_how_often_the_picture_to_reject_has_the_higher_score():
    assert auroc(np.array([0.0, 1.0]), np.array([2.0, 3.0])) == 1.0
    assert auroc(np.array([2.0, 3.0]), np.array([0.0, 1.0])) == 0.0
    assert auroc(np.array([0.0, 2.0]), np.array([1.0, 3.0])) == 0.75
    assert auroc(np.array([1.0, 1.0]), np.array([1.0])) == 0.5


@pytest.mark.parametrize(("share", "rejected"), [(0.0, 0), (0.1, 1), (0.19, 1), (0.3, 3)])
def test_a_threshold_rejects_no_more_pictures_than_allowed(share, rejected):
    keep = np.arange(10.0)
    assert (keep >= threshold_for(keep, share)).sum() == rejected


def test_pictures_of_one_score_are_rejected_together_or_not_at_all():
    keep = np.array([0.0, 5.0, 5.0, 5.0])
    assert (keep >= threshold_for(keep, 0.5)).sum() == 0


def test_where_all_may_be_rejected_the_threshold_is_the_least_score():
    assert threshold_for(np.array([3.0, 2.0]), 1.0) == 2.0


def test_precision_counts_both_sorts_alike():
    assert precision_at_even_mix(0.005, 0.995) == pytest.approx(0.995)
    assert math.isnan(precision_at_even_mix(0.0, 0.0))
