"""What a study is, as its YAML says; checked as far as that goes without building anything."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, get_args

from experiments.errors import CommandError
from experiments.study.fields import count, every, flag, meant, one_of, seconds, settings, some_of
from experiments.study.reading import read_yaml
from experiments.study.space import Distribution, read_space

Direction = Literal["min", "max"]
Split = Literal["train", "held_out"]
#: Scores by the stem of their names, and which way is good.
METRICS: dict[str, Direction] = {
    **dict.fromkeys(("fd", "kd", "fid", "fid_clean", "kid", "kid_clean"), "min"),
    **dict.fromkeys(("precision", "recall", "density", "coverage", "cs", "is"), "max"),
}
#: How a run may end, beside a healthy one. A partial collapse is told and is no failure.
OUTCOMES = ("collapsed", "never_learned", "diverged", "failed", "timed_out")
#: What a run may be ended early for.
STATES = ("collapsed", "never_learned")
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_TOP = ("name", "variants", "draws", "budget_images", "metric")


@dataclass(frozen=True)
class VariantDesign:
    """One of the variants that are compared.

    Attributes:
        label: its name in tables.
        config: a YAML file of ``ganagerie fit``.
        space: what is searched, by the path of the setting.
        set: settings of this variant by path, on top of those of the study.
    """

    label: str
    config: str
    space: dict[str, Distribution]
    set: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Design:
    """A study.

    Attributes:
        name: of the study, its folder and the group of its runs in W&B.
        variants: what is compared.
        draws: settings drawn for each variant.
        budget_images: real images that a run may see.
        metric: stem of the score that chooses and is reported, such as ``fd`` or ``coverage``.
        seeds: runs of each setting.
        final_seeds: runs of each variant's best setting with new seeds, after the search.
        seed: of the draws, from which the seeds of all runs are derived.
        include_default: whether draw 0 is the setting of the YAML file itself.
        set: settings by path that all variants share, such as the data.
        every_n_images: images between two evaluations.
        samples: generated samples of an evaluation.
        choosing_split: the reals against which checkpoints and settings are chosen; numbers are
            reported against the others.
        direction: which way of the metric is good.
        stop_early: states that end a run at once.
        failures: outcomes that count as the worst possible score, whatever a run had reached.
        time_limit_s: seconds after which a run is stopped.
        retries: how often a run is taken up again after its worker or its process was killed.
    """

    name: str
    variants: tuple[VariantDesign, ...]
    draws: int
    budget_images: int
    metric: str
    seeds: int = 1
    final_seeds: int = 0
    seed: int = 0
    include_default: bool = False
    set: dict[str, Any] = field(default_factory=dict)
    every_n_images: int | None = None
    samples: int = 1000
    choosing_split: Split = "train"
    direction: Direction = "min"
    stop_early: tuple[str, ...] = ()
    failures: tuple[str, ...] = OUTCOMES
    time_limit_s: float | None = None
    retries: int = 3

    @property
    def reporting_split(self) -> Split:
        """The reals that no choice has seen."""
        return "held_out" if self.choosing_split == "train" else "train"

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        found = asdict(self)
        for row, variant in zip(found["variants"], self.variants, strict=True):
            row["space"] = {path: one.to_dict() for path, one in variant.space.items()}
        return json.loads(json.dumps(found))

    def fingerprint(self) -> str:
        """Changes with anything that decides what is run, but for how many final runs there are.

        These come last and decide nothing, so that a study may be given more of them.
        """
        decides = {name: one for name, one in self.to_dict().items() if name != "final_seeds"}
        return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:16]


def read_design(path: Path) -> Design:
    """A study from its YAML file.

    Raises:
        CommandError: it is none, or asks for something impossible.
    """
    return design_of(read_yaml(path))


def design_of(given: Mapping[str, Any]) -> Design:
    """A study from its settings; see :func:`read_design`. ``shared`` is a place for anchors."""
    values = {name: value for name, value in given.items() if name != "shared"}
    known = [one.name for one in fields(Design)]
    for name in values:
        if name not in known:
            close = get_close_matches(str(name), known, n=1)
            hint = f"did you mean {close[0]}?" if close else f"there is {', '.join(known)}"
            raise CommandError(f"study: {name} is no setting of a study; {hint}")
    for name in _TOP:
        if values.get(name) in (None, "", [], {}):
            raise CommandError(
                f"study: {name} must be given, got none; see experiments/configs/studies/smoke.yaml"
            )
    name = str(values["name"])
    if not _NAME.fullmatch(name):
        raise CommandError(
            f"study: name must be letters, digits, '_', '.' and '-', got {name!r}; it names a "
            "folder"
        )
    metric = str(values["metric"])
    if metric not in METRICS:
        raise CommandError(
            f"study: metric must be one of {', '.join(METRICS)}, got {metric!r}; "
            + meant(metric, METRICS)
        )
    direction = values.get("direction", METRICS[metric])
    if direction != METRICS[metric]:
        raise CommandError(
            f"study: direction must be {METRICS[metric]} for {metric}, got {direction!r}; leave it "
            "out"
        )
    return Design(
        name=name,
        variants=_variants(values["variants"]),
        draws=count(values, "draws", 1),
        budget_images=count(values, "budget_images", 1),
        metric=metric,
        seeds=count(values, "seeds", 1, 1),
        final_seeds=count(values, "final_seeds", 0, 0),
        seed=count(values, "seed", 0, 0),
        include_default=flag(values, "include_default"),
        set=settings("study: set", values.get("set")),
        every_n_images=every(values),
        samples=count(values, "samples", 6, 1000),
        choosing_split=one_of(values, "choosing_split", get_args(Split), "train"),
        direction=direction,
        stop_early=some_of(values, "stop_early", STATES, ()),
        failures=some_of(values, "failures", OUTCOMES, OUTCOMES),
        time_limit_s=seconds(values),
        retries=count(values, "retries", 0, 3),
    )


def _variants(given: Any) -> tuple[VariantDesign, ...]:
    if not isinstance(given, list) or not all(isinstance(one, Mapping) for one in given):
        raise CommandError(
            f"study: variants must be a list, got {str(given)[:80]}; write - label: gan, config: "
            "and space: for each"
        )
    found = [_variant(one) for one in given]
    labels = [one.label for one in found]
    for label in labels:
        if labels.count(label) > 1:
            raise CommandError(
                f"study: labels must differ, got {label} twice; name each variant of its own"
            )
    _one_kind_each(found)
    return tuple(found)


def _variant(given: Mapping[str, Any]) -> VariantDesign:
    known = [one.name for one in fields(VariantDesign)]
    for name in given:
        if name not in known:
            raise CommandError(
                f"study: {name} is no setting of a variant; {meant(str(name), known)}"
            )
    label, config = str(given.get("label") or ""), given.get("config")
    if not _LABEL.fullmatch(label):
        raise CommandError(
            f"study: label of a variant must be letters, digits and '_.+-', got {label!r}; "
            "it names the folders of its runs"
        )
    if not config:
        raise CommandError(
            f"study: config of variant {label} must be a YAML file of fit, got none; 'ganagerie "
            "list' names those that ship"
        )
    return VariantDesign(
        label=label,
        config=str(config),
        space=read_space(label, given.get("space")),
        set=settings(f"study: set of variant {label}", given.get("set")),
    )


def _one_kind_each(variants: list[VariantDesign]) -> None:
    """A parameter of two kinds could not stand in one column."""
    seen: dict[str, tuple[str, str]] = {}
    for variant in variants:
        for path, one in variant.space.items():
            label, kind = seen.setdefault(path, (variant.label, one.kind))
            if kind != one.kind:
                raise CommandError(
                    f"study: {path} must be drawn from one kind of distribution, got {kind} for "
                    f"{label} and {one.kind} for {variant.label}; take one of them for both"
                )
