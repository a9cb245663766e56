"""The runs of a study as plain data: which setting, which seed, in which folder."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from experiments.study.design import Design
from experiments.study.reading import put
from experiments.study.space import derived_seed, draw_setting

SEARCH, FINAL = "search", "final"
#: Evaluations and probes of a run, where the study does not say.
_EVALUATIONS, _PROBES = 10, 20


@dataclass(frozen=True)
class PlannedRun:
    """One run of a study.

    Attributes:
        key: names it and its folder.
        variant: its label.
        stage: search, or final for the best setting with a new seed.
        draw: number of the setting; -1 for a final run, whose setting the search decides.
        seed: number of the seed.
        setting: what was drawn, by path; empty for a final run until it is known, and for the
            setting of the YAML file itself.
    """

    key: str
    variant: str
    stage: str
    draw: int
    seed: int
    setting: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> PlannedRun:
        """The run that :meth:`to_dict` wrote."""
        return cls(**{name: values[name] for name in cls.__dataclass_fields__})


def planned_runs(design: Design) -> list[PlannedRun]:
    """All runs, in the order in which they are taken: variants in turn, final runs last."""
    runs = []
    for draw in range(design.draws):
        for variant in design.variants:
            own = design.include_default and draw == 0
            setting = {} if own else draw_setting(variant.space, design.seed, variant.label, draw)
            for seed in range(design.seeds):
                key = f"{variant.label}-{draw:03d}-seed{seed}"
                runs.append(PlannedRun(key, variant.label, SEARCH, draw, seed, setting))
    for seed in range(design.final_seeds):
        for variant in design.variants:
            key = f"{variant.label}-final-seed{seed}"
            runs.append(PlannedRun(key, variant.label, FINAL, -1, seed, {}))
    return runs


def study_settings(design: Design) -> dict[str, Any]:
    """What a study decides for all of its runs, by path."""
    every = design.every_n_images or max(1, design.budget_images // _EVALUATIONS)
    return {
        "trainer.enable_progress_bar": False,
        "trainer.max_epochs": None,
        "trainer.max_time": None,
        "evaluation.every_n_images": every,
        "evaluation.samples": design.samples,
        "evaluation.split": design.choosing_split,
        # By images alone: the clock of a machine must not decide which minimum is seen.
        "evaluation.max_share": None,
        "checkpointing.every_n_images": None,
        # Which of them is the best is known at the end; the others are deleted then.
        "checkpointing.keep_best": 1_000_000,
        "checkpointing.keep_last": 1,
    }


def probe_settings(design: Design) -> dict[str, Any]:
    """How often the collapse monitor looks, unless the study's YAML says otherwise."""
    return {
        "collapse_monitor.every_n_images": max(1, design.budget_images // _PROBES),
        "collapse_monitor.max_share": None,
        "sample_grid.every_n_images": design.budget_images,
    }


#: Settings that belong to the study, by path, and what to set instead.
RESERVED = {
    "trainer.max_steps": "budget_images",
    "trainer.max_epochs": "budget_images",
    "trainer.max_time": "time_limit_s",
    "trainer.callbacks": "the settings of the parts that every run has",
    "seed_everything": "seed and seeds",
    "data.init_args.seed": "seed and seeds",
    "evaluation.every_n_images": "every_n_images",
    "evaluation.samples": "samples",
    "evaluation.split": "choosing_split",
    "evaluation.max_share": "every_n_images",
    "checkpointing.every_n_images": "every_n_images",
    "checkpointing.keep_best": "nothing: the chosen checkpoint is kept",
    "checkpointing.keep_last": "nothing: the chosen checkpoint is kept",
    "run_dir": "--out",
}


def settings_of_run(
    tree: Mapping[str, Any], design: Design, run: PlannedRun, max_steps: int
) -> dict[str, Any]:
    """The resolved settings of one run, as ``fit --config`` takes them.

    Args:
        tree: of its variant.
        design: of the study.
        run: with its setting.
        max_steps: generator steps of the budget under this setting.
    """
    settings = copy.deepcopy(dict(tree))
    for path, value in run.setting.items():
        put(settings, path, copy.deepcopy(value))
    put(settings, "trainer.max_steps", max_steps)
    names = (design.seed, run.variant, run.stage, run.draw, run.seed)
    # One each for weights and latents, and for the order of the data.
    put(settings, "seed_everything", derived_seed("run", *names))
    put(settings, "data.init_args.seed", derived_seed("data", *names))
    return settings


def reporting_seed(design: Design, key: str) -> int:
    """Of the latents of the reported number; never one of those that chose."""
    return 1 + derived_seed("report", design.seed, key)
