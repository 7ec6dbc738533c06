import stat
import sys
from pathlib import Path

import pytest

from export.tfjs_browser import Task, ask_browser, find_browser
from export.tfjs_tools import ToolFailedError
from leaflake import UsageError

# What stands for Chromium: it gets flags and, last, the page's address, and does as the page does.
HEAD = f"""#!{sys.executable}
import json, sys, urllib.error, urllib.request as http
url = sys.argv[-1]
read = lambda path: http.urlopen(url + path).read()
post = lambda path, body: http.urlopen(url + path, data=body).read()
"""

GOOD = """
import numpy as np
assert b"check.js" in read("") and b"resizeLevels" in read("static/resize.js")
assert read("core.onnx") == b"onnx" and read("model/model.json") == b"{}"
assert read("npm/ort/ort.js") == b"ort"
task = json.loads(read("task.json"))
for number in range(task["pictures"]):
    data = np.frombuffer(read(f"picture/{number}"), np.uint8)
    post(f"levels/{number}", data.astype(np.float32).tobytes())
    post(f"answer/tfjs/{number}", np.float32([number, task["size"]]).tobytes())
post("done", json.dumps({"isolated": True}).encode())
"""


@pytest.fixture
def ask(tmp_path: Path):
    """ask(body of the browser's script) -> Found, for two pictures."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model/model.json").write_text("{}")
    (tmp_path / "npm/ort").mkdir(parents=True)
    (tmp_path / "npm/ort/ort.js").write_text("ort")
    (tmp_path / "core.onnx").write_text("onnx")
    (tmp_path / "secret").write_text("secret")

    def run(body: str):
        script = tmp_path / "browser"
        script.write_text(HEAD + body)
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        return ask_browser(
            Task(size=24, pictures=2),
            [b"ab", b"abc"].__getitem__,
            model=tmp_path / "model",
            npm=tmp_path / "npm",
            core=tmp_path / "core.onnx",
            browser=str(script),
        )

    return run


def test_the_page_gets_model_and_pictures_and_its_answers_come_back(ask):
    found = ask(GOOD)
    assert {number: row.tolist() for number, row in found.answers["tfjs"].items()} == {
        0: [0.0, 24.0],
        1: [1.0, 24.0],
    }
    assert found.levels[1].tolist() == [97.0, 98.0, 99.0]
    assert found.times == {"isolated": True}


def test_what_the_page_says_of_its_failure_is_passed_on(ask):
    with pytest.raises(ToolFailedError, match="the page failed in .*: no such kernel"):
        ask('post("failed", b"no such kernel")')


def test_a_browser_that_ends_by_itself_is_not_waited_for(ask):
    with pytest.raises(ToolFailedError, match="ended by itself with status 3"):
        ask("sys.exit(3)")


def test_nothing_outside_its_folders_is_served(ask):
    found = ask("""
for path in ("model/../secret", "model/other.json", "npm/", "secret", "model/%2e%2e/secret"):
    try:
        read(path)
        post("failed", path.encode())
    except urllib.error.HTTPError as error:
        assert error.code == 404
post("done", b"{}")
""")
    assert found.failure is None


def test_a_missing_browser_is_refused_with_what_to_install(monkeypatch):
    monkeypatch.setenv("CHROMIUM", "no-such-browser")
    with pytest.raises(UsageError, match="looked for no-such-browser. Install Chromium"):
        find_browser()
    monkeypatch.setenv("CHROMIUM", sys.executable)
    assert find_browser() == sys.executable
