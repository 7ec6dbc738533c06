"""Fixtures of the server's tests: the bundle of two_plants.py, whole, loaded, or to be damaged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from two_plants import write_bundle

from serve.model import Model


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("bundle") / "two-plants")


@pytest.fixture(scope="session")
def model(bundle: Path) -> Model:
    return Model.load(bundle)


@pytest.fixture
def new_bundle(tmp_path: Path) -> Callable[..., Path]:
    """new_bundle(graph) -> a folder that the test may change."""
    return lambda graph=None: write_bundle(tmp_path / "bundle", graph)
