"""Fixtures that every folder of tests shares: tiny pictures, source folders, real data."""

from __future__ import annotations

import io
import itertools
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest
from PIL import Image

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # as leaflake.py does, before anything else
# How long an example takes says how busy the machine is, and nothing of the code.
hypothesis.settings.register_profile("leaflake", deadline=None)
hypothesis.settings.load_profile("leaflake")
BUCKETS = itertools.count()
SHARED_DATA = (Path(__file__).parents[2] / "shared/data").resolve()


def draw_picture(seed: int, height: int = 48, width: int = 64) -> np.ndarray:
    """uint8 (height, width, 3): soft patches of colour, another scene for every seed."""
    patches = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    scene = Image.fromarray(patches).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(scene)


def encode_picture(image: np.ndarray | Image.Image, format: str = "JPEG", **options: Any) -> bytes:
    """The bytes of a file of that format."""
    picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
    out = io.BytesIO()
    picture.save(out, format, **options)
    return out.getvalue()


def write_files(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Write relative path -> bytes below `folder`, and give the folder back."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def identity_of(path: Path) -> tuple[int, int, int]:
    stat = path.stat()
    return stat.st_ino, stat.st_mtime_ns, stat.st_size


@pytest.fixture(scope="session")
def draw() -> Callable[..., np.ndarray]:
    """draw(seed, height, width) -> image."""
    return draw_picture


@pytest.fixture(scope="session")
def encode() -> Callable[..., bytes]:
    """encode(image, format, **options of Pillow) -> data."""
    return encode_picture


@pytest.fixture(scope="session")
def write() -> Callable[..., Path]:
    """write(folder, {relative path: bytes}) -> folder."""
    return write_files


@pytest.fixture(scope="session")
def identity() -> Callable[[Path], tuple[int, int, int]]:
    """identity(path) -> inode, modification time in ns, size: while they are the same, nobody has
    written the file again. The time of the last reading is none of them."""
    return identity_of


@pytest.fixture(scope="session")
def dozen() -> dict[str, bytes]:
    """Twelve JPEGs of twelve scenes in three class folders, four in each: path -> bytes."""
    folders = ["Apple___Apple_scab", "Tomato___Late_blight", "Tomato___healthy"]
    return {
        f"{folder}/{name}.jpg": encode_picture(draw_picture(10 * number + position))
        for number, folder in enumerate(folders)
        for position, name in enumerate(("ant", "bee", "cat", "dog"))
    }


@pytest.fixture(scope="session")
def object_store() -> Iterator[None]:
    """A real S3 server on loopback; the environment says where it is, as for s3fs."""
    pytest.importorskip("s3fs", reason="needs the extra `s3`")
    moto = pytest.importorskip("moto.server", reason="no S3 server here: needs moto[server]")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in zip(names, ("key", "secret", "us-east-1"), strict=True):
            patch.setenv(name, value)
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        yield
    server.stop()


@pytest.fixture
def bucket(object_store) -> str:
    """An empty bucket, as a URL."""
    import s3fs

    name = f"bucket-{next(BUCKETS)}"
    s3fs.S3FileSystem().mkdir(name)
    return f"s3://{name}"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real pictures beside the checkout: leaves/, messy/, not_plants/."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no real pictures: there is no folder {SHARED_DATA}")
    return SHARED_DATA
