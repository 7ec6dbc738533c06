"""What deploys the server: the list of what it needs, the image's recipe, the unit of systemd."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "serve/deploy"
SERVER = ("serve.run", "serve.workers", "serve.classify_cli", "serve.classify")
OURS = {"leaflake", "serve", "shards", "export"}
ALWAYS = {"_distutils_hack"}  # setuptools' own, in every environment that has it


def name_of(requirement: str) -> str:
    return re.split("[^A-Za-z0-9._-]", requirement)[0].lower().replace("_", "-")


def listed() -> set[str]:
    lines = (DEPLOY / "requirements.txt").read_text().splitlines()
    return {name_of(line) for line in lines if line and not line.startswith("#")}


def with_their_own(names: set[str]) -> set[str]:
    """The packages, and all that these need without being asked for more."""
    found: set[str] = set()
    waiting = set(names)
    while waiting:
        found.add(name := waiting.pop())
        parsed = [Requirement(one) for one in requires(name) or ()]
        here = [one for one in parsed if not one.marker or one.marker.evaluate({"extra": ""})]
        needed = {name_of(one.name) for one in here}
        waiting |= needed - found
    return found


def test_the_servers_list_is_what_it_imports_and_no_more() -> None:
    code = f"import sys, tqdm, {', '.join(SERVER)}; print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True)
    modules = {name.split(".")[0] for name in out.stdout.decode().split()}
    of_module = packages_distributions()
    loaded = {name_of(dist) for name in modules - OURS - ALWAYS for dist in of_module.get(name, [])}
    assert listed() <= loaded
    assert loaded <= with_their_own(listed())


def test_the_servers_list_is_a_part_of_the_projects() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert listed() <= {name_of(one) for one in project["dependencies"]}
    pinned = (ROOT / "constraints.txt").read_text().splitlines()
    assert listed() <= {name_of(line) for line in pinned}


def test_the_image_gets_every_package_and_nothing_else_of_the_checkout() -> None:
    copied: set[str] = set()
    for line in (DEPLOY / "Containerfile").read_text().splitlines():
        if line.startswith("COPY ") and "--from" not in line:
            copied |= set(line.split()[1:-1])
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    modules = {f"{name}.py" for name in setuptools["py-modules"]}
    beside = {"pyproject.toml", "README.md", "LICENSE", "constraints.txt"}
    assert copied == {*setuptools["packages"], *modules, *beside, "serve/deploy/requirements.txt"}
    assert all((ROOT / name).exists() for name in copied)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd here")
@pytest.mark.parametrize("name", ["leaflake.service", "leaflake-bot.service"])
def test_systemd_finds_no_fault_in_a_unit_and_little_exposure(name: str, tmp_path: Path) -> None:
    unit = (DEPLOY / name).read_text()
    path = tmp_path / name
    path.write_text(unit.replace("/opt/leaflake/bin/leaflake", "/bin/true"))
    check = ["systemd-analyze", "verify", str(path)]
    done = subprocess.run(check, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    check = ["systemd-analyze", "security", "--offline=true", "--threshold=15", str(path)]
    done = subprocess.run(check, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout  # the exposure is at most 1.5 of 10
