"""``ganagerie health``: its text, its JSON, its replay, and what a user gets wrong."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from callbacks.collapse.detector import CollapseDetector
from callbacks.collapse.settings import DetectorSettings
from callbacks.run_folder import RunFolder
from callbacks.run_records import EvaluationRow
from experiments.__main__ import main
from tests.helpers_health import EVERY, Told, Watched, climb, collapsed_run, fallen, signals
from tests.helpers_report import FD, PROTOCOL, make_run

Read = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def columns(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COLUMNS", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)


def health(capsys: Read, *words: str | Path) -> tuple[int, list[str]]:
    """Exit code and lines of the command."""
    code = main(["health", *map(str, words)])
    shown = capsys.readouterr()
    return code, (shown.out + shown.err).splitlines()


def record(capsys: Read, *words: str | Path) -> dict[str, Any]:
    code, (line,) = health(capsys, *words, "--json")
    return {"code": code, **json.loads(line)}


def section(lines: list[str], title: str) -> list[str]:
    """The lines below a title, up to the next empty one."""
    start = lines.index(title) + 1
    stop = lines.index("", start) if "" in lines[start:] else len(lines)
    return lines[start:stop]


# -- the text --------------------------------------------------------------------------------------


def test_text_of_a_collapsed_run(tmp_path: Path, capsys: Read) -> None:
    run = collapsed_run(tmp_path / "run").run
    code, lines = health(capsys, run.path)
    assert code == 0
    assert lines[:2] == [
        "Fully collapsed since 83,200 images, score 0.13 after 0.86. The best checkpoint",
        "before that is of 64,000 images.",
    ]
    assert section(lines, "States") == [
        "       images seen   probes        score  state",
        "     3,200 – 9,600    0 – 2  0.03 – 0.15  warmup",
        "   12,800 – 80,000   3 – 24  0.22 – 0.86  healthy",
        "            83,200       25         0.53  suspect",
        "  86,400 – 102,400  26 – 31  0.09 – 0.13  collapsed, full",
        "  Real samples score 0.98, 0.96 at the least.",
    ]
    assert section(lines, "Full collapse") == [
        "  when      alarm at 86,400 images (probe 26), onset at 83,200 (1 probe before)",
        "  reason    the score fell by 86% at once",
        "  evidence  coverage 0.80 -> 0.11 of real data",
        "            diversity 0.84 -> 0.15 of real data",
    ]
    rows = section(lines, "Checkpoints by fd_efflite0@2k")
    assert rows[0] == "     images seen  score  to go back to?"
    assert [row for row in rows if "★" in row] == [
        "  ★       64,000  24.50  healthy, before the onset, lowest fd_efflite0@2k of 5"
    ]
    assert rows[-2:] == [
        "  –       96,000  140.5  state was collapsed",
        "  –      102,400      —  state was collapsed",
    ]
    assert section(lines, "Go back to before the fall") == [
        "  With half the rates and a new seed:",
        f"    ganagerie resume {run.path} --from pre-collapse --seed +1 --set "
        "'model.init_args.generator_lr*=0.5' --set 'model.init_args.discriminator_lr*=0.5'",
        "  As it was:",
        f"    ganagerie resume {run.path} --from pre-collapse",
    ]
    assert [line for line in lines if len(line) > 79 and str(run.path) not in line] == []


def test_a_healthy_run_has_no_fall_and_no_checkpoint_yet(tmp_path: Path, capsys: Read) -> None:
    run = Watched(tmp_path / "run").tell(*climb(0.1, 0.5, 0.8)).run
    code, lines = health(capsys, run.path)
    assert (code, lines[0]) == (0, "Healthy, score 0.80.")
    assert "No checkpoint yet" in lines
    assert not any("collapse" in line or "Go" in line for line in lines)


def test_text_of_a_rollback(tmp_path: Path, capsys: Read) -> None:
    watched = Watched(tmp_path / "run").tell(*climb(0.5, 0.8), *fallen(2, 0.1, 0.1))
    watched.event("rollback", at=6400, left=12_800, changes={"generator_lr": 1e-4})
    watched.tell(Told(0.82))
    _, lines = health(capsys, watched.run.path)
    assert section(lines, "States")[1:5] == [
        "   3,200 – 6,400   0 – 1  0.50 – 0.80  healthy",
        "  9,600 – 12,800   2 – 3         0.10  collapsed, full",
        "  Rolled back from 12,800 to 6,400 images; generator_lr 0.0001",
        "           9,600       4         0.82  healthy",
    ]
    assert "rolled back to 6,400 images" in " ".join(section(lines, "Full collapse"))


def test_two_falls_are_numbered_and_tell_their_findings(tmp_path: Path, capsys: Read) -> None:
    watched = Watched(tmp_path / "run").tell(*climb(0.5, 0.8))
    watched.tell(*fallen(2, 0.6, severity="partial", lost_share=0.3), Told(0.8, "recovered"))
    watched.tell(*fallen(4, 0.1, findings=["dead classes: 3, 7"]))
    _, lines = health(capsys, watched.run.path)
    assert "  lost      about 30% of the modes" in section(lines, "1. Partial collapse")
    assert "  findings  dead classes: 3, 7" in section(lines, "2. Full collapse")
    # What the present fall has told already is not told again.
    assert "At the newest probe" not in lines
    watched.tell(*fallen(4, 0.1, alarmed=False, findings=["dead classes: 3, 7", "noise ignored"]))
    _, lines = health(capsys, watched.run.path)
    assert section(lines, "At the newest probe") == ["  findings  noise ignored"]


def test_directions_are_listed_from_the_lowest_score_up(tmp_path: Path, capsys: Read) -> None:
    groups = ("a to b", "b to a")
    watched = Watched(tmp_path / "run", groups)
    watched.tell(Told(0.5, groups={"a to b": 0.9, "b to a": 0.7}))
    watched.tell(Told(0.5, groups={"a to b": 0.4, "b to a": 0.6}, warnings=["D wins"]))
    _, lines = health(capsys, watched.run.path)
    assert section(lines, "Score by direction") == [
        "   now  best  group",
        "  0.40  0.90  a to b",
        "  0.60  0.70  b to a",
    ]
    assert section(lines, "At the newest probe") == ["  signs     D wins"]


def test_of_many_classes_the_lowest_eight_are_listed(tmp_path: Path, capsys: Read) -> None:
    groups = {f"class {k}": 0.9 - 0.05 * k for k in range(11)}
    watched = Watched(tmp_path / "run", list(groups)).tell(Told(0.5, groups=groups))
    rows = section(health(capsys, watched.run.path)[1], "Score by class")
    assert rows[1] == "  0.40  0.40  class 10" and rows[-2] == "  0.75  0.75  class 3"
    assert rows[-1] == "  and 3 more with higher scores"


def test_a_fall_before_the_first_checkpoint_leaves_nothing(tmp_path: Path, capsys: Read) -> None:
    watched = Watched(tmp_path / "run").tell(*climb(0.1, 0.3, 0.5), *fallen(3, 0.05))
    watched.checkpoint(12_800, None, "collapsed")
    watched.health("collapsed", onset=12_800, alarm=12_800, first_onset=12_800)
    _, lines = health(capsys, watched.run.path)
    assert section(lines, "Nothing to go back to") == [
        "  no checkpoint was healthy, the newest was collapsed."
    ]
    assert not any("ganagerie resume" in line for line in lines)


def test_checkpoints_that_are_out_for_one_reason_share_a_row(tmp_path: Path, capsys: Read) -> None:
    watched = collapsed_run(tmp_path / "run")
    for at in (99_200, 100_800):
        watched.checkpoint(at, 150.0, "collapsed")
    rows = section(health(capsys, watched.run.path)[1], "Checkpoints by fd_efflite0@2k")
    assert rows[-1] == "  –  96,000 – 102,400         4 checkpoints: state was collapsed"
    assert sum("–" in row for row in rows) == 1
    assert len(record(capsys, watched.run.path)["candidates"]) == 9


def test_a_deleted_checkpoint_is_not_chosen(tmp_path: Path, capsys: Read) -> None:
    run = collapsed_run(tmp_path / "run").run
    run.checkpoint_path(64_000, 1000).unlink()
    found = record(capsys, run.path)
    assert found["pre_collapse"] == "checkpoints/images=000080000-g=00001250.ckpt"
    gone = [one for one in found["candidates"] if one["images_seen"] == 64_000]
    assert (gone[0]["eligible"], gone[0]["why"]) == (False, "file is gone")


def test_an_index_without_health_is_judged_by_the_probes(tmp_path: Path, capsys: Read) -> None:
    run = collapsed_run(tmp_path / "run").run
    index: Any = run.read_index()
    index["health"] = None
    run.write_index(index)
    chosen = record(capsys, run.path)["pre_collapse"]
    assert chosen == "checkpoints/images=000064000-g=00001000.ckpt"


def test_monitor_without_a_probe_yet(tmp_path: Path, capsys: Read) -> None:
    run = Watched(tmp_path / "run").run
    code, lines = health(capsys, run.path)
    assert (code, lines[0]) == (0, "No probe yet.")
    assert record(capsys, run.path)["verdict"] is None


# -- JSON ------------------------------------------------------------------------------------------


def test_json_holds_what_the_files_hold(tmp_path: Path, capsys: Read) -> None:
    run = collapsed_run(tmp_path / "run").run
    found = record(capsys, run.path)
    assert found["verdict"] == run.read_probes()[-1]["verdict"]
    assert (found["code"], found["probes"], found["images_seen"]) == (0, 32, 102_400)
    assert [(s["state"], s["probes"]) for s in found["story"]] == [
        ("warmup", 3),
        ("healthy", 22),
        ("suspect", 1),
        ("collapsed", 6),
    ]
    (fall,) = found["falls"]
    assert (fall["onset"], fall["alarm"], fall["delay"], fall["end"]) == (83_200, 86_400, 1, None)
    assert [one["eligible"] for one in found["candidates"]] == [True] * 5 + [False] * 2
    assert [one["chosen"] for one in found["candidates"]].index(True) == 3
    assert found["pre_collapse"] == run.read_index()["health"]["pre_collapse"]
    assert found["resume"].startswith(f"ganagerie resume {run.path} --from pre-collapse")
    assert found["replay"] is None and found["real"] == {"low": 0.96, "median": 0.98}


# -- replay ----------------------------------------------------------------------------------------


def judged_run(path: Path, levels: list[float], **settings: float) -> RunFolder:
    """A run whose verdicts are those of the real detector."""
    watched = Watched(path, **settings)
    detector = CollapseDetector(watched.band, DetectorSettings(**settings))  # type: ignore[arg-type]
    for k, level in enumerate(levels):
        values = {"all": signals(level)}
        verdict = detector.update((k + 1) * EVERY, values)
        watched.tell(Told(level, verdict=verdict.to_dict()))
    return watched.run


def evaluation(images_seen: int, scores: dict[str, float | None]) -> EvaluationRow:
    return {
        "images_seen": images_seen,
        "generator_steps": images_seen // 64,
        "discriminator_steps": images_seen // 64,
        "round": images_seen // 64,
        "seconds": 1.0,
        "scores": scores,
        "floor": {},
        "protocol": PROTOCOL,
        "generator": "ema",
        "seed": 0,
    }


LEVELS = [0.1, 0.3, 0.5, *[0.8] * 12, 0.42, 0.42, 0.42, 0.42]


def test_replay_gives_the_logged_states(tmp_path: Path, capsys: Read) -> None:
    run = judged_run(tmp_path / "run", [*LEVELS, 0.1, 0.1])
    code, lines = health(capsys, run.path, "--replay")
    assert code == 0
    assert section(lines, "Replay")[0] == "  The states of all 21 probes equal the logged ones."
    found = record(capsys, run.path, "--replay")["replay"]
    assert found["equal_states"] and found["equal_verdicts"] and found["probes"] == 21
    assert found["logged_alarms"] == found["replayed_alarms"] != []


def test_replay_that_differs_says_where_and_fails(tmp_path: Path, capsys: Read) -> None:
    run = judged_run(tmp_path / "run", LEVELS[:10])
    lines = run.evaluations_path.read_text().splitlines()
    lines[7] = lines[7].replace('"state": "healthy"', '"state": "suspect"')
    lines[9] = lines[9].replace('"reason": ""', '"reason": "a mood"')
    run.evaluations_path.write_text("\n".join([*lines, ""]))
    code, shown = health(capsys, run.path, "--replay")
    assert code == 1
    assert section(shown, "Replay") == [
        "  Another state than was logged: 1 of 10 probes.",
        "  The same state, but other words or numbers: 1 probe, first at probe 8 (28,800",
        "  images).",
        "  alarms    logged: no alarm",
        "            replayed: no alarm",
        "  images seen  probes  logged   replayed",
        "       22,400       6  suspect  healthy",
    ]
    found = record(capsys, run.path, "--replay")
    assert found["code"] == 1 and not found["replay"]["equal_states"]
    assert found["replay"]["different"] == [
        {"probe": 6, "images_seen": 22_400, "logged": "suspect", "replayed": "healthy"}
    ]


def test_other_thresholds_are_told_beside_the_logged_ones(tmp_path: Path, capsys: Read) -> None:
    never = {"steep_z": -1000.0, "step_z": -1000.0, "ramp_z": -1000.0}
    run = judged_run(tmp_path / "run", LEVELS, **never)
    plain = record(capsys, run.path)
    assert plain["falls"] == [] and plain["verdict"]["state"] == "suspect"
    found = record(capsys, run.path, "--set", "full_drop=0.4")
    assert found["code"] == 0
    assert found["replay"]["changes"] == {"full_drop": {"logged": 0.5, "replayed": 0.4}}
    assert found["replay"]["logged_alarms"] == []
    assert found["replay"]["replayed_alarms"] == [17 * EVERY]
    assert [one["replayed"] for one in found["replay"]["different"]] == ["collapsed"] * 3
    code, lines = health(capsys, run.path, "--set", "full_drop=0.4", "--set", "baseline=10")
    assert code == 0
    assert section(lines, "Replay with full_drop 0.4 (logged 0.5), baseline 10 (logged 12)") == [
        "  Another state than was logged: 3 of 19 probes.",
        "  alarms    logged: no alarm",
        "            replayed: 54,400 images (probe 16)",
        "      images seen   probes  logged   replayed",
        "  54,400 – 60,800  16 – 18  suspect  collapsed",
    ]


def test_replay_starts_from_the_logged_thresholds(tmp_path: Path, capsys: Read) -> None:
    run = judged_run(tmp_path / "run", LEVELS, full_drop=0.4, steep_z=-1000.0, step_z=-1000.0)
    found = record(capsys, run.path, "--set", "arm_score=0.25")
    assert found["falls"][0]["alarm"] == 17 * EVERY
    assert found["replay"]["replayed_alarms"] == [17 * EVERY]


def test_alarm_of_an_evaluation_is_replayed_too(tmp_path: Path, capsys: Read) -> None:
    watched = Watched(tmp_path / "run")
    detector = CollapseDetector(watched.band, DetectorSettings())
    for k, level in enumerate([0.3, 0.5, *[0.8] * 12, 0.56, 0.56]):
        verdict = detector.update((k + 1) * EVERY, {"all": signals(level)})
        watched.tell(Told(level, verdict=verdict.to_dict()))
        scores: dict[str, float | None] = {FD: 100.0 - k if k < 14 else 10.0 * k}
        watched.run.append_evaluation(evaluation(watched.images, scores))
        changed = detector.evaluated(watched.images, scores)
        if changed is not None:
            watched.run.append_monitor(
                {
                    "kind": "verdict",
                    "probe": k,
                    "images_seen": watched.images,
                    "verdict": changed.to_dict(),
                }
            )
    assert detector.verdict.state == "collapsed"
    found = record(capsys, watched.run.path, "--replay")
    alarm = found["falls"][0]["alarm"]
    assert found["code"] == 0 and found["replay"]["equal_verdicts"]
    assert found["replay"]["logged_alarms"] == found["replay"]["replayed_alarms"] == [alarm]
    # Neither of the last two probes is a collapse by itself.
    probes = [row["verdict"]["state"] for row in watched.run.read_probes()]
    assert probes[14] == "suspect"


def test_command_answers_without_torch(tmp_path: Path) -> None:
    run = collapsed_run(tmp_path / "run").run
    code = (
        "import sys; from experiments.__main__ import main; "
        f"done = main(['health', {str(run.path)!r}, '--replay']); "
        "sys.exit(done + 10 * ('torch' in sys.modules or 'pytorch_lightning' in sys.modules))"
    )
    root = Path(__file__).parents[2]
    # The verdicts were made by hand, so the replay is not theirs: exit code 1.
    assert subprocess.run([sys.executable, "-c", code], cwd=root).returncode == 1


# -- what a user gets wrong ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere"], "run must be an existing folder, got nowhere; pass the folder"),
        (["."], r"must be a folder made by `fit`, got \. without run.json; pass"),
        (["run", "--set", "drop_full=0.4"], "got 'drop_full'; did you mean full_drop[?]"),
        (["run", "--set", "suspekt_z=-3"], "got 'suspekt_z'; did you mean suspect_z[?]"),
        (["run", "--set", "zzz=1"], "got 'zzz'; ganagerie health --help lists them"),
        (["run", "--set", "full_drop"], "--set full_drop must be a number, got ''; as in"),
        (["run", "--set", "full_drop=half"], "must be a number, got 'half'; as in --set full_"),
        (["run", "--set", "baseline=2.5"], "must be a whole number, got '2.5'; as in --set base"),
        (["run", "--set", "full_drop=1.5"], "full_drop must be at most 1, got 1.5; the default"),
        (["run", "--set", "full_drop=nan"], "full_drop must .* got nan; the default is 0.5"),
        (["run", "--set", "full_drop=0.1"], "suspect_drop must be at most full_drop"),
        (["run", "--set", "suspect_z=3"], "suspect_z must lie below 0, got 3.0"),
        (["run", "--reply"], "--reply is no option; did you mean --replay[?]"),
        ([], "the following arguments are required: RUN; see ganagerie health --help"),
    ],
)
def test_wrong_words_are_one_line(
    tmp_path: Path,
    capsys: Read,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    message: str,
) -> None:
    Watched(tmp_path / "run").tell(*climb(0.1, 0.5))
    monkeypatch.chdir(tmp_path)
    code, lines = health(capsys, *words)
    assert (code, len(lines)) == (2, 1)
    assert re.search(message, lines[0]), lines[0]


def test_a_run_that_nobody_watched_says_how_to_switch_it_on(tmp_path: Path, capsys: Read) -> None:
    run = make_run(tmp_path / "run", rows=2, evaluations=1)
    code, lines = health(capsys, run.path)
    assert (code, len(lines)) == (2, 1)
    assert f"got no probe in {run.path}; " in lines[0]
    assert lines[0].endswith("train without --collapse_monitor.watch false")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda lines: lines.insert(2, "{oops"), "line 3 of .*must be JSON with images_seen"),
        (lambda lines: lines.insert(1, "[]"), "line 2 of .*must be JSON with images_seen"),
        (
            lambda lines: lines.__setitem__(3, lines[3].replace('"verdict"', '"word"')),
            "line 4 of evaluations.jsonl must be a row of the collapse monitor, got no 'verdict'",
        ),
        (
            lambda lines: lines.__setitem__(2, lines[2].replace('"warmup"', '"ill"')),
            "line 3 of evaluations.jsonl .* got the state 'ill'; delete that line",
        ),
        (
            lambda lines: lines.__setitem__(0, lines[0].replace('"full_drop"', '"fool_drop"')),
            "settings must be of .*, got 'fool_drop'; leave it out",
        ),
        (lambda lines: lines.pop(0), "must hold the monitor's first line before a probe"),
    ],
)
def test_damaged_rows_are_one_line(
    tmp_path: Path, capsys: Read, damage: Callable[[list[str]], object], message: str
) -> None:
    run = Watched(tmp_path / "run").tell(*climb(0.1, 0.15, 0.3)).run
    lines = run.evaluations_path.read_text().splitlines()
    damage(lines)
    run.evaluations_path.write_text("\n".join([*lines, ""]))
    code, shown = health(capsys, run.path, "--replay")
    assert (code, len(shown)) == (2, 1)
    assert re.search(message, shown[0]), shown[0]


def test_a_line_that_is_being_written_is_no_damage(tmp_path: Path, capsys: Read) -> None:
    run = Watched(tmp_path / "run").tell(*climb(0.3, 0.5)).run
    with run.evaluations_path.open("a") as file:
        file.write('{"kind": "probe", "images')
    assert record(capsys, run.path)["probes"] == 2


def test_damaged_index_is_one_line(tmp_path: Path, capsys: Read) -> None:
    run = collapsed_run(tmp_path / "run").run
    run.index_path.write_text("{")
    code, shown = health(capsys, run.path)
    assert (code, len(shown)) == (2, 1) and "index.json" in shown[0] and "rebuild" in shown[0]
