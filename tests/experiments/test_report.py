"""The report: what it shows is what the files hold, and nothing leaves the page."""

import base64
import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from callbacks.run_folder import RunFolder
from experiments.report import main, write_report
from tests.helpers_html import Node, parse
from tests.helpers_report import PROTOCOL, make_run, metrics_row, png, write_metrics

FD = "fd_efflite0@2k"


def page_of(*runs: RunFolder, out: Path | None = None) -> Node:
    out = out or runs[0].path / "report.html"
    return parse(write_report([run.path for run in runs], out).read_text("utf-8"))


def chart(page: Node, title: str, section: str = "scores") -> Node:
    (found,) = [
        figure for figure in page.one("section", id=section).all("figure", cls="chart")
        if figure.one(cls="title").text == title
    ]
    return found


def drawn(figure: Node, path: str, line: int = 0) -> list[tuple[float, float]]:
    """Points of a path in (images seen, value), read back through the ticks of the axes."""
    group = list(figure.all("g", cls="line"))[line]
    pairs = re.findall(r"[ML]([-\d.]+) ([-\d.]+)", group.one("path", cls=path).attributes["d"])
    end = json.loads(figure.one("script").text)["end"]
    ticks = [
        (float(span.attributes["style"].removeprefix("bottom:").rstrip("%")), number(span.text))
        for span in figure.one(cls="y").all("span")
    ]
    (low, first), (high, last) = ticks[0], ticks[-1]
    slope = (last - first) / (high - low)
    return [(float(x) / 1000 * end, first + slope * (100 - float(y) / 10 - low)) for x, y in pairs]


def number(text: str) -> float:
    scale = {"k": 1e3, "M": 1e6}.get(text[-1], 1.0)
    return float(text.rstrip("kM").replace("−", "-").replace(",", "")) * scale


def column(page: Node, name: str) -> list[str]:
    """Full values of a column of the scores table, from the cells' titles."""
    table = next(iter(page.one("section", id="scores").all("table", cls="numbers")))
    heads = [head.text.replace(" ", "") for head in table.one("thead").all("th")]
    place = heads.index(name)
    rows = [[n for n in row.all() if n.tag in ("th", "td")] for row in table.one("tbody").all("tr")]
    return [cells[place].attributes["title"] for cells in rows]


# -- the numbers are those of the files ------------------------------------------------------------


def test_scores_table_holds_the_values_of_evaluations_jsonl(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    page = page_of(run)
    stored = [row["scores"] for row in run.read_evaluations()]
    for name, arrow in ((FD, "↓"), ("kd_efflite0@2k", "↓"), ("recall_efflite0@2k", "↑")):
        assert column(page, name + arrow) == [str(scores[name]) for scores in stored]


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
    assert marked == ["41.25", "0.031", "0.77", "0.81", "0.62"]
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


# -- several runs ----------------------------------------------------------------------------------


def test_scores_of_another_protocol_are_refused_with_the_reason(tmp_path: Path) -> None:
    ours = make_run(tmp_path / "a", name="ours")
    theirs = make_run(tmp_path / "b", name="theirs", protocol={**PROTOCOL, "n_fake": 5000}, shift=1)
    page = page_of(ours, theirs, out=tmp_path / "both.html")
    table = page.one("section", id="comparison").one("table", cls="compare")
    refused = table.one("td", cls="refused")
    assert refused.text == "different protocol: n_fake: 5000, not 2000 as in ours"
    assert refused.attributes["rowspan"] == "5"
    assert "41.25" in table.text and "42.25" not in table.text and "★ best." in table.text
    assert not list(table.all("td", cls="top"))
    # Neither do they share a chart.
    titles = [n.text for n in page.one("section", id="scores").all(cls="title")]
    assert titles.count(FD) == 2
    assert all(
        len(list(figure.all("g", cls="line"))) == 1
        for figure in page.one("section", id="scores").all("figure")
    )


def test_scores_of_one_protocol_are_compared_and_the_best_starred(tmp_path: Path) -> None:
    runs = [make_run(tmp_path / "a", name="a"), make_run(tmp_path / "b", name="b", shift=-3)]
    page = page_of(*runs, out=tmp_path / "both.html")
    rows = page.one("section", id="comparison").one("tbody").all("tr")
    (row,) = [r for r in rows if r.one("th").text == FD]
    cells = list(row.all("td"))
    assert [float(cell.attributes["title"]) for cell in cells] == [41.25, 38.25]
    assert [cell.attributes.get("class") for cell in cells] == [None, "top"]
    figure = chart(page, FD)
    lines = [group.attributes["class"] for group in figure.all("g", cls="line")]
    assert lines == ["line c0 d0", "line c1 d0"]
    assert [n.text for n in figure.one(cls="legend").all("button")] == ["a 50.75", "b 47.75"]
    # Both have the same floor: one line in no run's colour.
    assert figure.one("path", cls="level").attributes["class"] == "level"


def test_a_run_without_evaluation_is_no_measure_of_the_others(tmp_path: Path) -> None:
    runs = [make_run(tmp_path / "a", evaluations=0), make_run(tmp_path / "b", name="b")]
    page = page_of(*runs, out=tmp_path / "both.html")
    table = page.one("section", id="comparison").one("table")
    assert table.one("td", cls="refused").text == "not evaluated yet"
    assert "41.25" in table.text


def test_differing_settings_are_listed_and_like_ones_are_not(tmp_path: Path) -> None:
    a = make_run(tmp_path / "a", name="a", config="model:\n  lr: 0.1\n  betas: [0, 1]\nseed: 3\n")
    b = make_run(tmp_path / "b", name="b", config="model:\n  lr: 0.2\n  betas: [0, 1]\n")
    table = page_of(a, b, out=tmp_path / "x.html").one("section", id="settings").one("table")
    rows = [
        [cell.text for cell in row.all() if cell.tag in ("th", "td")]
        for row in table.one("tbody").all("tr")
    ]
    assert rows == [["model.lr", "0.1", "0.2"], ["seed", "3", "not set"]]


def test_runs_of_one_name_are_told_apart(tmp_path: Path) -> None:
    runs = [make_run(tmp_path / "a"), make_run(tmp_path / "b")]
    names = [n.text for n in page_of(*runs, out=tmp_path / "x.html").one(cls="runs").all("strong")]
    assert names == [f"dcgan-mnist ({run.path})" for run in runs]


# -- one file, and nothing but one file ------------------------------------------------------------


def test_page_is_self_contained(tmp_path: Path) -> None:
    runs = [make_run(tmp_path / "a", attribution="CC BY-SA 4.0, https://example.org/licence")]
    runs.append(make_run(tmp_path / "b", name="b"))
    page = page_of(*runs, out=tmp_path / "x.html")
    for node in page.all():
        assert node.tag not in ("link", "iframe", "object", "embed", "base", "form", "use")
        for name, value in node.attributes.items():
            assert not name.startswith("on"), f"{name} on <{node.tag}>"
            if name in ("src", "href", "srcset", "poster", "action", "data"):
                assert value.startswith(("data:image/png;base64,", "#")), value
            if name == "style":
                assert "url" not in value
    code = page.one("style").text + "".join(n.text for n in page.all("script") if not n.attributes)
    assert not re.search(r"https?:|@import|url\(|fetch\(|XMLHttpRequest|import\(", code)
    assert "https://example.org/licence" in page.one("section", id="attribution").text


def test_policy_allows_our_script_and_no_request(tmp_path: Path) -> None:
    page = page_of(make_run(tmp_path / "run"))
    (policy,) = [
        n.attributes["content"] for n in page.all("meta")
        if n.attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    (script,) = [n for n in page.all("script") if "type" not in n.attributes]
    digest = base64.b64encode(hashlib.sha256(str(script.parts[0]).encode()).digest()).decode()
    assert "default-src 'none'" in policy and f"script-src 'sha256-{digest}'" in policy


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    evil = "</script></style><script>alert(1)</script><img src=x onerror='1'>\"&"
    run = make_run(
        tmp_path / "run", name=evil, config=f"key: {evil}", attribution=evil, data_name=evil,
        protocol={**PROTOCOL, "data": evil}, status=evil,
    )
    write_metrics(run, [{"images_seen": 5, f"train/{evil}/{evil}": 1.0, evil: 2.0}])
    page = page_of(run)
    assert page.one("h1").text == evil and page.one(cls="status").text == evil
    assert evil in page.one("section", id="attribution").text
    scripts = [n.attributes for n in page.all("script")]
    assert scripts.count({}) == 1
    assert all(attributes in ({}, {"type": "application/json"}) for attributes in scripts)
    assert all(n.attributes["src"].startswith("data:") for n in page.all("img"))


def test_report_does_not_import_torch() -> None:
    code = (
        "import sys, experiments.report, experiments.report_page.page;"
        "sys.exit(int('torch' in sys.modules or 'pytorch_lightning' in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2])
    assert done.returncode == 0


# -- runs that are young, damaged or enormous ------------------------------------------------------


def test_empty_run_says_so_in_words(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", name="new", variant="a.B", data="c.D")
    text = page_of(run).text
    for words in ("No picture yet", "Not evaluated yet", "No row in metrics.csv yet",
                  "No checkpoint yet", "new has no config.yaml", "nothing to resume"):
        assert words in text


def test_one_row_is_a_dot_and_says_so(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", rows=1, evaluations=1)
    page = page_of(run)
    figure = chart(page, "Generator loss", "training")
    assert figure.one("path", cls="dots").attributes["d"].count("M") == 1
    assert "one value so far" in figure.text
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
        run.append_evaluation({
            "images_seen": seen, "generator_steps": 1, "discriminator_steps": 1, "round": 1,
            "seconds": 1.0, "scores": {FD: value}, "floor": {FD: None}, "protocol": PROTOCOL,
            "generator": "raw", "seed": 0,
        })
    page = page_of(run)
    assert column(page, FD + "↓") == ["nan", "30.0", "40.0"]
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
    rows = [{"images_seen": seen, "loss": value}
            for seen, value in ((10, 1.0), (20, 2.0), (30, 3.0), (20, 5.0), (30, 6.0))]
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


# -- what a user gets wrong ------------------------------------------------------------------------


def test_folders_that_are_no_runs_are_refused(tmp_path: Path) -> None:
    run = make_run(tmp_path / "runs" / "one", evaluations=0)
    out = tmp_path / "x.html"
    with pytest.raises(ValueError, match="must be an existing folder, got .*nowhere; pass"):
        write_report([tmp_path / "nowhere"], out)
    with pytest.raises(ValueError, match="got .*runs, which holds runs; name .*one$"):
        write_report([run.path.parent], out)
    with pytest.raises(ValueError, match="must be a folder made by `fit`, got .* without run.json"):
        write_report([tmp_path], out)
    with pytest.raises(ValueError, match="runs must differ, got .*one twice"):
        write_report([run.path, run.path / "." / ""], out)
    with pytest.raises(ValueError, match="at least one run folder, got none"):
        write_report([], out)
    run.record_path.write_text("{")
    with pytest.raises(ValueError, match="run.json must be the JSON .* got damaged content"):
        write_report([run.path], out)
    assert not out.exists()


def test_only_a_report_is_ever_replaced(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", evaluations=0, rows=2)
    with pytest.raises(ValueError, match="out must be an .html file, got .*index.json"):
        write_report([run.path], run.index_path)
    diary = tmp_path / "diary.html"
    diary.write_text("<p>mine</p>")
    with pytest.raises(ValueError, match="out must be a new file or an older report, got .*diary"):
        write_report([run.path], diary)
    assert diary.read_text() == "<p>mine</p>"
    out = write_report([run.path], tmp_path / "new" / "page.html")
    run.update_run(status="stopped")
    assert parse(write_report([run.path], out).read_text()).one(cls="status").text == "stopped"


def test_command_says_where_the_page_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = (make_run(tmp_path / name, evaluations=0, rows=2) for name in "ab")
    assert main([str(one.path)]) == 0
    assert str(one.report_path) in capsys.readouterr().out and one.report_path.is_file()
    monkeypatch.chdir(tmp_path)
    assert main([str(one.path), str(two.path)]) == 0
    assert (tmp_path / "report.html").is_file()
    assert main([str(two.path), "--out", "mine.html"]) == 0
    assert (tmp_path / "mine.html").is_file() and not two.report_path.exists()
