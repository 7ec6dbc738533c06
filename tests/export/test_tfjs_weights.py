import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from export import tfjs_weights
from export.tfjs_weights import (
    GraphModel,
    decode,
    encode,
    read_model,
    stored_values,
    uint8_range,
    write_model,
)


def test_codes_span_the_range_of_the_values():
    stored, quantisation = encode(np.array([-1.0, 0.0, 4.1], dtype=np.float32), "uint8")
    assert stored.dtype == np.uint8
    assert stored.tolist() == [0, 50, 255]
    assert quantisation == {
        "dtype": "uint8",
        "scale": pytest.approx(0.02),
        "min": pytest.approx(-1.0),
    }


def test_values_come_back_as_tfjs_computes_them():
    codes = np.array([0, 1, 255], dtype=np.uint8)
    found = decode(codes, {"dtype": "uint8", "scale": 0.1, "min": -3.0})
    assert found.dtype == np.float32
    assert found.tolist() == np.array([-3.0, -2.9, 22.5], dtype=np.float32).tolist()


def test_float16_keeps_eleven_bits_and_float32_all():
    values = np.array([1 / 3, 2049.0], dtype=np.float32)
    assert stored_values(values, "float16").tolist() == [0.333251953125, 2048.0]
    assert stored_values(values, "float32") is values


def test_a_weight_of_equal_values_is_exact():
    values = np.full((2, 2), 0.3, dtype=np.float32)
    assert np.array_equal(stored_values(values, "uint8"), values)


def test_one_outlier_does_not_coarsen_all_other_values():
    values = np.append(np.linspace(-1, 1, 100_000), 2.2).astype(np.float32)
    low, scale = uint8_range(values)
    assert (low, scale) == (-1.0, pytest.approx((1 + 1.8) / 255))
    left = stored_values(values, "uint8")
    plain = np.round((values + 1) / (3.2 / 255)) * (3.2 / 255) - 1
    assert np.square(left - values).sum() < np.square(plain - values).sum()


@given(st.lists(st.floats(-1e3, 1e3, width=32), min_size=2, max_size=50))
def test_uint8_is_never_worse_than_over_the_whole_range(numbers):
    values = np.array(numbers, dtype=np.float32)
    step = float(values.max() - values.min()) / 255
    error = np.square(stored_values(values, "uint8").astype(float) - values).sum()
    assert error <= len(values) * (step / 2) ** 2 * 1.001 + 1e-5


def model() -> GraphModel:
    weights = {
        "dense": np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4),
        "bias": np.array([0.1, 0.2, 0.3], dtype=np.float32),
        "axis": np.array(1, dtype=np.int32),
        "depthwise": np.array([[0.5, -0.25]], dtype=np.float32),
    }
    return GraphModel({"format": "graph-model", "signature": {}}, weights)


def test_a_written_model_is_read_again_with_the_values_that_are_left(tmp_path):
    kinds = {"dense": "uint8", "depthwise": "float16"}
    total = write_model(tmp_path, model(), kinds)
    found = read_model(tmp_path)
    assert found.topology == model().topology
    assert list(found.weights) == ["dense", "bias", "axis", "depthwise"]
    for name, values in model().weights.items():
        left = stored_values(values, kinds.get(name, "float32"))
        assert found.weights[name].dtype == values.dtype
        assert np.array_equal(found.weights[name], left), name
    assert total == sum(path.stat().st_size for path in tmp_path.iterdir())
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "group1-shard1of1.bin",
        "model.json",
    ]


def test_the_manifest_lists_every_weight_as_tfjs_wants_it(tmp_path):
    write_model(tmp_path, model(), {"dense": "uint8", "depthwise": "float16"})
    (group,) = json.loads((tmp_path / "model.json").read_text())["weightsManifest"]
    assert group["paths"] == ["group1-shard1of1.bin"]
    dense, *others = group["weights"]
    assert dense["quantization"].keys() == {"dtype", "scale", "min"}
    assert others == [
        {"name": "bias", "shape": [3], "dtype": "float32"},
        {"name": "axis", "shape": [], "dtype": "int32"},
        {
            "name": "depthwise",
            "shape": [1, 2],
            "dtype": "float32",
            "quantization": {"dtype": "float16"},
        },
    ]
    # 12 codes, 3 float32, one int32, 2 float16.
    assert (tmp_path / "group1-shard1of1.bin").stat().st_size == 12 + 12 + 4 + 4


def test_shards_are_cut_at_their_size_wherever_that_is(tmp_path, monkeypatch):
    monkeypatch.setattr(tfjs_weights, "SHARD_BYTES", 13)
    write_model(tmp_path, model(), {"dense": "uint8", "depthwise": "float16"})
    names = [f"group1-shard{n}of3.bin" for n in (1, 2, 3)]
    assert [(tmp_path / name).stat().st_size for name in names] == [13, 13, 6]
    assert np.array_equal(read_model(tmp_path).weights["bias"], model().weights["bias"])
