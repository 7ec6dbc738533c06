"""Settings of a recipe, changed on the command line: `--set NAME=VALUE`."""

from __future__ import annotations

import difflib
import math
from collections.abc import Sequence
from dataclasses import replace
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from leaflake import UsageError
from train.recipes import Recipe

SETTABLE = {name: hint for name, hint in get_type_hints(Recipe).items() if name != "name"}
"""Setting -> its type."""

YES_NO = {"yes": True, "no": False}


def with_settings(recipe: Recipe, given: Sequence[str]) -> Recipe:
    """`recipe` with settings such as `loss=logit_adjusted`; of two of one name the later counts.

    A setting that may be None takes `none`, a switch takes `yes` or `no`. Raises UsageError for a
    name that no recipe has, or a value that is none of its kind.
    """
    changes = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise _refusal(text, "expected NAME=VALUE, such as loss=logit_adjusted")
        if name not in SETTABLE:
            near = difflib.get_close_matches(name, SETTABLE, n=1)
            meant = f"did you mean {near[0]}?" if near else f"expected one of {', '.join(SETTABLE)}"
            raise _refusal(text, f"a recipe has no setting {name!r}; {meant}")
        changes[name] = _read(text, value, SETTABLE[name])
    return replace(recipe, **changes)


def _read(text: str, value: str, hint: Any) -> Any:
    """`value` as the type `hint` says."""
    kinds = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    if NoneType in kinds and value == "none":
        return None
    kind = kinds[0]
    choices = get_args(kind) if get_origin(kind) is Literal else YES_NO if kind is bool else ()
    if choices:
        if value not in choices:
            raise _refusal(text, f"expected one of {', '.join(choices)}")
        return YES_NO[value] if kind is bool else value
    if kind is str:
        return value
    return _number(text, value, kind)


def _number(text: str, value: str, kind: type[int] | type[float]) -> int | float:
    """A count from 1, a seed or a size from 0: no recipe has a use for less."""
    least = 1 if kind is int and not text.startswith(("seed=", "frozen_stages=")) else 0
    try:
        number = kind(value)
    except ValueError:
        number = math.nan
    if not least <= number < math.inf:
        what = "a whole number" if kind is int else "a number"
        raise _refusal(text, f"expected {what} from {least}")
    return number


def _refusal(text: str, why: str) -> UsageError:
    return UsageError(f"--set {text}: {why}. Nothing was written.")
