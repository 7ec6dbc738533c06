"""The timer and its service are such as systemd takes, and call what there is."""

from __future__ import annotations

import argparse
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from retrain.retrain_cli import add_retrain

DEPLOY = Path(__file__).parents[2] / "serve/deploy"
SERVICE = (DEPLOY / "leaflake-retrain.service").read_text(encoding="utf-8")


def test_the_service_and_the_cron_line_call_leaflake_retrain_as_it_is() -> None:
    parser = argparse.ArgumentParser()
    add_retrain(parser)
    (line,) = re.findall(r"^ExecStart=\S+/leaflake retrain (.*)$", SERVICE, re.MULTILINE)
    (cron,) = re.findall(r"^# +0 3 \* \* 0 .*/leaflake retrain (.*) >> ", SERVICE, re.MULTILINE)
    assert line == cron
    args = parser.parse_args(shlex.split(line))
    assert (str(args.lake), str(args.models)) == (
        "/var/lib/leaflake/lake",
        "/var/lib/leaflake/models",
    )


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd here")
def test_systemd_finds_no_fault_in_them(tmp_path) -> None:
    for name in ("leaflake-retrain.service", "leaflake-retrain.timer"):
        text = (DEPLOY / name).read_text(encoding="utf-8")
        text = text.replace("/opt/leaflake/bin/leaflake", "/bin/true")
        (tmp_path / name).write_text(text.replace("User=leaflake", "User=root"))
    units = [str(path) for path in sorted(tmp_path.iterdir())]
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
