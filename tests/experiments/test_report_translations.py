"""The report's section on translations: the newest verdicts, and nothing where there are none."""

from pathlib import Path

from callbacks.run_folder import RunFolder
from experiments.report import write_report
from experiments.report_page.run_files import read_run
from experiments.report_page.translations import answers
from tests.helpers_report import make_run


def note(run: RunFolder, kind: str, moment: int, headlines: dict[str, str]) -> None:
    run.append_translation(
        {
            "kind": kind,
            "images_seen": moment,
            "seconds": 1.0,
            "directions": {
                way: {"verdict": text.partition(":")[0], "headline": text}
                for way, text in headlines.items()
            },
            "split": "held_out",
            "samples": 256,
            "seed": 0,
            "generator": "raw",
            "picture": f"media/{kind}/{moment:012d}.png",
        }
    )


def translated(path: Path) -> RunFolder:
    run = make_run(path)
    note(run, "input_use", 100, {"a to b": "ignoring: p 0.7", "b to a": "aligned: p 0.005"})
    note(run, "steganography", 100, {"a to b": "hiding: gain 40 <b>"})
    note(run, "input_use", 200, {"a to b": "mirrored (left and right exchanged): p 0.005"})
    return run


def test_the_newest_answer_of_each_direction_is_shown(tmp_path: Path) -> None:
    run = translated(tmp_path / "run")
    found = [
        (a.direction, a.question, a.verdict, a.images_seen) for a in answers(read_run(run.path))
    ]
    assert found == [
        ("a to b", "Does it use its input?", "mirrored (left and right exchanged)", 200),
        ("a to b", "Does it hide its input?", "hiding", 100),
        ("b to a", "Does it use its input?", "aligned", 100),
    ]
    page = write_report([run.path], tmp_path / "page.html").read_text()
    assert '<a href="#translation">' in page and "<h2>Translation</h2>" in page
    assert "mirrored (left and right exchanged)" in page and "gain 40 &lt;b&gt;" in page
    assert "ignoring" not in page


def test_a_run_that_was_not_probed_has_no_such_section(tmp_path: Path) -> None:
    plain = make_run(tmp_path / "plain")
    page = write_report([plain.path], tmp_path / "page.html").read_text()
    assert "#translation" not in page
    both = write_report([plain.path, translated(tmp_path / "run").path], tmp_path / "two.html")
    assert both.read_text().count("Does it hide its input?") == 1


def test_damaged_rows_are_left_out_and_named(tmp_path: Path) -> None:
    run = translated(tmp_path / "run")
    with open(run.translations_path, "a") as file:
        file.write('{"images_seen": 3, "kind": "input_use"}\n')
    found = read_run(run.path)
    assert found.translations == []
    assert any(problem.startswith("translations.jsonl: left out") for problem in found.problems)
