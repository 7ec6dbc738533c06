"""The code and the packages that a run was made with. In: its config.json. Out: a Python to start.

OUT/code    a git worktree of the run's commit
OUT/venv    that commit's constraints.txt, with the run's own versions where it names them
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leaflake import UsageError

COMPLETE = ".complete"
"""In the venv, when all is installed."""


@dataclass(frozen=True)
class Environment:
    """What to start the run's code with."""

    python: Path
    code: Path

    def run(self, arguments: Sequence[object], threads: int) -> str:
        """Start Python with the code on its path; what it prints. Raises UsageError with its own
        words if that fails. `threads` is how many sum up: another number gives other last digits.
        """
        done = subprocess.run(
            [self.python, *map(str, arguments)],
            cwd=self.code,
            env={**os.environ, "PYTHONPATH": str(self.code), "OMP_NUM_THREADS": str(threads)},
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode:
            raise UsageError(
                f"{self.python} {' '.join(map(str, arguments))} ended with {done.returncode}; what "
                f"it said is above. The code is that of {self.code}; the run is as it was."
            )
        return done.stdout


def check_out(repository: Path, commit: str, code: Path) -> None:
    """Make `code` a worktree of the commit. Raises UsageError if the repository has none such."""
    if not re.fullmatch("[0-9a-f]{40}", commit):
        raise UsageError(
            f"the run's config.json names the commit {commit!r}: it was trained by an installed "
            "package, so nobody knows its code. Nothing was written."
        )
    if _git(repository, "cat-file", "-e", f"{commit}^{{commit}}").returncode:
        raise UsageError(
            f"{repository}: has no commit {commit}, by which the run was trained. Fetch it, or run "
            "this in a checkout that has it. Nothing was written."
        )
    if _git(code, "rev-parse", "HEAD").stdout.strip() == commit:
        return
    _git(repository, "worktree", "prune")  # of a folder that somebody removed
    code.parent.mkdir(parents=True, exist_ok=True)
    made = _git(repository, "worktree", "add", "--detach", str(code), commit)
    if made.returncode:
        raise UsageError(f"{code}: git could not check out {commit}: {made.stderr.strip()}")


def pins(constraints: str, versions: Mapping[str, str]) -> str:
    """constraints.txt with the versions of a run. Without what builds add to a version, as in
    2.14.1+cpu, which one index has and another has not."""
    own = {_plain(name): value.partition("+")[0] for name, value in versions.items()}
    own.pop("leaflake", None)  # that is the code itself
    lines = [f"{name}=={value}" for name, value in sorted(own.items())]
    for line in constraints.splitlines():
        name, equals, _ = line.partition("==")
        if equals and _plain(name) not in own:
            lines.append(line)
    return "\n".join(lines) + "\n"


def install_commands(venv: Path, code: Path, python: Path, index: str) -> list[list[str]]:
    """What makes the venv, in order; `index` is a wheel index for PyTorch, or empty."""
    pip = [str(venv / "bin/python"), "-m", "pip", "install", "-q", "-c", str(venv / "pins.txt")]
    of_index = ["--index-url", index] if index else []
    return [
        [str(python), "-m", "venv", "--clear", str(venv)],
        [*pip, "torch", "torchvision", *of_index],
        [*pip, "-e", str(code)],
    ]


def install(config: Mapping[str, Any], venv: Path, code: Path, python: Path, index: str) -> Path:
    """Make the venv, if that is not done; its Python. Raises UsageError if pip fails."""
    made = venv / "bin/python"
    if (venv / COMPLETE).is_file():
        return made
    print(f"installing the run's packages into {venv}; PyTorch takes some minutes", file=sys.stderr)
    create, *installs = install_commands(venv, code, python, index)
    constraints = code / "constraints.txt"
    text = constraints.read_text(encoding="utf-8") if constraints.is_file() else ""
    for number, command in enumerate([create, *installs]):
        if subprocess.run(command, check=False).returncode:
            raise UsageError(
                f"{venv}: {' '.join(command)} failed; what it said is above. With --here the "
                "packages of this environment are taken. The run is as it was."
            )
        if number == 0:
            (venv / "pins.txt").write_text(pins(text, config["versions"]), encoding="utf-8")
    (venv / COMPLETE).touch()
    return made


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _plain(name: str) -> str:
    """A package's name as indexes compare it (PEP 503)."""
    return re.sub("[-_.]+", "-", name).lower()
