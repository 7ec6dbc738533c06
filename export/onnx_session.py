"""An ONNX graph opened on the processor. In: a file, or its bytes. Out: a session."""

from __future__ import annotations

from pathlib import Path

import onnxruntime

_ERRORS_ONLY = 3
"""ONNX Runtime's severity "error": below it, it writes about the machine, not about the graph."""


def open_session(model: Path | bytes, threads: int | None = None) -> onnxruntime.InferenceSession:
    """A session that may be asked from several threads at once.

    `threads` is for one picture; None leaves the choice to ONNX Runtime. Raises what it raises.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    if threads is not None:
        options.intra_op_num_threads = threads
    source = model if isinstance(model, bytes) else str(model)
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
