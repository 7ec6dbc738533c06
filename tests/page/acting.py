"""What a person does with the page, and what they see."""

from __future__ import annotations

from typing import Any

from two_plants import picture

READY = "#status[data-kind=ready]"
ON_SERVER = "#status[data-kind=server]"


def leaf(colour: tuple[int, int, int], name: str = "leaf.png") -> dict[str, Any]:
    """A plain picture as a file; PNG, so that its colour is what it says."""
    return {"name": name, "mimeType": "image/png", "buffer": picture(colour, "PNG")}


def choose(page: Any, colour: tuple[int, int, int]) -> str:
    """Choose a picture; what the answer says in large words."""
    page.set_input_files("#choose", leaf(colour))
    return title(page)


def title(page: Any) -> str:
    """The answer's large words, once it is there."""
    return page.inner_text("#answer .title")


def who(page: Any) -> str:
    """Who answered, without the time that it took."""
    return page.inner_text("#who").split(", in ")[0]


# In the page: a list of files as a drop or a paste has it, from bytes.
TRANSFER = """([name, type, bytes]) => {
  const transfer = new DataTransfer();
  if (bytes) transfer.items.add(new File([new Uint8Array(bytes)], name, { type }));
  else transfer.setData("text/plain", name);
  return transfer;
}"""


def transfer(page: Any, colour: tuple[int, int, int] | None, text: str = "leaf.png") -> Any:
    """A handle on what is dragged or on the clipboard: a picture, or else the text."""
    data = None if colour is None else list(picture(colour, "PNG"))
    return page.evaluate_handle(TRANSFER, [text, "image/png", data])


PASTE = """(data) => document.body.dispatchEvent(
  new ClipboardEvent("paste", { clipboardData: data, bubbles: true }))"""
