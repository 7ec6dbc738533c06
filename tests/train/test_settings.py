from dataclasses import replace

import pytest

from leaflake import UsageError
from train.recipes import cpu
from train.settings import SETTABLE, with_settings


@pytest.mark.parametrize(
    ("given", "changes"),
    [
        ([], {}),
        (["loss=logit_adjusted"], {"loss": "logit_adjusted"}),
        (["backbone=vit_small_patch16_224"], {"backbone": "vit_small_patch16_224"}),
        (["mixup=0.2", "cutmix=1"], {"mixup": 0.2, "cutmix": 1.0}),
        (["accumulate=4"], {"accumulate": 4}),
        (["compile=yes", "heads_first=no"], {"compile": True, "heads_first": False}),
        (["first_size=none", "minutes=none"], {"first_size": None, "minutes": None}),
        (["first_size=96", "minutes=1.5"], {"first_size": 96, "minutes": 1.5}),
        (["init=a=b.pt"], {"init": "a=b.pt"}),
        (["seed=1", "seed=0"], {"seed": 0}),
    ],
)
def test_a_setting_is_read_as_what_the_recipe_holds_there(given, changes):
    assert with_settings(cpu(), given) == replace(cpu(), **changes)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("loss", "expected NAME=VALUE, such as loss=logit_adjusted"),
        ("lose=plain", "a recipe has no setting 'lose'; did you mean loss?"),
        ("name=mine", f"a recipe has no setting 'name'; expected one of {', '.join(SETTABLE)}"),
        ("loss=focal", "expected one of plain, logit_adjusted, class_balanced"),
        ("compile=true", "expected one of yes, no"),
        ("accumulate=0", "expected a whole number from 1"),
        ("batch_size=1.5", "expected a whole number from 1"),
        ("batch_size=none", "expected a whole number from 1"),
        ("seed=-1", "expected a whole number from 0"),
        ("frozen_stages=-1", "expected a whole number from 0"),
        ("mixup=-1", "expected a number from 0"),
        ("mixup=nan", "expected a number from 0"),
        ("mixup=inf", "expected a number from 0"),
    ],
)
def test_what_no_recipe_can_hold_is_refused(given, why):
    with pytest.raises(UsageError) as refused:
        with_settings(cpu(), [given])
    assert str(refused.value) == f"--set {given}: {why}. Nothing was written."
