"""Draws of settings: within their ranges, spread over them, and a function of names alone."""

import math

import pytest

from experiments.errors import CommandError
from experiments.study.plan import planned_runs, settings_of_run
from experiments.study.reading import put, require
from experiments.study.space import Distribution, derived_seed, draw_setting, read_space

LR = Distribution("log_uniform", (1e-5, 1e-2))


def test_draws_cover_a_range_evenly_on_its_own_scale() -> None:
    values = sorted(draw_setting({"lr": LR}, 0, "gan", n)["lr"] for n in range(2000))
    assert 1e-5 <= values[0] and values[-1] <= 1e-2
    # The quarters of a logarithmic range.
    for share in (0.25, 0.5, 0.75):
        place = (math.log10(values[int(2000 * share)]) + 5) / 3
        assert place == pytest.approx(share, abs=0.04)


def test_choices_and_whole_numbers_are_equally_likely_and_include_both_ends() -> None:
    space = {
        "n": Distribution("int_uniform", (1, 4)),
        "norm": Distribution("choice", ("batch", "none")),
    }
    draws = [draw_setting(space, 1, "gan", n) for n in range(2000)]
    for value in (1, 2, 3, 4):
        assert sum(draw["n"] == value for draw in draws) == pytest.approx(500, abs=90)
    assert sum(draw["norm"] == "none" for draw in draws) == pytest.approx(1000, abs=130)


def test_a_parameter_more_changes_no_other_draw() -> None:
    one = draw_setting({"lr": LR}, 7, "gan", 3)
    both = draw_setting({"n": Distribution("choice", (1, 5)), "lr": LR}, 7, "gan", 3)
    assert both["lr"] == one["lr"]
    assert draw_setting({"lr": LR}, 8, "gan", 3) != one != draw_setting({"lr": LR}, 7, "vae", 3)


def test_numbers_that_yaml_takes_for_text_are_numbers() -> None:
    space = read_space("gan", {"lr": {"log_uniform": ["1e-5", "1e-2"]}, "n": {"choice": [1, 5]}})
    assert space == {"lr": LR, "n": Distribution("choice", (1, 5))}


def test_seeds_are_derived_and_not_reused(study_design: object) -> None:
    runs = planned_runs(study_design)
    assert len(runs) == 2 * (3 * 2 + 2) == len({run.key for run in runs})
    tree = {"model": {"init_args": {}}, "trainer": {}, "data": {"init_args": {}}}
    seeds = []
    for run in runs:
        settings = settings_of_run(tree, study_design, run, 10)
        seeds += [settings["seed_everything"], settings["data"]["init_args"]["seed"]]
    assert len(set(seeds)) == len(seeds) and all(0 <= seed < 2**31 for seed in seeds)
    assert derived_seed("a") == derived_seed("a") != derived_seed("b")


def test_final_runs_come_last_and_variants_in_turn(study_design: object) -> None:
    stages = [run.stage for run in planned_runs(study_design)]
    assert stages == sorted(stages, key=["search", "final"].index)
    assert [run.variant for run in planned_runs(study_design)][:4] == ["a", "a", "b", "b"]


def test_paths_lead_into_lists_and_misspelt_ones_are_told() -> None:
    tree: dict = {"model": {"init_args": {"betas": [0.5, 0.999]}}}
    put(tree, "model.init_args.betas.0", 0.1)
    put(tree, "data.init_args.length", 10)
    assert tree["model"]["init_args"]["betas"] == [0.1, 0.999]
    assert tree["data"] == {"init_args": {"length": 10}}
    assert require(tree, "model.init_args.betas.1", "study") == 0.999
    for path, words in (
        ("model.init_args.beta", r"did you mean model\.init_args\.betas"),
        ("model.init_args.betas.2", "places 0 to 1"),
        ("model.init_args.betas.0.x", "nothing inside"),
    ):
        with pytest.raises(CommandError, match=words):
            require(tree, path, "study")
