"""What the intervals of a study allow one to say, in sentences."""

from __future__ import annotations

import math

from experiments.report_page.formatting import number
from experiments.study.estimator import Comparison
from experiments.study.results import Pair, Results


def sentences(results: Results) -> list[str]:
    """One for each difference that is shown; then, for each budget, where none is.

    The numbers of many pairs stand in a table; those of a single one are in its sentence.
    """
    found: list[str] = []
    without: dict[str, list[str]] = {}
    for pair in results.pairs:
        for one in (*pair.search, *([pair.final] if pair.final else [])):
            if one.evidence or len(results.pairs) == 1:
                found.append(pair_sentence(results, pair, one))
            else:
                without.setdefault(_where(results, one)[0], []).append(f"{pair.a} vs {pair.b}")
    for where, pairs in without.items():
        which = f"in any of the {len(pairs)} pairs."
        if len(pairs) < len(results.pairs):
            which = f"in {len(pairs)} of {len(results.pairs)} pairs: {', '.join(pairs)}."
        found.append(f"No evidence of a difference {where}, {which}")
    return found


def pair_sentence(results: Results, pair: Pair, one: Comparison) -> str:
    """What may be said of two variants at one budget."""
    where, many = _where(results, one)
    low, high = shown_difference(results, one)
    span = f"{number(low)} to {number(high)}"
    if math.isinf(low) or math.isinf(high):
        span += " (∞: one of the two has no score)"
    if one.evidence == 0:
        why = f"the interval of the difference of their medians, {span}, holds 0"
        if not one.difference_in.holds(0.0):
            why = f"settings shuffled between them are as far apart in {one.by_chance:.0%} of cases"
        return (
            f"No evidence of a difference between {pair.a} and {pair.b} {where}: {why}; {pair.a} "
            f"is ahead with probability {probability(one)}, from {many}."
        )
    better, worse, chance, inside = pair.a, pair.b, one.probability, one.probability_in
    text = f"{chance:.2f} ({inside.low:.2f} to {inside.high:.2f})"
    if one.evidence > 0:
        better, worse = worse, better
        text = f"{1 - chance:.2f} ({1 - inside.high:.2f} to {1 - inside.low:.2f})"
    return (
        f"{better} is better than {worse} {where}: ahead with probability {text}; the medians "
        f"differ by {span} ({pair.a} less {pair.b}), from {many}."
    )


def probability(one: Comparison) -> str:
    """That the first is ahead, with its interval."""
    inside = one.probability_in
    return f"{one.probability:.2f} ({inside.low:.2f} to {inside.high:.2f})"


def shown_difference(results: Results, one: Comparison) -> tuple[float, float]:
    """The interval of the difference in scores as they are named, the lower end first."""
    ends = (results.sign * one.difference_in.low, results.sign * one.difference_in.high)
    return min(ends), max(ends)


def _where(results: Results, one: Comparison) -> tuple[str, str]:
    first, second = one.settings
    if not one.k:
        return "at their best settings", f"{first} and {second} final runs"
    seeds = results.design.seeds
    settings = "setting" if one.k == 1 else "settings"
    each = f"{first} and {second} settings" + (f" with {seeds} seeds each" if seeds > 1 else "")
    return f"after {one.k} {settings}", each


def protocol_lines(results: Results) -> list[str]:
    """How the numbers came about, one sentence each."""
    design, protocol = results.design, results.protocol
    way = "lower" if design.direction == "min" else "higher"
    failures = ", ".join(name.replace("_", " ") for name in design.failures) or "nothing"
    early = ", ".join(name.replace("_", " ") for name in design.stop_early)
    found = [
        f"{design.draws} settings a variant, drawn at random from the study's seed "
        f"{design.seed}, {design.seeds} seed{'s' * (design.seeds > 1)} each; "
        f"{design.budget_images:,} real images a run.",
        f"Checkpoint and setting are chosen by {results.score} ({way} is better) of "
        f"{design.samples:,} samples against {protocol['n_real']:,} {_reals(protocol['split'])} "
        "reals, the best evaluation of the training.",
        f"Every score reported is of another evaluation of that checkpoint: other latents, against "
        f"the {_reals(design.reporting_split)} reals, which have chosen nothing "
        f"({results.reported}).",
        f"Counted as the worst possible score, and never left out: {failures}.",
        "A budget is a number of different settings, each run with one seed. Intervals (95 %) come "
        "from a bootstrap over whole settings, because seeds of one setting are not independent.",
        "A difference is claimed where its interval does not hold 0 and settings shuffled between "
        "the two are as far apart in at most one of twenty cases.",
        f"Curves: {results.estimator} estimator over subsets of settings without replacement.",
    ]
    if early:
        found.append(f"Runs were ended early when {early}; the published protocol does not.")
    pairs = len(results.pairs)
    if pairs > 1:
        found.append(
            f"Each interval is of its pair alone: of {pairs} pairs about one in twenty would be "
            "found different if all were equal."
        )
    return found


def _reals(split: str) -> str:
    return "held-out" if split == "held_out" else "training"


def setting_text(setting: dict[str, object]) -> str:
    """A setting in one line, by the ends of its paths."""
    if not setting:
        return "that of the YAML file"
    return ", ".join(f"{short(path)} {_value(value)}" for path, value in setting.items())


def short(path: str) -> str:
    """The end of a path; with what it belongs to, where it is a place in a list or a part."""
    names = [name for name in path.split(".") if name not in ("model", "init_args", "data")]
    return ".".join(names)


def _value(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) and math.isfinite(value) else str(value)
