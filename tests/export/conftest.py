"""A bundle of the classifier of colours, made once for all tests that look at one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from colours import RUN, material

from export import bundle as bundle_module
from export.bundle import export_bundle

LATENCY = {
    "server.fp32.onnx": {"median": 2.0, "p99": 3.0},
    "server.int8.onnx": {"median": 1.5, "p99": 2.0},
}
"""Of a network of four weights the machine's other work would decide."""


@pytest.fixture(scope="session")
def made(tmp_path_factory) -> Path:
    """A bundle of the classifier of colours, without a browser's model."""
    folder = tmp_path_factory.mktemp("export")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bundle_module, "read_run", lambda path: RUN)
        patch.setattr(bundle_module, "read_material", lambda *_: material(folder))
        patch.setattr(bundle_module, "time_files", lambda *_: LATENCY)
        export_bundle(Path("run"), folder / "bundle", browser=False)
    return folder / "bundle"


@pytest.fixture
def bundle(made, tmp_path) -> Path:
    """A copy of it, to spoil."""
    return Path(shutil.copytree(made, tmp_path / "bundle"))
