from dataclasses import replace

import pytest

from leaflake import UsageError
from train.recipe_file import read_recipe, recipe_text
from train.recipes import barlow_joint, cpu
from train.train_cli import recipe_name


@pytest.mark.parametrize("base", [cpu, barlow_joint])
def test_a_recipe_written_as_a_function_is_read_back_as_it_was(base, tmp_path):
    found = replace(base(), learning_rate=0.1 + 0.2, loss="logit_adjusted", init=None, cache=False)
    path = tmp_path / "tuned.py"
    path.write_text(recipe_text(found, base().name, "A note of many words. " * 20))
    assert read_recipe(path) == replace(found, name=f"{base().name}-tuned")


def test_the_text_names_what_was_changed_and_nothing_else():
    found = replace(cpu(), learning_rate=0.001)
    assert recipe_text(found, "cpu", "Trial 3 of 4.") == (
        '"""Settings that leaflake tune found; see train/recipe.py."""\n'
        "\n"
        "from dataclasses import replace\n"
        "\n"
        "from train.recipe import Recipe\n"
        "from train.recipes import cpu\n"
        "\n"
        "\n"
        "def cpu_tuned() -> Recipe:\n"
        '    """The recipe `cpu`, tuned.\n'
        "\n"
        "    Trial 3 of 4.\n"
        '    """\n'
        "    return replace(\n"
        "        cpu(),\n"
        '        name="cpu-tuned",\n'
        "        learning_rate=0.001,\n"
        "    )\n"
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "defines 0 functions"),
        ("from train.recipes import cpu", "defines 0 functions"),
        ("def one():\n    return 1", "defines 1 functions; expected one, which returns a Recipe"),
        ("def one(): ...\ndef two(): ...", "defines 2 functions"),
    ],
)
def test_a_file_without_one_function_that_returns_a_recipe_is_refused(text, why, tmp_path):
    path = tmp_path / "recipe.py"
    path.write_text(text)
    with pytest.raises(UsageError) as refused:
        read_recipe(path)
    assert str(refused.value).startswith(f"{path}: {why}")


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(UsageError, match="there is no such file. Nothing was written."):
        read_recipe(tmp_path / "nowhere.py")


def test_train_takes_the_name_of_a_recipe_or_a_file():
    assert [recipe_name(text) for text in ("cpu", "tune/cpu_tuned.py")] == [
        "cpu",
        "tune/cpu_tuned.py",
    ]
    with pytest.raises(Exception, match="'gpu' is not one of cpu, browser, .*, nor a FILE.py"):
        recipe_name("gpu")
