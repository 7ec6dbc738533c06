"""The worst mistakes of a run as one HTML page that needs no network.

In: judged pictures of test and the model. Out: the page's text. Everything that comes from folders
and files is escaped; there is no script.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from catalog.taxonomy import LabelTree
from shards.decode import decode_image
from shards.select import read_encoded
from train.breakdown import is_laboratory
from train.classifier import Classifier
from train.heat_map import heat_map
from train.judged import Judged
from train.metrics import species_hits

STYLE = (Path(__file__).parent / "mistakes.css").read_text(encoding="utf-8")

MOST = 30
"""Mistakes of each kind that are shown; a page of 60 pairs of pictures is about 2 MB."""

SIDE = 300
"""Pixels of the longer side: half a phone's width, sharp."""

QUALITY = 78


@dataclass(frozen=True)
class Mistake:
    """One wrong answer."""

    row: int
    """Position among the judged pictures."""

    truth: int
    """Class index."""

    answer: int
    """Class index of the likeliest class."""

    probability: float
    """Of the answer, calibrated."""

    truth_probability: float

    @property
    def margin(self) -> float:
        """How much surer of the answer than of the truth the model is."""
        return self.probability - self.truth_probability


def worst_mistakes(judged: Judged, tree: LabelTree) -> tuple[list[Mistake], list[Mistake]]:
    """Wrong species, then wrong conditions of the right species; MOST each, worst margin first.

    Of pictures that show one thing only the worst is taken.
    """
    said = judged.predictions
    answer = said.joint.argmax(axis=1)
    rows = np.arange(len(answer))
    class_species = np.array(tree.class_species())
    found = [
        Mistake(
            row,
            int(said.class_index[row]),
            int(answer[row]),
            float(np.exp(said.joint[row, answer[row]])),
            float(np.exp(said.joint[row, said.class_index[row]])),
        )
        for row in rows[answer != said.class_index].tolist()
    ]
    found.sort(key=lambda one: (-one.margin, one.row))
    seen: set[object] = set()
    distinct = []
    for one in found:
        group = judged.pictures.groups[one.row]
        if group not in seen:
            seen.add(group)
            distinct.append(one)
    same = [class_species[one.truth] == class_species[one.answer] for one in distinct]
    species = [one for one, is_same in zip(distinct, same, strict=True) if not is_same]
    conditions = [one for one, is_same in zip(distinct, same, strict=True) if is_same]
    return species[:MOST], conditions[:MOST]


def mistakes_page(
    name: str,
    judged: Judged,
    model: Classifier,
    tree: LabelTree,
    laboratory: tuple[str, ...],
    drawings: Mapping[str, str],
) -> str:
    """The page of run `name`; `drawings` are title -> SVG, shown below the mistakes."""
    species, conditions = worst_mistakes(judged, tree)
    said = judged.predictions
    total = len(said.class_index)
    wrong_species = total - int(species_hits(said, tree).sum())
    wrong = int((said.joint.argmax(axis=1) != said.class_index).sum())
    sections = [
        _section("species", "Wrong species", _cards(species, judged, model, tree, laboratory)),
        _section(
            "diseases",
            "Right species, wrong disease",
            _cards(conditions, judged, model, tree, laboratory),
        ),
        *(
            _section(f"figure-{number}", title, f'<div class="scroll">{_drawing(svg, title)}</div>')
            for number, (title, svg) in enumerate(drawings.items())
        ),
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{escape(name)}: mistakes</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n"
        f"<header><h1>Mistakes of {escape(name)}</h1>\n"
        f"<p>Of {total:,} pictures of test {wrong:,} got a wrong class, {wrong_species:,} of them "
        "a wrong species. These are the ones it was surest of, one of each thing photographed: "
        "first the picture, then where the answer came from (Grad-CAM on the last feature map; "
        "red is much). Look at the label, too: it may be the one that is wrong.</p></header>\n"
        f"<main>\n{''.join(sections)}</main>\n</body>\n</html>\n"
    )


def _section(key: str, title: str, content: str) -> str:
    return (
        f'<section id="{key}" aria-labelledby="{key}-title"><h2 id="{key}-title">{escape(title)}'
        f"</h2>\n{content}</section>\n"
    )


def _cards(
    found: list[Mistake],
    judged: Judged,
    model: Classifier,
    tree: LabelTree,
    laboratory: tuple[str, ...],
) -> str:
    if not found:
        return "<p>None.</p>"
    pictures = judged.pictures.take(np.array([one.row for one in found]))
    encoded = read_encoded(pictures.selection)
    cards = []
    for number, (one, data) in enumerate(zip(found, encoded, strict=True)):
        image = decode_image(data)
        dataset = pictures.selection.datasets[number]
        kind = "laboratory" if is_laboratory(dataset, laboratory) else "not laboratory"
        file = Path(pictures.source_paths[number]).name
        about = [
            f"{escape(dataset)} ({kind})",
            f'folder <span class="path">{escape(pictures.folders[number])}</span>',
            f'<span class="path">{escape(file)}</span>',
            f"key {escape(pictures.selection.keys[number])}",
        ]
        truth, answer = _label(tree, one.truth), _label(tree, one.answer)
        cards.append(
            f'<li class="card"><div class="pair">{_images(model, image, one, truth, answer)}</div>'
            f"{_bar('answered', answer, one.probability, 'wrong')}"
            f"{_bar('is', truth, one.truth_probability, 'right')}"
            f'<p class="soft">{"<br>".join(about)}</p></li>'
        )
    return f'<ul class="cards">{"".join(cards)}</ul>\n'


def _images(model: Classifier, image: np.ndarray, one: Mistake, truth: str, answer: str) -> str:
    small = _shrink(image)
    evidence = heat_map(model, image, one.answer)
    shown = [_img(small, f"{truth}, taken for {answer}")]
    if evidence is not None:
        seen = _shrink(model.preprocess.part(image))
        shown.append(_img(overlay(seen, evidence), f"where the network saw {answer}"))
    return "".join(shown)


def overlay(image: np.ndarray, evidence: np.ndarray) -> np.ndarray:
    """uint8 RGB (H, W, 3) under the colours of a heat map float32 (h, w), 0 to 1; the same shape.

    Where there is no evidence the picture is as it was.
    """
    height, width = image.shape[:2]
    heat = cv2.resize(evidence, (width, height), interpolation=cv2.INTER_CUBIC).clip(0, 1)
    colours = cv2.applyColorMap((255 * heat).astype(np.uint8), cv2.COLORMAP_TURBO)[..., ::-1]
    share = 0.65 * heat[..., None]
    return np.asarray((1 - share) * image + share * colours).round().astype(np.uint8)


def _shrink(image: np.ndarray) -> np.ndarray:
    picture = Image.fromarray(image)
    picture.thumbnail((SIDE, SIDE), Image.Resampling.BILINEAR)
    return np.asarray(picture)


def _img(image: np.ndarray, alt: str) -> str:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=QUALITY, optimize=True)
    height, width = image.shape[:2]
    return (
        f'<img src="data:image/jpeg;base64,{_base64(file.getvalue())}" width="{width}" '
        f'height="{height}" alt="{escape(alt)}">'
    )


def _drawing(svg: str, title: str) -> str:
    uri = f"data:image/svg+xml;base64,{_base64(svg.encode())}"
    return f'<img src="{uri}" alt="{escape(title)}">'


def _bar(what: str, label: str, probability: float, kind: str) -> str:
    share = f"{100 * probability:.0f} %" if probability >= 0.005 else "under 1 %"
    return (
        f'<p class="said"><span class="soft">{what}</span> <b>{escape(label)}</b> '
        f'<span class="number">{share}</span><span class="bar">'
        f'<i class="{kind}" style="width:{100 * probability:.1f}%"></i></span></p>'
    )


def _label(tree: LabelTree, class_index: int) -> str:
    species, condition = tree.label(class_index)
    return f"{species.name}, {condition.name.lower()}"


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
