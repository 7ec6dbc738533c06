"""What serving may import: a phone's answer must not need torch, training or the lake."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted(f"serve.{path.stem}" for path in (ROOT / "serve").glob("*.py"))


def loaded(*names: str) -> set[str]:
    """The top-level packages in memory after importing `names`, in a fresh interpreter."""
    code = f"import sys, {', '.join(names)}; print(*sorted(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True)
    return {name.split(".")[0] for name in out.stdout.decode().split()}


def test_serving_never_imports_torch_or_training_or_the_lake() -> None:
    assert len(MODULES) >= 8
    assert loaded(*MODULES) & {"torch", "timm", "train", "catalog", "ingest", "duckdb"} == set()


@pytest.mark.parametrize("name", ["serve.serve_cli", "serve.classify_cli"])
def test_command_line_modules_import_nothing_heavy(name: str) -> None:
    assert loaded(name) & {"numpy", "onnxruntime", "aiohttp", "PIL", "asyncio", "tqdm"} == set()
