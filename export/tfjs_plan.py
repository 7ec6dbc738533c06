"""How each weight of the browser's model is stored, chosen by what it does to the answers.

In: the core's ONNX file and pictures. Out: for each weight uint8 or float16. ONNX Runtime stands
in for the browser: it computes with the very values that TF.js will read.

What it is worth, as the mean divergence from float32 on 653 val pictures and the share of changed
answers (2026-11-22): all in uint8, 3.5 MB, 0.031 nats and 4.3 %; depthwise in float16, 3.7 MB,
0.013 and 2.5 %; chosen by measuring, 4.2 MB, 0.0011 and 0.9 %. One depthwise weight of 12,000
values did a third of all the harm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper
from tqdm import tqdm

from export.harm import harm
from export.onnx_session import open_session
from export.said import OUTPUTS as SAID
from export.said import Said
from export.tfjs_weights import BYTES, Kind, stored_values
from train.predict import num_cores

SMALL = 1024
"""Weights of fewer values stay float32, as do all vectors: together they are some 150 kB."""


class Core:
    """The core's ONNX file, to be asked with some of its weights replaced."""

    def __init__(self, path: Path) -> None:
        self._model = onnx.load(str(path))
        self._index = {one.name: i for i, one in enumerate(self._model.graph.initializer)}

    def weights(self) -> dict[str, np.ndarray]:
        """Name -> float32 values of every weight that is worth storing in fewer bytes."""
        found = {one.name: numpy_helper.to_array(one) for one in self._model.graph.initializer}
        return {
            name: values
            for name, values in found.items()
            if values.dtype == np.float32 and values.ndim > 1 and values.size >= SMALL
        }

    def session(self, kinds: Mapping[str, Kind]) -> onnxruntime.InferenceSession:
        """A session in which the weights in `kinds` are what is left of them when so stored."""
        changed = onnx.ModelProto()
        changed.CopyFrom(self._model)
        for name, kind in kinds.items():
            tensor = changed.graph.initializer[self._index[name]]
            values = stored_values(numpy_helper.to_array(tensor), kind)
            tensor.CopyFrom(numpy_helper.from_array(values, name))
        # ask_core asks from as many threads as there are cores.
        return open_session(changed.SerializeToString(), threads=1)


def ask_core(session: onnxruntime.InferenceSession, levels: Sequence[np.ndarray]) -> Said:
    """What a core's session says of N pictures, each float32 (1, 3, size, size).

    Without a rejection rule the scores are zeros.
    """
    outputs = {one.name for one in session.get_outputs()}
    names = [name for name in SAID if name in outputs]
    no_scores = [np.zeros(2, np.float32)] * (len(SAID) - len(names))

    def answer(one: np.ndarray) -> list[np.ndarray]:
        return [part[0] for part in session.run(names, {"levels": one})] + no_scores

    with ThreadPoolExecutor(num_cores()) as pool:
        return Said.stack(list(pool.map(answer, levels)))


def measure_harm(core: Core, levels: Sequence[np.ndarray]) -> dict[str, float]:
    """Of each weight, what storing it alone as uint8 does to the answers, in nats.

    That is how far classes and rejection scores move; see export.harm.
    """
    exact = ask_core(core.session({}), levels)
    found = {}
    for name in tqdm(core.weights(), desc="weights as uint8", unit="weight"):
        said = ask_core(core.session({name: "uint8"}), levels)
        found[name] = harm(exact, said)
    return found


def choose_kinds(
    harm: Mapping[str, float], sizes: Mapping[str, int], spare: int
) -> dict[str, Kind]:
    """For each weight uint8, or float16 where that spares the answers most for its bytes.

    `sizes` counts a weight's values; `spare` is how many bytes more than uint8 for all takes.
    """
    kinds: dict[str, Kind] = dict.fromkeys(harm, "uint8")
    # The first that no longer fits does not end it: a smaller one further on may.
    for name in sorted(harm, key=lambda name: (-harm[name] / sizes[name], name)):
        more = sizes[name] * (BYTES["float16"] - BYTES["uint8"])
        if more <= spare:
            kinds[name] = "float16"
            spare -= more
    return kinds
