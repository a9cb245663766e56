"""The report: runs are compared fairly, the page is closed, mistakes are refused."""

import base64
import hashlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.report import main, write_report
from tests.helpers_html import parse
from tests.helpers_report import FD, PROTOCOL, chart, make_run, page_of, write_metrics

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
    assert titles.count("fd _ efflite0@2k") == 2
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
        n.attributes["content"]
        for n in page.all("meta")
        if n.attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    (script,) = [n for n in page.all("script") if "type" not in n.attributes]
    digest = base64.b64encode(hashlib.sha256(str(script.parts[0]).encode()).digest()).decode()
    assert "default-src 'none'" in policy and f"script-src 'sha256-{digest}'" in policy


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    evil = "</script></style><script>alert(1)</script><img src=x onerror='1'>\"&"
    run = make_run(
        tmp_path / "run",
        name=evil,
        config=f"key: {evil}",
        attribution=evil,
        data_name=evil,
        protocol={**PROTOCOL, "data": evil},
        status=evil,
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
