"""TF.js as the page loads it: which files of which npm packages, and their way to serve/vendor.

Only what answers a picture: the core, the reader of graph models, and WebAssembly; WebGL is there
for browsers where that fails. `just page-tools` installs the packages that serve/tfjs/ locks.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from leaflake import UsageError

VENDOR = Path(__file__).parent / "vendor"
"""Git does not keep it."""

FILES = {
    "tfjs-core": ("tf-core.es2017.min.js",),
    "tfjs-converter": ("tf-converter.es2017.min.js",),
    "tfjs-backend-wasm": (
        "tf-backend-wasm.es2017.min.js",
        "tfjs-backend-wasm-simd.wasm",
        "tfjs-backend-wasm.wasm",  # for browsers without vector instructions
    ),
    "tfjs-backend-webgl": ("tf-backend-webgl.es2017.min.js",),
}
"""Package of @tensorflow -> names of files in its dist/, each with its licence in its first lines
but the WebAssembly, which is of its package's script."""

NEEDED = ("tf-core.es2017.min.js", "tf-converter.es2017.min.js", "tf-backend-wasm.es2017.min.js")
"""Without one of these, no model runs in the page."""

SELDOM = ("tfjs-backend-wasm.wasm", "tf-backend-webgl.es2017.min.js")
"""Few browsers use them, so that no other keeps them for a visit without a network."""


def runtime_files(vendor: Path = VENDOR) -> dict[str, Path]:
    """Name -> file of what is in `vendor`; nothing if TF.js is not, or not all, there."""
    names = [name for names in FILES.values() for name in names]
    found = {name: vendor / name for name in names if (vendor / name).is_file()}
    return found if set(NEEDED) <= set(found) else {}


def install_runtime(node_modules: Path, vendor: Path = VENDOR) -> None:
    """Copy the files into a new `vendor`, in the place of the old one.

    Raises UsageError if a package lacks one.
    """
    temporary = vendor.with_name(vendor.name + ".tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    for package, names in FILES.items():
        for name in names:
            source = node_modules / "@tensorflow" / package / "dist" / name
            if not source.is_file():
                shutil.rmtree(temporary)
                raise UsageError(
                    f"{source}: is not there. Install the versions of serve/tfjs/package.json "
                    f"(just page-tools). {vendor} is as it was."
                )
            shutil.copyfile(source, temporary / name)
    shutil.rmtree(vendor, ignore_errors=True)
    temporary.rename(vendor)


def main() -> None:
    """Command line: python -m serve.runtime NODE_MODULES."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("node_modules", type=Path)
    try:
        install_runtime(parser.parse_args().node_modules)
    except UsageError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
