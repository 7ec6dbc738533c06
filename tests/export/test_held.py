import numpy as np
import pytest

from export.held import lost, refuse_faults, slower
from export.parity import BROWSER, FP32, INT8, BeyondBoundsError


def hits(right: int, pictures: int) -> dict[str, np.ndarray]:
    marks = np.arange(pictures) < right
    return {"species_top1": marks, "joint_top1": marks}


@pytest.mark.parametrize(
    ("file", "own", "pictures", "sentences"),
    [
        (INT8, 995, 1000, []),
        (INT8, 990, 1000, ["loses 10 of 1000 test pictures in species (1.00%); at most 0.5%"]),
        (BROWSER, 98, 100, []),
        (BROWSER, 97, 100, ["loses 3 of 100 test", "loses 3 of 100 test pictures in species and"]),
        (FP32, 998, 1000, []),
        (
            FP32,
            997,
            1000,
            [
                "loses 3 of 1000 test pictures in species (0.30%); at most 0.0%",
                "loses 3 of 1000 test pictures in species and condition together (0.30%); at most",
            ],
        ),
    ],
)
def test_a_file_may_lose_half_a_point_and_of_few_pictures_two(file, own, pictures, sentences):
    found = lost(file, hits(own, pictures), hits(pictures, pictures))
    assert len(found) == len(sentences)
    for one, sentence in zip(found, sentences, strict=True):
        assert one.startswith(f"{file}: {sentence}")


def test_int8_must_not_be_slower():
    latency = {FP32: {"median": 5.0}, INT8: {"median": 5.0}}
    assert slower(latency) == []
    latency[INT8]["median"] = 6.25
    assert slower(latency) == [f"{INT8}: takes 6.2 ms an answer, {FP32} only 5.0 ms"]


def test_every_bound_that_is_broken_is_in_the_refusal():
    refuse_faults([])
    with pytest.raises(BeyondBoundsError) as refusal:
        refuse_faults(["a.onnx: slow", "b.onnx: wrong"])
    assert str(refusal.value) == (
        "a.onnx: slow; b.onnx: wrong. So there is no bundle. Nothing was written."
    )
