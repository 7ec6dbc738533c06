"""Settings of a recipe, changed on the command line: `--set NAME=VALUE`; and which go together."""

from __future__ import annotations

import difflib
import math
from collections.abc import Sequence
from dataclasses import replace
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from leaflake import UsageError
from train.recipe import Recipe

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


def refuse_contradictions(recipe: Recipe) -> None:
    """Raise UsageError if settings do not go together."""
    alone = recipe.twins == 1
    for wrong, why in (
        (recipe.twins > 1, f"twins={recipe.twins:g} is no share; it is at most 1"),
        (
            recipe.unlabelled is not None and not (recipe.twins or recipe.teacher),
            "pictures without labels teach nothing here; set twins, or name a teacher",
        ),
        (
            recipe.unlabelled is not None and bool(recipe.mixup or recipe.cutmix),
            "mixup and cutmix mix labels, which `unlabelled` pictures lack; set both to 0",
        ),
        (
            recipe.loader == "ffcv" and (bool(recipe.twins) or recipe.unlabelled is not None),
            "the loader ffcv knows neither two crops of a picture nor pictures without labels",
        ),
        (
            recipe.loader == "ffcv" and recipe.finder is not None,
            "the loader ffcv knows whole pictures alone; leave the finder or take loader=leaflake",
        ),
        (alone and recipe.heads_first, "twins=1 trains no heads; set heads_first=no"),
        (alone and bool(recipe.teacher), "twins=1 learns from pictures alone; leave the teacher"),
    ):
        if wrong:
            raise UsageError(f"recipe {recipe.name}: {why}. Nothing was written.")
