"""The list of steps in a file. In: TOML. Out: ChosenSteps; and back.

    [[step]]
    name = "crop"
    size = 224

Their order is the file's, and one that is not there is not done. A setting that is left out has its
own value.
"""

from __future__ import annotations

import inspect
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from leaflake import UsageError
from train.offline_steps import STEPS, ChosenStep, Within, settings_of


def print_steps(steps: Sequence[ChosenStep]) -> str:
    """The file of these steps, with comments that say what each does and may be."""
    parts = ["# What leaflake augment --steps does, in this order. Leave out what you don't want."]
    for step in steps:
        about = inspect.cleandoc(STEPS[step.name].__doc__ or "").splitlines()
        lines = [f"# {line}" for line in about] + ["[[step]]", f'name = "{step.name}"']
        for name, value in step.settings.items():
            text = f"{list(value) if isinstance(value, tuple) else value}"
            lines.append(f"{name} = {text}  # {_expected(*_kind_of(step.name, name))}")
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def read_steps(path: Path) -> tuple[ChosenStep, ...]:
    """The steps of a file. Raises UsageError for what is no such list, a step that is unknown or
    stands twice, and a setting that it does not have or that is out of range."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # TOML's and UTF-8's errors are ValueErrors
        raise _refusal(path, f"cannot be read as TOML ({error})") from None
    listed = document.pop("step", None)
    if document or not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise _refusal(path, "expected a list of [[step]], each with a name and its settings")
    steps = tuple(_chosen(path, one) for one in listed)
    names = [step.name for step in steps]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise _refusal(path, f"the step {twice[0]!r} stands in it twice")
    if not steps:
        raise _refusal(path, "there is no step in it, so the copies would only repeat the pictures")
    return steps


def _chosen(path: Path, row: dict[str, Any]) -> ChosenStep:
    name = row.get("name")
    if name not in STEPS:
        raise _refusal(path, f"there is no step {name!r}; expected one of {', '.join(STEPS)}")
    given = {setting: value for setting, value in row.items() if setting != "name"}
    own = settings_of(STEPS[name])
    for setting, value in given.items():
        if setting not in own:
            known = ", ".join(own)
            raise _refusal(path, f"the step {name} has no setting {setting!r}, but {known}")
        own[setting] = _checked(path, f"{name}: {setting}", value, *_kind_of(name, setting))
    return ChosenStep(name, own)


def _kind_of(step: str, setting: str) -> tuple[type, Within]:
    """int, float or tuple, and what it may be."""
    hint, within = get_args(get_type_hints(STEPS[step], include_extras=True)[setting])
    return get_origin(hint) or hint, within


def _checked(path: Path, where: str, value: Any, kind: type, within: Within) -> Any:
    """`value` as the step takes it."""
    numbers = value if kind is tuple and isinstance(value, list) else [value]
    kinds = (int,) if kind is int else (int, float)
    if (
        len(numbers) != (2 if kind is tuple else 1)
        or any(isinstance(one, bool) or not isinstance(one, kinds) for one in numbers)
        or not all(within.least <= one <= within.most for one in numbers)
        or numbers != sorted(numbers)
    ):
        expected = _expected(kind, within)
        raise _refusal(path, f"{where} is {value!r}, expected {expected}")
    return tuple(map(float, numbers)) if kind is tuple else kind(numbers[0])


def _expected(kind: type, within: Within) -> str:
    what = {int: "a whole number", float: "a number"}.get(kind, "[least, most], two numbers")
    return f"{what} from {within.least:g} to {within.most:g}"


def _refusal(path: Path, why: str) -> UsageError:
    return UsageError(
        f"{path}: {why}. leaflake augment --print-steps shows such a file. Nothing was written."
    )
