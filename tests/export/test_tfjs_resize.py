"""The page's resize against the network's own, in node."""

import base64
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

from export.tfjs_browser import STATIC
from train.preprocess import resample

NODE = shutil.which("node")

SCRIPT = """
import fs from "node:fs";
const [module, from, to, width, height, size] = process.argv.slice(1);
const { resizeLevels } = await import(module);
const data = new Uint8ClampedArray(fs.readFileSync(from));
const levels = resizeLevels({ data, width: Number(width), height: Number(height) }, Number(size));
fs.writeFileSync(to, Buffer.from(levels.buffer));
"""


def in_node(image: np.ndarray, size: int, folder: Path) -> np.ndarray:
    """float32 (size, size, 3)."""
    height, width, _ = image.shape
    opaque = np.full((height, width, 1), 255, dtype=np.uint8)
    (folder / "image").write_bytes(np.concatenate([image, opaque], axis=2).tobytes())
    # As data, since node takes a file without a package.json beside it for an older kind.
    module = (
        "data:text/javascript;base64,"
        + base64.b64encode((STATIC / "resize.js").read_bytes()).decode()
    )
    arguments = [module, folder / "image", folder / "levels", width, height, size]
    command = [str(NODE), "--input-type=module", "-e", SCRIPT, *map(str, arguments)]
    subprocess.run(command, check=True, timeout=60)
    return np.fromfile(folder / "levels", np.float32).reshape(size, size, 3)


@pytest.mark.skipif(NODE is None, reason="needs node")
@pytest.mark.parametrize(
    ("height", "width", "size"),
    [(48, 64, 24), (13, 300, 32), (20, 12, 32), (32, 32, 32), (33, 31, 32), (257, 65, 64)],
)
def test_the_pages_resize_is_the_networks(tmp_path, draw, height, width, size):
    image = draw(height, height=height, width=width).copy()
    planes = torch.from_numpy(image).permute(2, 0, 1).float()
    rows, columns = (resample(torch.eye(length), size) for length in (height, width))
    expected = rows @ planes @ columns.T
    found = in_node(image, size, tmp_path)
    # Weights in double here and float32 there: of 255 levels a hundredth.
    assert np.abs(found - expected.permute(1, 2, 0).numpy()).max() < 0.01
