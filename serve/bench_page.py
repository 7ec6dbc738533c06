"""`just bench-page`: from a picture that is chosen on the page to the answer that stands there.

In: a bundle with a browser's model. Out: for a golden picture and for the same as a phone's
12-megapixel photograph the time from choosing the file to the answer in the page, once the model is
warm, in headless Chromium. Pictures are kept on the device, so that the server answers none.
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from PIL import Image

from leaflake import UsageError
from serve.bench_plan import HOST, percentile
from serve.bench_serve import GOLDEN
from serve.bench_serve_table import verdict
from serve.bench_servers import NotRun, free_port, serving
from serve.bench_upload import PATH, SIZE, as_photograph
from serve.runtime import runtime_files

if TYPE_CHECKING:
    from playwright.sync_api import Page

GOAL_MS = 500.0

WARM_UP = 3

BROWSERS = ("chromium", "google-chrome", "chromium-browser")

READY_MS = 120_000
"""Until the page must have its model, tried on the golden picture."""

ANSWERED = """() => {
  const answer = document.getElementById("answer");
  answer.replaceChildren();
  window.answered = new Promise((done) => {
    let chosen;
    const note = () => (chosen = performance.now());
    const options = { capture: true, once: true };
    document.getElementById("choose").addEventListener("change", note, options);
    const seen = new MutationObserver(() => {
      if (!answer.querySelector(".said")) return;
      seen.disconnect();
      // after the frame that shows it
      requestAnimationFrame(() => setTimeout(() => done(performance.now() - chosen)));
    });
    seen.observe(answer, { childList: true, subtree: true });
  });
}"""
"""Run before a file is chosen; `window.answered` is then how many milliseconds it took."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Arguments, and the exit status: 1 if the goal is missed."""
    parser = argparse.ArgumentParser(prog="just bench-page", description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--picture", type=Path, help="any (default: the first golden one)")
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--out", type=Path, default=Path("bench-serve"), help="for the log")
    args = parser.parse_args(arguments)
    try:
        args.out.mkdir(parents=True, exist_ok=True)
        reached = bench(args.bundle, args.picture or first_golden(args.bundle), args)
    except (UsageError, NotRun, OSError) as error:
        print(f"bench-page: {error}", file=sys.stderr)
        return 2
    return 0 if reached else 1


def bench(bundle: Path, picture: Path, args: argparse.Namespace) -> bool:
    """Print a line for each size; whether the goal is reached with both."""
    if not runtime_files():
        raise UsageError("TF.js is not in serve/vendor. Install it with `just page-tools`.")
    if not (bundle / "browser").is_dir():
        raise UsageError(f"{bundle}: has no model for browsers. Export it without --no-browser.")
    port = free_port()
    command = [sys.executable, "-m", "leaflake", "serve", str(bundle), "--port", str(port)]
    reached = True
    with (
        tempfile.TemporaryDirectory(prefix="leaflake-") as folder,
        serving(command, port, PATH, picture, args.out / "page.log"),
        opened(f"http://{HOST}:{port}/") as page,
    ):
        large = Path(folder) / "photograph.jpg"
        with Image.open(picture) as image:
            large.write_bytes(as_photograph(image.convert("RGB"), SIZE))
        for file in (picture, large):
            taken = [choose(page, file) for _ in range(WARM_UP + args.repeats)][WARM_UP:]
            middle, p99 = median(taken), percentile(sorted(taken), 99)
            reached &= middle < GOAL_MS
            print(
                f"{describe(file)}: median {middle:.0f} ms, p99 {p99:.0f} ms of {len(taken)} "
                f"(goal under {GOAL_MS:.0f}: {verdict(middle < GOAL_MS)})",
                flush=True,
            )
    return reached


def first_golden(bundle: Path) -> Path:
    """A picture of the bundle."""
    for path in sorted((bundle / GOLDEN).glob("*.jpg")):
        return path
    raise UsageError(f"{bundle}: has no picture in {GOLDEN}/; name one with --picture.")


def describe(path: Path) -> str:
    """Its size, for people."""
    data = path.read_bytes()
    with Image.open(io.BytesIO(data)) as image:
        return f"{image.width}x{image.height}, {len(data) / 1e6:.2f} MB"


@contextmanager
def opened(url: str) -> Iterator[Page]:
    """The page in a browser of its own, with its model ready and pictures kept on the device."""
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        raise NotRun("the package playwright is missing: pip install playwright") from None
    with sync_playwright() as running:
        # As root it cannot start with a sandbox, as in containers.
        flags = ["--disable-dev-shm-usage", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
        browser = running.chromium.launch(executable_path=find_chromium(), args=flags)
        try:
            page = browser.new_page()
            page.goto(url)
            page.wait_for_selector("#status[data-kind=ready]", timeout=READY_MS)
            page.click("#private-line")  # the switch itself lies below its picture
            yield page
        except Error as error:
            raise NotRun(f"the page failed: {error.message}") from error
        finally:
            browser.close()


def find_chromium() -> str:
    """The path of a Chromium on this machine, or what $CHROMIUM names."""
    for name in filter(None, (os.environ.get("CHROMIUM"), *BROWSERS)):
        if path := shutil.which(name):
            return path
    raise NotRun("no Chromium found: install one, or name it with the variable CHROMIUM")


def choose(page: Page, file: Path) -> float:
    """Choose a file on the page; milliseconds until its answer stands there."""
    page.evaluate(ANSWERED)
    page.set_input_files("#choose", file)
    return float(page.evaluate("() => window.answered"))


if __name__ == "__main__":
    sys.exit(main())
