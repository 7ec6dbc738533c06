"""Where the tools for the browser's model are: the converter, and the runtimes that check it."""

from __future__ import annotations

from pathlib import Path

from leaflake import UsageError

TOOLS = Path(__file__).parents[1] / ".venv-tfjs"
"""The environment that `just tfjs-tools` makes."""

RUNTIMES = "node_modules"
"""In it: TF.js and onnxruntime-web."""


class ToolFailedError(Exception):
    """A program that is not ours, the converter or the browser, failed; the message has its own
    words."""


def find_tools(tools: Path) -> Path:
    """The Python of the converter's environment. Raises UsageError if it is not complete."""
    if not (tools / ".complete").is_file():
        raise UsageError(
            f"{tools}: the TF.js converter is not installed there. Install it with "
            "`just tfjs-tools` (about 2 GB). Nothing was written."
        )
    return tools / "bin/python"
