from typing import Any

import pytest

from experiments.errors import CommandError
from experiments.relative import absolute
from experiments.resume_options import is_fork, new_seed, parse

SETTINGS: dict[str, Any] = {
    "seed_everything": True,
    "trainer": {"max_steps": 30, "precision": None},
    "model": {"init_args": {"generator_lr": 2e-4, "betas": [0.5, 0.999], "weight": "1e-3"}},
    "loggers": {"project": "ganagerie"},
}


def change(*changes: str) -> list[str]:
    return absolute(changes, SETTINGS)


def test_factor_multiplies_the_run_s_own_value() -> None:
    assert change("model.init_args.generator_lr*=0.5") == ["model.init_args.generator_lr=0.0001"]
    assert change("trainer.max_steps*=2") == ["trainer.max_steps=60"]
    # Whole numbers stay whole where they can.
    assert change("trainer.max_steps*=0.5") == ["trainer.max_steps=15"]
    assert change("trainer.max_steps*=0.25") == ["trainer.max_steps=7.5"]
    # YAML takes 1e-3 for a text.
    assert change("model.init_args.weight*=2") == ["model.init_args.weight=0.002"]


def test_plain_changes_stay_as_they_are_and_in_order() -> None:
    words = ("a.b=c=d", "model.regularizers+=R1", "trainer.max_steps=5", "x=")
    assert change(*words) == list(words)


def test_a_later_factor_multiplies_what_an_earlier_change_left() -> None:
    lr = "model.init_args.generator_lr"
    assert change(f"{lr}*=0.5", f"{lr}*=0.5") == [f"{lr}=0.0001", f"{lr}=5e-05"]
    assert change(f"{lr}=1e-3", f"{lr}*=0.5") == [f"{lr}=1e-3", f"{lr}=0.0005"]
    assert change("new.key=4", "new.key*=0.5") == ["new.key=4", "new.key=2"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("loggers.project*=2", r"loggers.project\*=2 must multiply a number, got 'ganagerie'"),
        ("trainer.precision*=2", "must multiply a number, got None in the run; set it with"),
        ("seed_everything*=2", "must multiply a number, got True"),
        ("model.init_args.betas*=2", r"must multiply a number, got \[0.5, 0.999\]"),
        ("model*=2", "must multiply a number, got {'init_args'"),
        ("trainer.steps*=2", "must multiply a setting of the run, got none of this name"),
        ("trainer.max_steps.x*=2", "must multiply a setting of the run, got none"),
        ("trainer.max_steps*=half", "must be followed by a number, got 'half'; as in"),
        ("trainer.max_steps*=", "must be followed by a number, got ''"),
        ("trainer.max_steps*=nan", "must be followed by a number, got 'nan'"),
        ("model.init_args.generator_lr*=inf", "must be followed by a number, got 'inf'"),
        ("trainer.max_steps*=1e308", "must give a finite number, got 30 times 1e308; choose a"),
    ],
)
def test_factor_that_cannot_be_applied_is_one_line(words: str, message: str) -> None:
    with pytest.raises(CommandError, match=message) as info:
        change(words)
    assert "\n" not in str(info.value)


@pytest.mark.parametrize("word", ["=3", "*=3", "trainer.max_steps", "--set=3", "*"])
def test_change_without_a_key_is_refused(word: str) -> None:
    with pytest.raises(CommandError, match=r"KEY=VALUE or KEY\*=FACTOR, got|expected one argument"):
        parse(["run", "--set", word])


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], False),
        (["--reset-d", "no"], False),
        (["--reset-d", "opt"], True),
        (["--from", "pre-collapse"], True),
        (["--seed", "+1"], True),
        (["--set", "a*=2"], True),
    ],
)
def test_anything_that_changes_makes_a_fork(words: list[str], expected: bool) -> None:
    assert is_fork(parse(["run", *words])) is expected


def test_seed_counts_from_the_run_s_own() -> None:
    assert new_seed("+1", 3) == 4 and new_seed("7", 3) == 7 and new_seed(None, 3) is None
