"""The health panel of the report: what it draws and says is what the monitor wrote."""

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from callbacks.collapse import colours
from callbacks.collapse.history import STATES
from callbacks.run_branches import leave_branch
from callbacks.run_folder import RunFolder
from experiments.report_page import palette
from tests.experiments.test_report_page import contrast
from tests.helpers_health import EVERY, Told, Watched, climb, collapsed_run, fallen
from tests.helpers_html import Node
from tests.helpers_report import make_run, page_of, png


def panel(page: Node) -> Node:
    return page.one("article", cls="health")


def percent(node: Node, name: str) -> float:
    found = re.search(rf"(?:^|;){name}:([-\d.]+)%", node.attributes["style"])
    assert found
    return float(found[1])


def points(figure: Node, line: int) -> list[tuple[float, float]]:
    """Points of a line as (percent of the axis, score), read off the drawn path."""
    group = list(figure.all("g", cls="line"))[line]
    path = group.one("path", cls="raw").attributes["d"]
    pairs = re.findall(r"[ML]([-\d.]+) ([-\d.]+)", path)
    return [(float(x) / 10, 1.05 * (1 - float(y) / 1000)) for x, y in pairs]


# -- the chart -------------------------------------------------------------------------------------


def test_verdict_stands_at_the_top_of_the_page(tmp_path: Path) -> None:
    page = page_of(collapsed_run(tmp_path / "run").run)
    verdict = page.one("p", cls="verdict")
    assert verdict.attributes["class"] == "verdict s-collapsed"
    assert verdict.text == (
        "Fully collapsed since 83,200 images, score 0.13 after 0.86. The best checkpoint before "
        "that is of 64,000 images. Evidence and the way back"
    )
    target = verdict.one("a").attributes["href"]
    assert panel(page).attributes["id"] == target.removeprefix("#")
    assert [a.text for a in page.one("nav").all("a")][0] == "Health"


def test_score_is_drawn_where_it_was(tmp_path: Path) -> None:
    run = collapsed_run(tmp_path / "run").run
    figure = panel(page_of(run)).one("figure", cls="wide")
    stored = [(row["images_seen"], row["verdict"]) for row in run.read_probes()]
    drawn = points(figure, 0)
    assert len(drawn) == len(stored) == 32
    for (x, y), (seen, verdict) in zip(drawn, stored, strict=True):
        assert x == pytest.approx(100 * seen / 102_400, abs=0.01)
        assert y == pytest.approx(verdict["score"], abs=1e-3)
    # From arming on the healthy level, and half of it, where full_drop makes an alarm.
    assert [round(y, 2) for _, y in points(figure, 1)][-2:] == [0.86, 0.86]
    assert [round(y, 2) for _, y in points(figure, 2)][-2:] == [0.43, 0.43]
    assert len(points(figure, 1)) == len(points(figure, 2)) == 29
    data = json.loads(figure.one("script").text)
    assert data["series"][0][25] == [83_200, 0.53, "suspect"]
    names = [button.text for button in figure.all("button")]
    assert names == ["score 0.1300", "healthy level 0.8600", "level of an alarm 0.4300"]


def test_states_are_spans_with_names(tmp_path: Path) -> None:
    figure = panel(page_of(collapsed_run(tmp_path / "run").run)).one("figure", cls="wide")
    (lane,) = figure.all("div", cls="lane")
    spans = list(lane.all("span"))
    assert [(span.attributes["class"], span.one("em").text) for span in spans] == [
        ("s-warmup", "warmup"),
        ("s-healthy", "healthy"),
        ("s-suspect", "suspect"),
        ("s-collapsed", "collapsed, full"),
    ]
    edges = [(percent(s, "left"), percent(s, "left") + percent(s, "width")) for s in spans]
    images = [(3200, 11_200), (11_200, 81_600), (81_600, 84_800), (84_800, 102_400)]
    for (left, right), (start, stop) in zip(edges, images, strict=True):
        assert left == pytest.approx(start / 1024, abs=2e-3)
        assert right == pytest.approx(stop / 1024, abs=2e-3)
    assert spans[3].attributes["title"] == "collapsed, full: 86,400 to 102,400 images, 6 probes"
    tints = [node.attributes["class"] for node in figure.all("div", cls="tint")]
    assert tints == ["tint s-suspect", "tint s-collapsed"]
    assert figure.one("ul", cls="states").text == "warmup healthy suspect collapsed"


def test_moments_are_marked_where_they_were(tmp_path: Path) -> None:
    figure = panel(page_of(collapsed_run(tmp_path / "run").run)).one("figure", cls="wide")
    pins = list(figure.all("div", cls="pin"))
    assert [(pin.text, percent(pin, "left")) for pin in pins] == [
        ("★ best checkpoint", 62.5),
        ("◆ onset", 81.25),
        ("▲ alarm", 84.375),
    ]
    assert [item.text for item in figure.one("ol", cls="moments").all("li")] == [
        "★ 64,000 Best checkpoint: healthy, before the onset, lowest fd_efflite0@2k of 5",
        "◆ 83,200 Onset of the full collapse, probe 25",
        "▲ 86,400 Alarm at probe 26, 1 probe after the onset: the score fell by 86% at once",
    ]
    # Onset and alarm are too near to each other for one row.
    rows = [pin.attributes["style"].partition("--row:")[2] for pin in pins]
    assert rows[1] != rows[2]


def test_band_of_real_samples_is_drawn_to_scale(tmp_path: Path) -> None:
    figure = panel(page_of(collapsed_run(tmp_path / "run").run)).one("figure", cls="wide")
    band = figure.one("div", cls="real")
    assert percent(band, "bottom") == pytest.approx(100 * 0.96 / 1.05, abs=0.01)
    assert percent(band, "height") == pytest.approx(100 * 0.02 / 1.05, abs=0.01)
    assert "real samples 0.98, 0.96 at the least" in figure.text


def test_score_that_is_not_finite_breaks_the_line(tmp_path: Path) -> None:
    watched = Watched(tmp_path / "run").tell(*climb(0.5, 0.8))
    lost = {"onset": 9600, "onset_probe": 2, "alarm": True, "reason": "not finite"}
    watched.tell(Told(None, "diverged", lost), Told(0.5, "diverged", {"onset": 9600}))
    figure = panel(page_of(watched.run)).one("figure", cls="wide")
    group = next(iter(figure.all("g", cls="line")))
    assert group.one("path", cls="raw").attributes["d"].count("M") == 2
    assert "score is not finite in 1 of 4 rows, first NaN at 9,600 images" in figure.text


# -- pictures --------------------------------------------------------------------------------------


def shown(box: Node) -> list[tuple[str, bytes]]:
    return [
        (
            figure.one("figcaption").text,
            base64.b64decode(figure.one("img").attributes["src"].partition(",")[2]),
        )
        for figure in box.all("figure", cls="shot")
    ]


def test_pictures_are_those_nearest_to_each_moment_and_on_its_side(tmp_path: Path) -> None:
    run = collapsed_run(tmp_path / "run").run
    box = panel(page_of(run)).one("div", cls="shots")
    files = dict(run.media_files("samples"))
    assert shown(box) == [
        ("Best checkpoint after 64,000 images", files[64_000].read_bytes()),
        ("Before the onset after 80,000 images", files[80_000].read_bytes()),
        ("Onset after 96,000 images, nearest picture to 83,200", files[96_000].read_bytes()),
        ("Now after 102,400 images", files[102_400].read_bytes()),
    ]


def test_grids_of_the_probes_come_before_other_samples(tmp_path: Path) -> None:
    watched = collapsed_run(tmp_path / "run")
    watched.picture("health", 64_000, 80_000, 83_200, 102_400)
    watched.picture("collapse/health", 86_400)
    page = page_of(watched.run)
    assert [text for text, _ in shown(panel(page).one("div", cls="shots"))] == [
        "Best checkpoint after 64,000 images",
        "Before the onset after 80,000 images",
        "Onset after 83,200 images",
        "Now after 102,400 images",
    ]
    # The panel shows them; the viewer below has the samples only.
    assert len(list(page.all("div", cls="viewer"))) == 1


def test_one_picture_of_two_moments_is_shown_once(tmp_path: Path) -> None:
    watched = Watched(tmp_path / "run").tell(*climb(0.5, 0.8))
    watched.health("healthy", pre_collapse=watched.checkpoint(6400, 30.0, "healthy"))
    watched.picture("samples", 3200, 6400)
    box = panel(page_of(watched.run)).one("div", cls="shots")
    assert [text for text, _ in shown(box)] == ["Best checkpoint · now after 6,400 images"]


def test_left_branch_keeps_its_line_its_lane_and_its_pictures(tmp_path: Path) -> None:
    watched = Watched(tmp_path / "run").tell(*climb(0.5, 0.6, 0.8), *fallen(3, 0.1, 0.1))
    watched.picture("health", 3200, 6400, 9600, 12_800, 16_000)
    leave_branch(watched.run, 6400, 1)
    changes = {"generator_lr": 1e-4}
    watched.event("rollback", at=6400, left=16_000, changes=changes)
    watched.tell(Told(0.7), Told(0.82))
    file = watched.run.media_file("health", 12_800)
    file.write_bytes(png(shade=250))
    box = panel(page_of(watched.run))
    figure = box.one("figure", cls="wide")
    assert [round(y, 2) for _, y in points(figure, 0)] == [0.5, 0.6, 0.7, 0.82]
    assert [round(y, 2) for _, y in points(figure, 3)] == [0.6, 0.8, 0.1, 0.1]
    lanes = list(figure.all("div", cls="lane"))
    assert [lane.attributes["class"] for lane in lanes] == ["lane", "lane lost"]
    assert [em.text for em in lanes[1].all("em")] == ["healthy", "collapsed, full"]
    pins = {pin.text: pin.attributes["class"] for pin in figure.all("div", cls="pin")}
    assert "gone" in pins["▲ alarm"] and "gone" not in pins["↩ rollback"]
    left = {
        at: f.read_bytes() for at, f in RunFolder(watched.run.path / "left/1").media_files("health")
    }
    past = box.one("div", cls="past")
    assert shown(past) == [
        ("Before the onset after 9,600 images", left[9600]),
        ("Onset · alarm after 12,800 images", left[12_800]),
    ]
    assert "Rolled back from 16,000 to 6,400 images; generator_lr 0.0001" in figure.text


# -- words -----------------------------------------------------------------------------------------


def test_fall_is_told_with_its_evidence(tmp_path: Path) -> None:
    fall = panel(page_of(collapsed_run(tmp_path / "run").run)).one("div", cls="fall")
    assert fall.text == (
        "Full collapse Alarm at 86,400 images (probe 26), onset at 83,200 (1 probe before). The "
        "score fell by 86% at once. coverage 0.80 → 0.11 of real data diversity 0.84 → 0.15 of "
        "real data"
    )


def test_commands_are_the_way_back(tmp_path: Path) -> None:
    run = collapsed_run(tmp_path / "two words").run
    page = page_of(run)
    box = panel(page).one("dl", cls="commands")
    back = (
        f"ganagerie resume '{run.path}' --from pre-collapse --seed +1 "
        "--set 'model.init_args.generator_lr*=0.5' --set 'model.init_args.discriminator_lr*=0.5'"
    )
    assert [code.text for code in box.all("code")] == [
        back,
        f"ganagerie resume '{run.path}' --from pre-collapse",
    ]
    assert [button.attributes["data-copy"] for button in box.all("button")][0] == back
    first = next(iter(page.one("main").all("dl", cls="commands")))
    assert first.all("code").__next__().text == back


def test_tables_list_every_span_and_every_checkpoint(tmp_path: Path) -> None:
    tables = list(panel(page_of(collapsed_run(tmp_path / "run").run)).all("table"))
    story = [row.text for row in tables[0].one("tbody").all("tr")]
    assert story == [
        "3,200 – 9,600 0 – 2 0.03 – 0.15 warmup",
        "12,800 – 80,000 3 – 24 0.22 – 0.86 healthy",
        "83,200 25 0.53 suspect",
        "86,400 – 102,400 26 – 31 0.09 – 0.13 collapsed, full",
    ]
    checkpoints = [row.text for row in tables[1].one("tbody").all("tr")]
    assert len(checkpoints) == 7
    assert checkpoints[3] == (
        "chosen 64,000 24.50 healthy healthy, before the onset, lowest fd_efflite0@2k of 5"
    )
    assert checkpoints[5] == "96,000 140.5 collapsed state was collapsed"
    # In the table of all checkpoints below, the state is a word.
    below = page_of(RunFolder(tmp_path / "run")).one("section", id="checkpoints")
    assert [row.text.split().count("collapsed") for row in below.one("tbody").all("tr")][-2:] == [
        1,
        1,
    ]


def test_directions_have_a_table(tmp_path: Path) -> None:
    groups = {"a to b": 0.4, "b to a": 0.6}
    watched = Watched(tmp_path / "run", list(groups)).tell(Told(0.4, groups=groups))
    table = list(panel(page_of(watched.run)).all("table"))[-1]
    assert [row.text for row in table.one("tbody").all("tr")] == [
        "a to b 0.40 0.40",
        "b to a 0.60 0.60",
    ]


def test_hostile_words_stay_words(tmp_path: Path) -> None:
    evil = "</script><img src=x onerror=1>"
    watched = Watched(tmp_path / "run", [evil]).tell(*climb(0.5, 0.8))
    told = fallen(2, 0.1, reason=evil, evidence=[evil], findings=[evil])
    watched.tell(*told).event("evaluation_error", note=evil)
    page = page_of(watched.run)
    assert panel(page).text.count("onerror=1") == 6
    assert not [
        image for image in page.all("img") if not image.attributes["src"].startswith("data:")
    ]


# -- several runs, none, damage --------------------------------------------------------------------


def test_each_watched_run_has_a_panel_and_a_line_at_the_top(tmp_path: Path) -> None:
    runs = [collapsed_run(tmp_path / "a", name="one").run, make_run(tmp_path / "b", name="two")]
    runs.append(Watched(tmp_path / "c", name="three").tell(*climb(0.5)).run)
    page = page_of(*runs, out=tmp_path / "all.html")
    boxes = list(page.one("section", id="health").all("article", cls="health"))
    assert [box.one("h3").text for box in boxes] == ["one", "three"]
    assert [box.attributes["id"] for box in boxes] == ["health-0", "health-2"]
    lines = [item.text for item in page.one("ul", cls="runs").all("li")]
    assert "Fully collapsed since 83,200 images" in lines[0] and lines[0].endswith("Details")
    assert "score" not in lines[1] and "Healthy, score 0.50." in lines[2]


@pytest.mark.parametrize("begun", [False, True])
def test_run_without_probes_has_no_panel(tmp_path: Path, begun: bool) -> None:
    run = Watched(tmp_path / "run").run if begun else make_run(tmp_path / "run", rows=2)
    page = page_of(run)
    assert not list(page.all(id="health")) and not list(page.all("p", cls="verdict"))
    assert "Left out" not in page.text


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text.replace('"suspect"', '"ill"'),
        lambda text: text.replace('"verdict"', '"word"', 1),
        lambda text: text.replace('"probe": 5,', '"probe": -5,'),
    ],
)
def test_damage_leaves_the_panel_out_and_is_named(
    tmp_path: Path, damage: Callable[[str], str]
) -> None:
    run = collapsed_run(tmp_path / "run").run
    run.evaluations_path.write_text(damage(run.evaluations_path.read_text()))
    page = page_of(run)
    assert not list(page.all("article", cls="health"))
    assert "Health left out. History: line" in page.one("section", cls="notice").text


@pytest.mark.parametrize(
    ("shades", "surface"),
    [(colours.LIGHT, palette.LIGHT_SURFACE), (colours.DARK, palette.DARK_SURFACE)],
)
def test_every_state_has_a_colour_that_can_be_read(shades: dict[str, str], surface: str) -> None:
    assert set(shades) == set(STATES)
    assert min(contrast(colour, surface) for colour in shades.values()) >= 4.5
    assert len(set(shades.values())) == len(STATES)


def test_probes_are_not_taken_for_evaluations(tmp_path: Path) -> None:
    run = Watched(tmp_path / "run").tell(*[Told(0.5)] * 3).run
    assert "Not evaluated yet" in page_of(run).one("section", id="scores").text
    assert run.read_probes()[-1]["images_seen"] == 3 * EVERY
