"""Section "Training": losses by player, scores of the discriminator, gradients, speed."""

from collections.abc import Sequence

from experiments.report_page.chart import Chart, Series, draw
from experiments.report_page.curves import Axis
from experiments.report_page.records import Run

_CLOCKS = ("generator_steps", "discriminator_steps", "round", "wall_s")


def training_charts(runs: Sequence[Run], labels: Sequence[str], x_axis: Axis) -> list[Chart]:
    """The charts of metrics.csv, evaluations excepted.

    One run: the terms of a player share a chart, coloured by term. Several runs: every column has
    its own chart, coloured by run.
    """
    columns = sorted({name for run in runs for name in run.curves}, key=_order)
    columns = [c for c in columns if c not in _CLOCKS and not c.startswith("eval/")]
    groups: dict[str, list[str]] = {}
    for column in columns:
        groups.setdefault(_group(column) if len(runs) == 1 else column, []).append(column)
    return [_chart(group, members, runs, labels, x_axis) for group, members in groups.items()]


def _chart(
    group: str, columns: list[str], runs: Sequence[Run], labels: Sequence[str], x_axis: Axis
) -> Chart:
    if len(runs) == 1:
        series = [
            Series(_name(column, group), runs[0].curve(column), slot)
            for slot, column in enumerate(columns)
        ]
        title = group
    else:
        series = [
            Series(label, run.curve(group), slot)
            for slot, (run, label) in enumerate(zip(runs, labels, strict=True))
            if run.curve(group).x
        ]
        title = _title(group)
    rate = columns[0].startswith("speed/")
    return draw(title, series, x_axis, from_zero=rate)


def _parts(column: str) -> tuple[str, str, str]:
    """``train/<player>/<term>`` in its parts; other columns have no player."""
    head, _, rest = column.partition("/")
    player, _, term = rest.rpartition("/")
    return head, player, term


def _group(column: str) -> str:
    head, player, term = _parts(column)
    if head != "train" or not player:
        return _title(column)
    if term == "grad_norm":
        return "Gradient norms"
    if term.endswith("_score"):
        return f"{_words(player)}: mean raw scores"
    return f"{_words(player)} loss"


def _title(column: str) -> str:
    head, player, term = _parts(column)
    if head == "train" and player:
        kind = {"grad_norm": "gradient norm"}.get(term, f"{term.replace('_', ' ')}")
        return f"{_words(player)}: {kind}"
    if head == "speed":
        return "Speed, images/s" if term == "images_per_s" else f"Speed, {term}"
    return column


def _name(column: str, group: str) -> str:
    _, player, term = _parts(column)
    name = player if group == "Gradient norms" else term
    return {"images_per_s": "images/s"}.get(name, name.replace("_", " ")) or column


def _words(player: str) -> str:
    return player.replace("_", " ").capitalize()


def _order(column: str) -> tuple[int, str, int, str]:
    """Losses first (the generator's before the discriminator's), then norms, speed, the rest."""
    head, player, term = _parts(column)
    if head != "train" or not player:
        return (4 if head == "speed" else 5, "", 0, column)
    late = 3 if term == "grad_norm" else 2 if term.endswith("_score") else 1
    # The generator is what a reader looks for first, and its adversarial term before the others.
    leads = term in ("adversarial", "real_score")
    return (late, "" if player == "generator" else player, 0 if leads else 1, term)
