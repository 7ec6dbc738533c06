"""What the browser computes: the classifier behind the resize, in operators that TF.js has.

The resize is not in it: as matrix products it takes TF.js longer than the whole network, so the
page's worker does it with the same triangle weights (serve/static/resize.js).
"""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import nn
from torch.nn import functional

from export.reject import Rejection
from export.reject_taps import Seen, look
from export.released import OUTPUT_NAMES
from train.classifier import Classifier
from train.hierarchy import FlatHeads, energy

OPSET = 18
OUTPUTS = OUTPUT_NAMES[:3]
"""Of a core without a rejection rule; with one it has all of OUTPUT_NAMES."""

NEVER = -1e9
"""The logit of no class: its exponential is 0, and unlike -inf it cannot become a NaN."""


class BrowserCore(nn.Module):
    """Levels float32 (1, 3, size, size), 0-255 and not rounded -> OUTPUTS, each (1, n), and with a
    rule the rejection scores (1, 2).

    Normalisation, backbone and heads of `classifier` as they are, its temperatures included; only
    the softmax within a species' block is written anew, since TF.js has no scatter that takes the
    largest.
    """

    def __init__(self, classifier: Classifier, rejection: Rejection | None = None) -> None:
        super().__init__()
        self.classifier = classifier
        self.rejection = rejection
        blocks = _block_index(classifier.heads.get_buffer("class_species").numpy())
        self.register_buffer("block_index", torch.from_numpy(blocks))  # (S * longest block,)
        self.register_buffer("class_species", classifier.heads.get_buffer("class_species"))
        self.num_species = classifier.heads.num_species

    def forward(self, levels: torch.Tensor) -> tuple[torch.Tensor, ...]:
        pixels = self.classifier.preprocess.normalise(levels)
        stages = self.rejection.stages if self.rejection else ()
        pooled, features = look(self.classifier.backbone, pixels, stages)
        heads = self.classifier.heads
        temperatures = heads.get_buffer("temperatures")
        logits = heads.condition_head(features)
        if isinstance(heads, FlatHeads):
            logits, species_logits = self._split(logits)
        else:
            species_logits = heads.species_head(features)
        species = functional.log_softmax(species_logits / temperatures[0], dim=1)  # (1, S)
        condition, _ = self._split(logits / temperatures[1])  # (1, C)
        joint = condition + self._of_species(species)
        if self.rejection is None:
            return species, joint, features
        seen = Seen(pooled, features, species, energy(species_logits))
        return species, joint, features, self.rejection(seen)

    def _split(self, logits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """As train.hierarchy.split_blocks does: (1, C) log-softmax in blocks, (1, S) log of sums.

        Each block becomes a row as long as the longest, so that a plain sum over rows will do.
        """
        padded = functional.pad(logits, (0, 1), value=NEVER)  # (1, C + 1)
        rows = padded.index_select(1, self.get_buffer("block_index")).reshape(self.num_species, -1)
        largest = rows.amax(dim=1, keepdim=True)
        log_sums = largest + (rows - largest).exp().sum(dim=1, keepdim=True).log()  # (S, 1)
        log_sums = log_sums.reshape(1, self.num_species)
        return logits - self._of_species(log_sums), log_sums

    def _of_species(self, values: torch.Tensor) -> torch.Tensor:
        """(1, S) -> (1, C). Not by indexing, which exports as GatherND and three transposes."""
        return values.index_select(1, self.get_buffer("class_species"))


def _block_index(class_species: np.ndarray) -> np.ndarray:
    """For each species its classes, filled up with C to the longest: int64 (S * longest,).

    `class_species` int64 (C,) ascends, one species after another.
    """
    sizes = np.bincount(class_species)
    index = np.full((len(sizes), sizes.max()), len(class_species))
    starts = np.cumsum(sizes) - sizes
    for species, (start, size) in enumerate(zip(starts, sizes, strict=True)):
        index[species, :size] = np.arange(start, start + size)
    return index.reshape(-1)


def export_core(model: Classifier, path: Path, rejection: Rejection | None = None) -> None:
    """Write the core of `model` to the ONNX file `path`: input `levels`, outputs as BrowserCore."""
    model = model.float().eval().to(memory_format=torch.contiguous_format)
    size = model.preprocess.size
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own deprecations
        program = torch.onnx.export(
            BrowserCore(model, rejection).eval(),
            (torch.zeros(1, 3, size, size),),
            input_names=["levels"],
            output_names=list(OUTPUT_NAMES if rejection else OUTPUTS),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None  # the dynamo exporter always returns one
    program.save(str(path), external_data=False)
    onnx.checker.check_model(str(path))
