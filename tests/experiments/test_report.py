"""The report: what it shows is what the files hold."""

import base64
import json
import re
from pathlib import Path

import pytest

from callbacks.run_folder import RunFolder
from experiments.report import write_report
from tests.helpers_html import parse
from tests.helpers_report import (
    FD,
    PROTOCOL,
    chart,
    column,
    drawn,
    make_run,
    metrics_row,
    page_of,
    png,
    write_metrics,
)

# -- the numbers are those of the files ------------------------------------------------------------


def test_scores_table_holds_the_values_of_evaluations_jsonl(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    page = page_of(run)
    stored = [row["scores"] for row in run.read_evaluations()]
    for name in (FD, "kd_efflite0@2k", "recall_efflite0@2k"):
        assert column(page, name) == [str(scores[name]) for scores in stored]
    heads = next(iter(page.one("section", id="scores").all("thead"))).text
    assert heads == (
        "efflite0@2k Images seen G steps Generator fd ↓ kd ↓ precision ↑ recall ↑ coverage ↑ Took"
    )


def test_curve_goes_through_the_values_of_metrics_csv(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", rows=60)
    figure = chart(page_of(run), "Discriminator loss", "training")
    rows = run.read_metrics()
    names = ["train/discriminator/adversarial", "train/discriminator/gradient_penalty"]
    for line, name in enumerate(names):
        stored = [(row["images_seen"], row[name]) for row in rows]
        for (x, y), (seen, value) in zip(drawn(figure, "raw", line), stored, strict=True):
            assert x == pytest.approx(seen, abs=10) and y == pytest.approx(value, abs=0.005)
        given = json.loads(figure.one("script").text)["series"][line]
        assert [tuple(pair) for pair in given] == stored


def test_legend_shows_the_last_value(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", rows=60)
    last = run.read_metrics()[-1]["train/generator/adversarial"]
    legend = chart(page_of(run), "Generator loss", "training").one(cls="legend")
    assert float(legend.one("b").text) == pytest.approx(last, rel=1e-3)


def test_floor_is_a_dashed_line_at_its_value(tmp_path: Path) -> None:
    figure = chart(page_of(make_run(tmp_path / "run")), FD)
    path = figure.one("path", cls="level").attributes["d"]
    height = float(path.removeprefix("M0 ").removesuffix("H1000"))
    points = list(figure.all("path", cls="raw"))[0].attributes["d"]
    # 41.25 is the fifth point, 50.75 the fourth: the floor of 11.5 lies on the same scale.
    ys = [float(y) for y in re.findall(r"[ML][\d.]+ ([\d.]+)", points)]
    assert height == pytest.approx(ys[4] + (ys[4] - ys[3]) / 9.5 * (41.25 - 11.5), abs=0.5)
    assert "real against real 11.50" in figure.one(cls="legend").text


def test_best_of_each_column_is_marked_and_no_other(tmp_path: Path) -> None:
    page = page_of(make_run(tmp_path / "run"))
    table = next(iter(page.one("section", id="scores").all("table", cls="numbers")))
    marked = [cell.attributes["title"] for cell in table.all("td", cls="top")]
    # Lowest distances, highest shares.
    assert marked == ["41.25", "0.031", "0.81", "0.62", "0.77"]
    row = table.one("tr", cls="chosen")
    assert "best checkpoint" in row.text and "41.25" in row.text
    assert "best 41.25 at 50k" in chart(page, FD).text


def test_standard_errors_stand_beside_their_score(tmp_path: Path) -> None:
    page = page_of(make_run(tmp_path / "run"))
    assert "0.03100 ±0.001" in page.one("section", id="scores").one("tr", cls="chosen").text
    assert "kd_se" not in page.text.replace(" ", "")


def test_headline_names_images_time_and_best_checkpoint(tmp_path: Path) -> None:
    page = page_of(make_run(tmp_path / "run", rows=60))
    tiles = page.one("dl", cls="tiles").text
    assert "fd_efflite0@2k 41.25 at 50,000 images · real against real 11.50" in tiles
    assert "60,000 600 generator steps" in tiles and "2 min 30 s 60 rows" in tiles
    assert "finished" == page.one(cls="status").text
    assert "started 20" in page.one(cls="lead").text


def test_checkpoints_table_marks_best_last_and_missing(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    index = run.read_index()
    (run.path / index["checkpoints"][0]["path"]).unlink()
    rows = list(page_of(run).one("section", id="checkpoints").one("tbody").all("tr"))
    assert len(rows) == len(index["checkpoints"])
    assert "missing:" in rows[0].text and "missing" not in rows[1].text
    best = [row for row in rows if row.attributes.get("class") == "chosen"]
    assert [row.one("th").text for row in best] == ["best 50,000"]
    assert rows[-1].one("th").text == "last 60,000"
    assert index["checkpoints"][1]["sha256"] in {n.attributes.get("title") for n in rows[1].all()}


def test_commands_are_ready_for_a_shell(tmp_path: Path) -> None:
    run = make_run(tmp_path / "two words")
    commands = [code.text for code in page_of(run).one("dl", cls="commands").all("code")]
    folder = f"'{run.path}'"
    assert f"ganagerie resume {folder}" in commands
    assert f"ganagerie resume {folder} --from best" in commands
    assert f"ganagerie sample {folder}" in commands


def test_settings_are_shown_whole_and_collapsed(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", config="a: 1\nb:\n  c: <x> & 'y'\n")
    section = page_of(run).one("section", id="settings")
    assert section.one("pre").parts == ["a: 1\nb:\n  c: <x> & 'y'\n"]
    assert "open" not in section.one("details").attributes


# -- pictures --------------------------------------------------------------------------------------


def test_pictures_are_embedded_byte_for_byte(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    section = page_of(run).one("section", id="samples")
    shown = [image.attributes["src"] for image in section.one(cls="thumbs").all("img")]
    files = [file.read_bytes() for _, file in run.media_files("samples")]
    assert [base64.b64decode(uri.partition(",")[2]) for uri in shown] == files
    assert section.one("img", cls="big").attributes["src"] == shown[-1]


def test_many_pictures_are_thinned_with_first_and_last_kept(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", evaluations=0)
    for k in range(60):
        file = run.media_file("samples", 1000 * k)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(png(shade=4 * k))
    viewer = page_of(run).one(cls="viewer")
    stops = json.loads(viewer.attributes["data-stops"])
    assert len(stops) == 24 and (stops[0], stops[-1]) == (0, 59_000)
    assert "24 of 60 pictures" in viewer.text


def test_slider_never_shows_a_run_a_picture_from_its_future(tmp_path: Path) -> None:
    runs = [make_run(tmp_path / "a", evaluations=6), make_run(tmp_path / "b", evaluations=4)]
    viewer = page_of(*runs, out=tmp_path / "both.html").one(cls="viewer")
    stops = json.loads(viewer.attributes["data-stops"])
    for panel in viewer.all("figure", cls="panel"):
        buttons = panel.one(cls="thumbs").all("button")
        seen = [int(button.attributes["data-at"]) for button in buttons]
        for stop, place in zip(stops, json.loads(panel.attributes["data-shown"]), strict=True):
            past = [at for at in seen if at <= stop]
            assert (place is None and not past) or seen[place] == past[-1]


# -- runs that are young, damaged or enormous ------------------------------------------------------


def test_empty_run_says_so_in_words(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", name="new", variant="a.B", data="c.D")
    text = page_of(run).text
    for words in (
        "No picture yet",
        "Not evaluated yet",
        "No row in metrics.csv yet",
        "No checkpoint yet",
        "new has no config.yaml",
        "nothing to resume",
    ):
        assert words in text


def test_one_row_is_a_dot_and_says_so(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", rows=1, evaluations=1)
    page = page_of(run)
    figure = chart(page, "Generator loss", "training")
    assert figure.one("path", cls="dots").attributes["d"].count("M") == 1
    assert "dcgan-mnist has one row so far" in page.one("section", id="training").text
    scores = page.one("section", id="scores")
    assert "dcgan-mnist has one evaluation so far" in scores.text
    # The best of one is no achievement.
    assert not list(scores.all(cls="top")) and not list(scores.all("path", cls="ring"))
    assert "The only picture so far" in page.text and "1 row logged" in page.text


def test_values_that_are_not_finite_survive_and_are_named(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", rows=12)
    rows = [metrics_row(k, 12, 60_000) for k in range(1, 13)]
    rows[4]["train/generator/adversarial"] = float("nan")
    rows[8]["train/generator/adversarial"] = float("-inf")
    write_metrics(run, rows)
    figure = chart(page_of(run), "Generator loss", "training")
    assert "not finite in 2 of 12 rows, first NaN at 25,000 images" in figure.text
    assert figure.one("path", cls="raw").attributes["d"].count("M") == 3
    values = [y for _, y in json.loads(figure.one("script").text)["series"][0]]
    assert (values[4], values[8]) == ("NaN", "−∞") and isinstance(values[5], float)


def test_a_score_that_is_not_finite_is_never_the_best(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", evaluations=0)
    for seen, value in ((100, float("nan")), (200, 30.0), (300, 40.0)):
        run.append_evaluation(
            {
                "images_seen": seen,
                "generator_steps": 1,
                "discriminator_steps": 1,
                "round": 1,
                "seconds": 1.0,
                "scores": {FD: value},
                "floor": {FD: None},
                "protocol": PROTOCOL,
                "generator": "raw",
                "seed": 0,
            }
        )
    page = page_of(run)
    assert column(page, FD) == ["nan", "30.0", "40.0"]
    table = next(iter(page.one("section", id="scores").all("table", cls="numbers")))
    assert table.one("td", cls="top").attributes["title"] == "30.0"
    assert not list(page.all("path", cls="level"))


def test_damage_is_named_and_the_rest_is_shown(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", rows=20)
    run.index_path.write_text("{")
    with run.metrics_path.open("a") as file:
        file.write("oops,1,2\n60001,7")
    run.media_file("samples", 7).write_bytes(b"no picture")
    page = page_of(run)
    notice = page.one(cls="notice").text
    assert "index.json: checkpoints left out." in notice and "rebuild" in notice
    # The line that a running process has not finished is no damage.
    assert "metrics.csv: 1 unreadable row left out, line 22" in notice
    assert "media/samples/000000000007.png: not a PNG image" in notice
    data = json.loads(chart(page, "Generator loss", "training").one("script").text)
    assert len(data["series"][0]) == 20
    assert "41.25" in page.one("section", id="scores").text


def test_rows_that_were_logged_twice_count_once(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", evaluations=0)
    rows = [
        {"images_seen": seen, "loss": value}
        for seen, value in ((10, 1.0), (20, 2.0), (30, 3.0), (20, 5.0), (30, 6.0))
    ]
    write_metrics(run, rows)
    data = json.loads(chart(page_of(run), "loss", "training").one("script").text)
    assert data["series"] == [[[10, 1.0], [20, 2.0], [20, 5.0], [30, 6.0]]]


def test_a_hundred_thousand_rows_are_thinned_and_keep_their_extremes(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", evaluations=0)
    values = [(k * 37 % 1000) / 1000 for k in range(100_000)]
    values[54_321], values[77_777], values[30_303] = 1.5, -0.75, float("nan")
    lines = [f"{64 * k},{value}" for k, value in enumerate(values)]
    run.metrics_path.write_text("\n".join(["images_seen,loss", *lines, ""]))
    out = write_report([run.path], run.path / "report.html")
    assert out.stat().st_size < 200_000
    data = json.loads(chart(parse(out.read_text()), "loss", "training").one("script").text)
    points = data["series"][0]
    assert [64 * 54_321, 1.5] in points and [64 * 77_777, -0.75] in points
    assert [64 * 30_303, "NaN"] in points
    assert points[0] == [0, 0.0] and points[-1] == [64 * 99_999, values[-1]]
