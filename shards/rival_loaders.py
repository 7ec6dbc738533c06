"""What bench_loader compares with, in the rivals' own environment. In: a folder of class folders
with JPEGs. Out: data in a loader's own form; one line of JSON about how fast it was read.

Each as its documentation shows for training on JPEGs, shuffled. It imports nothing but the standard
library and bench_measure, and each rival only where it is called. `torch_fast` is not in any
documentation: PyTorch's DataLoader with the decoder and the resize that Leaflake uses.
"""

from __future__ import annotations

import io
import json
import math
import os
import random
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shards.bench_measure import measure, picture_memory, size_on_disk

SIZE = 224
BATCH = 64
AREA = (0.08, 1.0)
ASPECT = (3 / 4, 4 / 3)


def files(folder: Path) -> list[tuple[Path, int]]:
    """Every picture with the number of its class."""
    classes = sorted(path for path in folder.iterdir() if path.is_dir())
    return [(path, n) for n, name in enumerate(classes) for path in sorted(name.iterdir())]


def make_once(own: Path, write: Callable[[Path], object]) -> None:
    """Have `write` make a loader's own data, unless it is there; it gets its name when complete."""
    if own.exists():
        return
    temporary = own.with_name(own.name + ".tmp")
    if temporary.is_dir():
        shutil.rmtree(temporary)
    write(temporary)
    temporary.rename(own)


def transforms() -> Any:
    """torchvision's random crop and flip, to a uint8 tensor."""
    from torchvision.transforms import v2

    crop = v2.RandomResizedCrop(SIZE, AREA, ASPECT, antialias=True)
    return v2.Compose([crop, v2.RandomHorizontalFlip(), v2.PILToTensor()])


def random_box(width: int, height: int) -> tuple[int, int, int, int]:
    """left, top, width and height of a random crop."""
    area = random.uniform(*AREA) * width * height
    aspect = math.exp(random.uniform(math.log(ASPECT[0]), math.log(ASPECT[1])))
    w = max(1, min(width, round(math.sqrt(area * aspect))))
    h = max(1, min(height, round(math.sqrt(area / aspect))))
    return random.randint(0, width - w), random.randint(0, height - h), w, h


def endless(loader: Any) -> Iterator[int]:
    """Batch sizes, epoch after epoch."""
    while True:
        for batch in loader:
            yield len(batch[0])


def data_loader(dataset: Any, workers: int, **settings: Any) -> Iterator[int]:
    """PyTorch's DataLoader."""
    from torch.utils.data import DataLoader

    settings = {"batch_size": BATCH, "num_workers": workers, "persistent_workers": True, **settings}
    return endless(DataLoader(dataset, **settings))


def torchvision(folder: Path, own: Path, workers: int) -> Iterator[int]:
    """https://docs.pytorch.org/vision/stable/generated/torchvision.datasets.ImageFolder.html"""
    from torchvision.datasets import ImageFolder

    return data_loader(ImageFolder(str(folder), transforms()), workers, shuffle=True)


class FastFolder:
    """Pictures that simplejpeg decodes and OpenCV resizes."""

    def __init__(self, folder: Path) -> None:
        self.files = files(folder)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        import cv2
        import numpy as np
        import simplejpeg

        path, label = self.files[index]
        image = simplejpeg.decode_jpeg(path.read_bytes())
        x, y, w, h = random_box(image.shape[1], image.shape[0])
        image = cv2.resize(image[y : y + h, x : x + w], (SIZE, SIZE))
        return np.ascontiguousarray(image[:, ::-1] if random.random() < 0.5 else image), label


def torch_fast(folder: Path, own: Path, workers: int) -> Iterator[int]:
    """A DataLoader as a person who knows makes it."""
    import cv2

    cv2.setNumThreads(0)
    return data_loader(FastFolder(folder), workers, shuffle=True)


def webdataset(folder: Path, own: Path, workers: int) -> Iterator[int]:
    """https://github.com/webdataset/webdataset: the training example of its README."""
    import webdataset as wds

    def write(out: Path) -> None:
        out.mkdir()
        pictures = files(folder)
        per_tar = min(500, -(-len(pictures) // (4 * workers)))  # a worker without one is an error
        with wds.ShardWriter(str(out / "%06d.tar"), maxcount=per_tar, verbose=0) as writer:
            for n, (path, label) in enumerate(pictures):
                writer.write({"__key__": f"{n:08d}", "jpg": path.read_bytes(), "cls": label})

    make_once(own, write)
    tars = [str(path) for path in sorted(own.glob("*.tar"))]
    change = transforms()
    dataset = (
        wds.WebDataset(tars, shardshuffle=len(tars))
        .shuffle(1000)
        .decode("pil")
        .to_tuple("jpg", "cls")
        .map_tuple(change, lambda label: label)
        .batched(BATCH)
    )
    return endless(wds.WebLoader(dataset, batch_size=None, num_workers=workers))


def litdata(folder: Path, own: Path, workers: int) -> Iterator[int]:
    """https://lightning.ai/docs/litdata: optimize, then StreamingDataset."""
    from litdata import StreamingDataLoader, StreamingDataset, optimize

    def write(out: Path) -> None:
        optimize(
            fn=read_file, inputs=[(str(path), n) for path, n in files(folder)],
            output_dir=str(out), chunk_bytes="64MB", num_workers=1, start_method="fork",
            verbose=False,
        )  # fmt: skip

    make_once(own, write)
    from PIL import Image

    change = transforms()

    class Pictures(StreamingDataset):
        """Decoded and cropped."""

        def __getitem__(self, index: Any) -> tuple[Any, int]:
            data, label = super().__getitem__(index)
            return change(Image.open(io.BytesIO(data)).convert("RGB")), label

    dataset = Pictures(str(own), shuffle=True)
    loader = StreamingDataLoader(
        dataset, batch_size=BATCH, num_workers=workers, persistent_workers=True
    )
    return endless(loader)


def read_file(item: tuple[str, int]) -> tuple[bytes, int]:
    """The bytes of a picture, and its class."""
    return Path(item[0]).read_bytes(), item[1]


def mosaicml(folder: Path, own: Path, workers: int) -> Iterator[int]:
    """https://docs.mosaicml.com/projects/streaming: MDSWriter, then StreamingDataset."""
    from PIL import Image
    from streaming import MDSWriter, StreamingDataset

    def write(out: Path) -> None:
        with MDSWriter(out=str(out), columns={"jpeg": "bytes", "label": "int"}) as writer:
            for path, label in files(folder):
                writer.write({"jpeg": path.read_bytes(), "label": label})

    make_once(own, write)
    change = transforms()

    class Pictures(StreamingDataset):
        """Decoded and cropped."""

        def __getitem__(self, index: Any) -> tuple[Any, int]:
            sample = super().__getitem__(index)
            picture = Image.open(io.BytesIO(sample["jpeg"])).convert("RGB")
            return change(picture), sample["label"]

    dataset = Pictures(local=str(own), shuffle=True, batch_size=BATCH)
    return data_loader(dataset, workers)


def ffcv_jpeg(folder: Path, own: Path, workers: int) -> Iterator[int]:
    """https://docs.ffcv.io: pictures as JPEG of quality 90 in a .beton, in memory."""
    return ffcv(folder, own, workers, "jpg")


def ffcv_raw(folder: Path, own: Path, workers: int) -> Iterator[int]:
    """The same without encoding: some ten times the bytes."""
    return ffcv(folder, own, workers, "raw")


def ffcv(folder: Path, own: Path, workers: int, mode: str) -> Iterator[int]:
    """https://docs.ffcv.io/ffcv_examples/imagenet.html, without the device's part."""
    from ffcv.fields import IntField, RGBImageField
    from ffcv.fields.decoders import IntDecoder, RandomResizedCropRGBImageDecoder
    from ffcv.loader import Loader, OrderOption
    from ffcv.transforms import RandomHorizontalFlip
    from ffcv.writer import DatasetWriter

    def write(out: Path) -> None:
        from torchvision.datasets import ImageFolder

        fields = {"image": RGBImageField(write_mode=mode), "label": IntField()}
        writer = DatasetWriter(str(out), fields, num_workers=1)
        writer.from_indexed_dataset(ImageFolder(str(folder)))

    make_once(own, write)
    crop = RandomResizedCropRGBImageDecoder((SIZE, SIZE), scale=AREA, ratio=ASPECT)
    loader = Loader(
        str(own), batch_size=BATCH, num_workers=workers, order=OrderOption.RANDOM, os_cache=True,
        drop_last=False,
        pipelines={"image": [crop, RandomHorizontalFlip()], "label": [IntDecoder()]},
    )  # fmt: skip
    return endless(loader)


def spdl(folder: Path, own: Path, workers: int) -> Iterator[int]:
    """https://facebookresearch.github.io/spdl: threads that decode and crop by FFmpeg's filters."""
    import spdl.io
    from spdl.pipeline import PipelineBuilder

    pictures = [(path.read_bytes(), label) for path, label in files(folder)]

    def source() -> Iterator[tuple[bytes, int]]:
        while True:
            yield from random.sample(pictures, len(pictures))

    def decode(item: tuple[bytes, int]) -> tuple[Any, int]:
        packets = spdl.io.demux_image(item[0])
        x, y, w, h = random_box(packets.codec.width, packets.codec.height)
        flip = ",hflip" if random.random() < 0.5 else ""
        scale = f"scale={SIZE}:{SIZE}:flags=bilinear"
        frames = spdl.io.decode_packets(
            packets, filter_desc=f"crop={w}:{h}:{x}:{y},{scale}{flip},format=rgb24"
        )
        return frames, item[1]

    def collate(items: list[tuple[Any, int]]) -> tuple[Any, list[int]]:
        buffer = spdl.io.convert_frames([frames for frames, _ in items])
        return spdl.io.to_numpy(buffer), [label for _, label in items]

    pipeline = (
        PipelineBuilder()
        .add_source(source())
        .pipe(decode, concurrency=workers)
        .aggregate(BATCH)
        .pipe(collate)
        .add_sink(2)
        .build(num_threads=workers)
    )

    def batches() -> Iterator[int]:
        with pipeline.auto_stop():
            for batch in pipeline.get_iterator():
                yield len(batch[0])

    return batches()


FFCV_NEEDS = ("libopencv-dev", "libturbojpeg0-dev", "pkg-config")


@dataclass(frozen=True)
class Rival:
    """A loader to compare with."""

    batches: Callable[[Path, Path, int], Iterator[int]]
    """From the folder of pictures, the place of its own data and the number of workers."""

    has_own_data: bool = True
    """False: it reads the folder."""

    holds_pictures: bool = False
    """Whether they are in the memory of its processes, or mapped there. False: it reads files, and
    they are in the system's file cache."""

    debian: tuple[str, ...] = ()
    """Packages of Debian that it needs to be installed or to run."""


RIVALS = {
    "torchvision": Rival(torchvision, has_own_data=False),
    "webdataset": Rival(webdataset),
    "litdata": Rival(litdata),
    "mosaicml": Rival(mosaicml),
    "spdl": Rival(spdl, has_own_data=False, holds_pictures=True, debian=("libavdevice59",)),
    "torch_fast": Rival(torch_fast, has_own_data=False),
    "ffcv_jpeg": Rival(ffcv_jpeg, holds_pictures=True, debian=FFCV_NEEDS),
    "ffcv_raw": Rival(ffcv_raw, holds_pictures=True, debian=FFCV_NEEDS),
}


def main() -> None:
    """`python -P -m shards.rival_loaders NAME PICTURES OWN_DATA WORKERS SECONDS`; in 0
    seconds it only writes its own data."""
    name, folder, own, workers, seconds = sys.argv[1:]
    rival = RIVALS[name]
    batches = rival.batches(Path(folder), Path(own), int(workers))
    if float(seconds) == 0:
        next(batches)
        os._exit(0)
    result = measure(batches, len(files(Path(folder))), float(seconds))
    kept = size_on_disk(Path(own if rival.has_own_data else folder))
    print(json.dumps(result | picture_memory(kept, rival.holds_pictures)), flush=True)
    os._exit(0)  # some have threads that never end


if __name__ == "__main__":
    main()
