"""The bundle's manifest, `model.json`: written last by export, read first by everyone else.

Needs only the standard library, so that the server reads a bundle without torch or training.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from export.bundle_files import find_fault, refuse_listing
from leaflake import UsageError

FORMAT = "leaflake-bundle"
FORMAT_VERSION = 2
MANIFEST_NAME = "model.json"

SEAL = "sha256"
"""The key of the manifest's own hash: of its text with UNSEALED in the place of the hash. Without
it a changed threshold would be the one change that nobody sees."""

UNSEALED = "0" * 64

REJECTIONS: tuple[Literal["not_a_plant", "unknown_species"], ...] = (
    "not_a_plant",
    "unknown_species",
)
"""The scores of the output `rejection`, in its order: it shows no plant, or a plant of no species
that the model learned."""

SAY_NOTHING = ("unknown", "background")
"""Condition ids of catalog/taxonomy.py that are no state of a plant."""

TEXTS = ("name", "created", "default", SEAL)
"""The fields that are texts; all others are objects."""


@dataclass(frozen=True)
class Manifest:
    """What a bundle says about itself. The fields are the keys of `model.json`."""

    name: str
    """The run that the bundle was made from, such as `cpu-20260131-120000`."""

    created: str
    """ISO 8601, UTC."""

    tree: dict[str, Any]
    """The label tree as `catalog.taxonomy.LabelTree.to_json` writes it, in class order."""

    default: str
    """The file that a server loads when nobody asks for another."""

    input: dict[str, Any]
    """Name, dtype, shape and meaning of the graph's one input; `eval_size`, the side of the square
    that the graph makes of it, and `reduce_to`, the least short side to which a decoder may reduce
    a large JPEG, pixels both. Where the graph finds the leaf first and looks at that alone also
    `crop`: `finder`, the first digits of its hash, the `size` of its own square, `threshold` and
    `margin`; see train/leaf_preprocess.py."""

    outputs: dict[str, Any]
    """For each output of the graph its shape and meaning."""

    temperatures: dict[str, float]
    """Of `species` and `condition`: what their logits are divided by, inside the graphs."""

    thresholds: dict[str, Any]
    """From which probability on what is answered; see export/calibrate.py."""

    rejection: dict[str, Any]
    """For each of REJECTIONS, in their order, `threshold` (a score that reaches it rejects),
    `method`, and the record of how it was chosen."""

    figures: dict[str, Any]
    """Everything that was measured when the bundle was made; report.html shows it."""

    provenance: dict[str, Any]
    """`recipe`, `backbone`, `lake` (its folder's name), `snapshot`, `commit`, `versions`,
    `hardware`: where the weights come from, and what made the bundle of them."""

    files: dict[str, dict[str, Any]]
    """Name -> {"bytes", "sha256"} of every other file, names relative and with "/"."""

    sha256: str = field(default=UNSEALED, compare=False)
    """The seal, once read: which of two releases of one run it is. `manifest_text` makes it."""


def manifest_text(fields: dict[str, Any]) -> str:
    """The text of a `model.json` with these fields and the hash of the whole."""
    head = {"format": FORMAT, "format_version": FORMAT_VERSION, SEAL: UNSEALED}
    fields = {**head, **fields, SEAL: UNSEALED}
    text = json.dumps(fields, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    return text.replace(UNSEALED, hashlib.sha256(text.encode()).hexdigest(), 1)


def write_manifest(bundle: Path, manifest: Manifest) -> None:
    """Write `model.json` into `bundle`; its presence means that the bundle is complete."""
    temporary = bundle / (MANIFEST_NAME + ".tmp")
    temporary.write_text(manifest_text(asdict(manifest)), encoding="utf-8")
    temporary.rename(bundle / MANIFEST_NAME)


def read_manifest(bundle: Path) -> Manifest:
    """Read `model.json` and check every file of the bundle against it.

    Raises UsageError with the name of the file if the folder is no bundle, is one of another
    format version, or holds a file that is missing or differs by a byte. What else lies in the
    folder is nobody's business: it is never read.
    """
    manifest = read_fields(bundle)
    for name, expected in manifest.files.items():
        if fault := find_fault(bundle, name, expected):
            raise UsageError(fault)
    return manifest


def read_fields(bundle: Path) -> Manifest:
    """Read `model.json` alone; the other files are not looked at. Raises as `read_manifest`."""
    path = bundle / MANIFEST_NAME
    data = _read_json(bundle)
    keys = tuple(Manifest.__dataclass_fields__)
    for key in keys:
        if not isinstance(data.get(key), str if key in TEXTS else dict):
            raise UsageError(f'{path}: has no entry "{key}" of its kind. Export it anew.')
    refuse_listing(path, data["files"])
    _refuse_other_tree(path, data)
    _refuse_other_rule(path, data["rejection"])
    return Manifest(**{key: data[key] for key in keys})


def is_of_plants(tree: dict[str, Any]) -> bool:
    """Whether a label tree is of plants, so that "not a plant" says something: a species has a
    Latin name or a condition. Any other folders, such as beach and mountain, have neither."""
    return any(
        one["scientific"]
        or any(each["condition_id"] not in SAY_NOTHING for each in one["conditions"])
        for one in tree["species"]
    )


def is_bundle(folder: Path) -> bool:
    """Whether `folder` holds the manifest of a bundle, of any version and however complete."""
    try:
        data = json.loads((folder / MANIFEST_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(data, dict) and data.get("format") == FORMAT


def _read_json(bundle: Path) -> dict[str, Any]:
    path = bundle / MANIFEST_NAME
    if not path.is_file():
        raise UsageError(
            f"{bundle}: not a bundle, there is no {MANIFEST_NAME} in it. "
            "Name a folder that `leaflake export` wrote."
        )
    try:
        text = path.read_bytes().decode()
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not readable as JSON ({error}). Export it anew.") from None
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise UsageError(f'{path}: not the manifest of a bundle ("format" is not "{FORMAT}").')
    if data.get("format_version") != FORMAT_VERSION:
        raise UsageError(
            f"{path}: bundle format {data.get('format_version')}, but this Leaflake reads "
            f"{FORMAT_VERSION}. Export it anew with this version, or install the matching one."
        )
    sealed = str(data.get(SEAL))
    found = hashlib.sha256(text.replace(sealed, UNSEALED, 1).encode()).hexdigest()
    if found != sealed:
        raise UsageError(
            f"{path}: was changed or cut, its own sha256 is {found[:12]}... and not "
            f"{sealed[:12]}... Copy it again or export it anew; to change what is answered, use "
            "the options of `leaflake export`."
        )
    return data


def _refuse_other_tree(path: Path, data: dict[str, Any]) -> None:
    """Raise UsageError unless the label tree is as large as the graph's outputs."""
    try:
        conditions = [len(one["conditions"]) for one in data["tree"]["species"]]
        species, joint = (
            data["outputs"][name]["shape"] for name in ("species_log_probs", "joint_log_probs")
        )
    except (KeyError, TypeError) as error:
        raise UsageError(
            f'{path}: "tree" or "outputs" is not as expected ({error!r}). Export it anew.'
        ) from None
    if [species, joint] != [[len(conditions)], [sum(conditions)]]:
        raise UsageError(
            f"{path}: its label tree has {len(conditions)} species and {sum(conditions)} classes, "
            f"its graphs answer {species} and {joint}. They are of different runs; export anew."
        )


def _refuse_other_rule(path: Path, rejection: dict[str, Any]) -> None:
    """Raise UsageError unless each score of the rejection rule has a threshold."""
    found = [rejection.get(name) for name in REJECTIONS]
    thresholds = [one.get("threshold") for one in found if isinstance(one, dict)]
    if [type(one) for one in thresholds] != [float] * len(REJECTIONS):
        raise UsageError(
            f'{path}: "rejection" has no thresholds of {" and ".join(REJECTIONS)}. Export it anew.'
        )
