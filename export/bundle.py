"""Make a release bundle. In: a run and its lake. Out: a folder that answers alike in every runtime.

Calibrates, fits the rejection rule, exports, quantises, converts for the browser, asks every file
about the golden pictures and test, and only if all is within bounds writes the manifest, which
comes last and makes the folder a bundle. The folder takes its name when it is complete.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from catalog.storage import Place, name_of
from export.bundle_files import describe_files
from export.calibrate import TARGET_ACCURACY
from export.decisions import Decisions, fit_decisions
from export.files import make_browser, make_fp32, make_int8
from export.golden_choice import add_golden
from export.held import Reference, hold, refuse_faults, slower
from export.latency import time_files
from export.manifest import Manifest, write_manifest
from export.material import Material, read_material
from export.measure import accuracy, calibration, failures, given_by_kind, rejected_plants
from export.new_folder import new_folder, refuse_foreign_folder
from export.onnx_graph import describe_input, describe_outputs
from export.parity import BROWSER, FP32, INT8
from export.release import Release, ask_torch, calibrate, release
from export.report import write_report
from export.said import Said
from export.said_browser import missing_browser
from export.stages import Stages
from export.tfjs import refuse_large
from export.tfjs_tools import TOOLS, find_tools
from export.two_steps import LEAF, Choice, TwoSteps, choose_steps, with_finder
from leaflake import UsageError
from train.classifier import Classifier
from train.hardware import describe_hardware
from train.leaf_preprocess import LeafPreprocess
from train.run_folder import Run, code_commit, read_run
from train.two_step import WHOLE

SERVER = INT8
"""The file that a server answers with; there is no bundle in which it is not good enough."""

PACKAGES = ("leaflake", "torch", "onnx", "onnxruntime", "numpy")


def export_bundle(
    run_path: Path,
    out: Path,
    *,
    lake_path: Place | None = None,
    not_plants: Path | None = None,
    target: float = TARGET_ACCURACY,
    browser: bool = True,
    finder: Path | None = None,
    two_step: Choice = "better",
) -> Manifest:
    """Write the bundle of a run to `out`, which must not exist, be empty or be a bundle.

    `not_plants` is a folder of photographs of anything but plants, from which the rejection rule
    learns; `target` the share of answers that shall be right; `finder` a leaf finder, where the run
    was not trained with one, and `two_step` whether the graphs look at the leaf alone. Of a link to
    a folder it is the folder that is replaced. Raises UsageError if `out` holds something else, the
    run, its lake or the finder cannot be read, or the browser's tools are missing;
    BeyondBoundsError if a file is not good enough. Nothing is written then.
    """
    run = read_run(run_path)
    out = out.resolve()
    refuse_foreign_folder(out)
    classifier = run.load_model()
    learnt_from = LEAF if isinstance(classifier.preprocess, LeafPreprocess) else WHOLE
    classifier = with_finder(run, classifier, finder, two_step)
    if browser:
        _refuse_browser(classifier)
    material = read_material(run, lake_path or run.lake, not_plants)
    steps = choose_steps(classifier, material, two_step, learnt_from)
    with new_folder(out) as folder:
        return _fill(folder, run, steps, material, target, browser)


def _fill(
    folder: Path,
    run: Run,
    steps: TwoSteps,
    material: Material,
    target: float,
    browser: bool,
) -> Manifest:
    """Write everything into the empty `folder`."""
    classifier = steps.classifier
    stages = Stages(8 if browser else 7)
    stages.begin("temperatures, from val")
    temperatures = calibrate(classifier, material)
    stages.begin("rejection rule")
    made = release(classifier, material, temperatures)
    stages.begin("golden pictures, and what PyTorch says of them and of test")
    torch_test = ask_torch(made.network, material.test.encoded, "torch on test")
    whole_test = None
    if browser and made.crops:
        whole_test = ask_torch(made.whole, material.test.encoded, "torch on test, whole")
    golden = add_golden(folder, material, made, torch_test, whole_test)
    measured: dict[str, Any] = {} if steps.record is None else {"two_step": steps.record}
    stages.begin(FP32)
    asked = {FP32: make_fp32(folder, made, material, golden.encoded)}
    stages.begin(INT8)
    asked[INT8], measured["int8"] = make_int8(folder, made, material, golden.encoded, asked[FP32])
    if browser:
        stages.begin(f"{BROWSER}, made and asked in Chromium")
        asked[BROWSER], measured["browser"] = make_browser(folder, made, material, golden.encoded)
    stages.begin("is all within bounds?")
    references = dict.fromkeys(asked, Reference(torch_test, golden.said))
    if whole_test is not None:
        references[BROWSER] = Reference(whole_test, golden.whole)
    measured["files"], faults = hold(asked, references, material, made)
    measured["latency_ms"] = time_files(folder, (FP32, INT8))
    refuse_faults(faults + slower(measured["latency_ms"]))
    stages.begin("thresholds, figures and report")
    decisions = fit_decisions(asked, SERVER, material, made.rejection_thresholds, target)
    figures = {**measured, **_on_test(asked[SERVER].test, material, made, decisions)}
    manifest = _manifest(folder, run, made, decisions, figures)
    write_report(folder, manifest)
    manifest = replace(manifest, files=describe_files(folder))
    write_manifest(folder, manifest)
    return manifest


def _on_test(said: Said, material: Material, made: Release, decisions: Decisions) -> dict[str, Any]:
    """Figures of what the server's file said of test."""
    test, tree = material.test, material.tree
    rejected = said.rejection >= made.rejection_thresholds
    return {
        "pictures": {
            **material.sizes,
            "test_asked": len(test),
            "not_plants": len(material.not_plants or ()),
        },
        "accuracy": accuracy(said, test, tree),
        "calibration": calibration(said, test, tree),
        "answers": given_by_kind(decisions.test, test),
        "rejected_plants": rejected_plants(rejected, test, tree),
        "handover": decisions.handover,
        "failures": failures(said, test, tree),
    }


def _manifest(
    folder: Path, run: Run, made: Release, decisions: Decisions, figures: dict[str, Any]
) -> Manifest:
    return Manifest(
        name=run.path.name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        tree=run.tree.to_json(),
        default=SERVER,
        input=describe_input(made.network),
        outputs=describe_outputs(made.network),
        temperatures=made.temperatures,
        thresholds=decisions.thresholds,
        rejection=made.rejection,
        figures=figures,
        provenance={
            "recipe": run.recipe.name,
            "backbone": run.recipe.backbone,
            "weights": run.config["initial_weights"],
            "lake": name_of(run.lake),
            "snapshot": run.snapshot,
            "split": run.recipe.split,
            "commit": {"trained": run.config["commit"], "exported": code_commit()},
            "versions": {
                "trained": run.config["versions"],
                "exported": {name: version(name) for name in PACKAGES},
            },
            "hardware": {"trained": run.config["hardware"], "exported": describe_hardware()},
        },
        files=describe_files(folder),
    )


def _refuse_browser(classifier: Classifier) -> None:
    """Raise UsageError where the browser's model cannot be made or tried, before any work."""
    try:
        find_tools(TOOLS)
        if why := missing_browser():
            raise UsageError(f"the browser's model cannot be tried: {why} Nothing was written.")
        refuse_large(classifier)
    except UsageError as error:
        raise UsageError(f"{error} For a bundle without a browser's model: --no-browser.") from None
