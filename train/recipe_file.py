"""A recipe in a file of its own: a Python file with one function that returns a Recipe. In: its
path. Out: the Recipe; and the way back."""

from __future__ import annotations

import runpy
import textwrap
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from types import FunctionType

from leaflake import UsageError
from train.recipe import Recipe
from train.recipes import RECIPES

MODULE = "leaflake_recipe"
"""Name under which the file is run, so that its own functions are told from imported ones."""


def read_recipe(path: Path) -> Recipe:
    """Run the file, and call the one public function that it defines.

    Raises UsageError if there is no such file, it has not one such function, or that returns no
    Recipe. Whatever else goes wrong in it is left to raise.
    """
    if not path.is_file():
        raise UsageError(f"{path}: there is no such file. Nothing was written.")
    found = runpy.run_path(str(path), run_name=MODULE)
    own: list[Callable[[], object]] = [
        value
        for name, value in found.items()
        if isinstance(value, FunctionType)
        and value.__module__ == MODULE
        and not name.startswith("_")
    ]
    recipe = own[0]() if len(own) == 1 else None
    if not isinstance(recipe, Recipe):
        raise UsageError(
            f"{path}: defines {len(own)} functions; expected one, which returns a Recipe "
            "(train/recipes.py). Nothing was written."
        )
    return recipe


def recipe_text(recipe: Recipe, base: str, note: str) -> str:
    """A file for `read_recipe`: the recipe `base` with what `recipe` changes in it; `note` is for
    the docstring."""
    function = f"{base.replace('-', '_')}_tuned"
    own = RECIPES[base]()
    names = [one.name for one in fields(Recipe) if one.name != "name"]
    changes = {name: getattr(recipe, name) for name in names}
    changes = {name: value for name, value in changes.items() if value != getattr(own, name)}
    lines = [f"        {name}={value!r},\n" for name, value in changes.items()]
    about = textwrap.indent(textwrap.fill(note, 92), "    ")
    origin = RECIPES[base].__name__
    return (
        f'"""Settings that leaflake tune found; see train/recipe.py."""\n\n'
        "from dataclasses import replace\n\n"
        f"from train.recipe import Recipe\nfrom train.recipes import {origin}\n\n\n"
        f"def {function}() -> Recipe:\n"
        f'    """The recipe `{base}`, tuned.\n\n{about}\n    """\n'
        f"    return replace(\n        {origin}(),\n"
        f'        name="{base}-tuned",\n{"".join(lines)}    )\n'
    )
