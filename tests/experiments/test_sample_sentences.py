"""The commands on one small run of sentences, as a user calls them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from callbacks.collapse.replaying import replay
from callbacks.run_folder import RunFolder
from tests.command_server import ROOT, CommandServer

CONFIG = ROOT / "tests" / "toy_sentences.yaml"


@pytest.fixture(scope="module")
def fitted(server: CommandServer, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    path = tmp_path_factory.mktemp("runs") / "words"
    code, output = server.run("fit", "--config", CONFIG, "--run_dir", path, timeout=300)
    assert code == 0, output
    return path, output


@pytest.fixture(scope="module")
def run(fitted: tuple[Path, str]) -> RunFolder:
    return RunFolder.open(fitted[0])


def said(output: str) -> list[str]:
    """Lines that are sentences of six numbers below 30."""
    rows = [line.split() for line in output.splitlines()]
    return [
        " ".join(row)
        for row in rows
        if len(row) == 6 and all(word.isdecimal() and int(word) < 30 for word in row)
    ]


def test_fit_ends_with_three_sentences_and_the_command_for_more(fitted: tuple[Path, str]) -> None:
    path, output = fitted
    lines = [
        line.removeprefix("  it says     ") for line in output.splitlines() if "it says" in line
    ]
    assert len(lines) == 3 and len(said("\n".join(lines))) == 3
    assert f"  draw more   ganagerie sample {path} --n 20\n" in output
    assert "last grid" not in output
    scores = next(line for line in output.splitlines() if line.startswith("  scores"))
    for name in ("fd_ppmi29@60", "bleu4@60", "self_bleu4@60", "nll_oracle@60", "nll_test@30"):
        assert name in scores


def test_run_is_watched_scored_and_ranked_by_the_distance(run: RunFolder) -> None:
    assert [moment for moment, _ in run.media_files("samples")] == [0, 320, 576]
    probes = run.read_probes()
    # Pretraining is not watched: nothing is generated yet.
    assert probes and all(row["images_seen"] >= 384 for row in probes)
    for row in probes:
        assert {"self_bleu4", "unique_share", "token_entropy"} <= set(row["signals"]["all"])
        assert row["space"] == "ppmi29" and row["finite"]
    again = replay(run.read_history())
    assert [verdict.to_dict() for _, verdict in again] == [row["verdict"] for row in probes]
    assert len(run.media_files("health")) == len(probes)
    assert {"health/self_bleu4", "health/token_entropy"} <= set().union(*run.read_metrics())
    index = run.read_index()
    scored = [row for row in index["checkpoints"] if row["scores"]]
    best = min(scored, key=lambda row: (row["scores"] or {})["fd_ppmi29@60"])
    assert index["best"] == best["path"]


def test_sample_prints_a_sentence_a_line_whatever_their_number(
    server: CommandServer, run: RunFolder, tmp_path: Path
) -> None:
    code, few = server.run("sample", run.path, "--n", 3)
    assert code == 0 and len(said(few)) == 3, few
    out = tmp_path / "said.txt"
    code, many = server.run("sample", run.path, "--n", 5, "--out", out)
    assert code == 0 and said(many)[:3] == said(few)
    assert out.read_text().splitlines() == said(many)
    assert f"5 sentences of {run.resolve('best')['path']}: {out}" in many
    other = server.run("sample", run.path, "--n", 5, "--seed", 1)[1]
    assert said(other) != said(many)
    assert not (run.path / "samples").exists()


def test_low_temperature_says_the_likeliest(server: CommandServer, run: RunFolder) -> None:
    counts = []
    for temperature in (0.05, 1, 5):
        words = ("--n", 30, "--temperature", temperature)
        code, output = server.run("sample", run.path, *words)
        assert code == 0, output
        counts.append(len(set(said(output))))
    assert counts[0] <= 3 < counts[1] <= counts[2]


def test_evaluate_has_scores_of_words_and_a_table_over_temperatures(
    server: CommandServer, run: RunFolder
) -> None:
    code, output = server.run("evaluate", run.path, "--samples", 80, "--json")
    assert code == 0, output
    found = json.loads(output.splitlines()[-1])
    assert {"fd_ppmi29@80", "bleu4@80", "unique_share@80", "nll_oracle@80"} <= set(found["scores"])
    assert found["floor"]["self_bleu4@80"] > 0
    words = ("--samples", 80, "--temperatures", 0.3, 1.0, 3.0)
    code, output = server.run("evaluate", run.path, *words)
    assert code == 0, output
    head, *rows = [line.split() for line in output.splitlines() if not line.startswith("note")]
    assert head == ["temperature", "fd_ppmi29@80", "bleu4@80", "self_bleu4@80"]
    assert [row[0] for row in rows] == ["0.3", "1", "3", "real"]
    assert float(rows[0][3]) > float(rows[1][3]) > float(rows[2][3])
    code, output = server.run("evaluate", run.path, *words, "--json")
    swept = json.loads(output.splitlines()[-1])
    # At 1 it is what it was without.
    assert swept["temperatures"]["1"] == {
        name: found["scores"][name] for name in ("fd_ppmi29@80", "bleu4@80", "self_bleu4@80")
    }


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("interpolate RUN", "run must make images, got"),
        ("truncation RUN", "which makes sentences; use ganagerie sample"),
        ("mix RUN", "which makes sentences"),
        (f"project RUN {ROOT}/docs/images/dcgan_mnist5k.png", "which makes sentences"),
        ("path-length RUN", "which makes sentences"),
        ("reconstruct RUN", "which makes sentences"),
        ("memorization RUN", "which makes sentences; the score copy_rate"),
        ("timelapse RUN", "--key must be of pictures that the run has, got 'samples'"),
        ("evaluate RUN --space rand_vgg", "suit sentences, got 'rand_vgg'; choose ppmi64"),
        ("evaluate RUN --temperatures 0", "--temperatures must be positive, got 0"),
        ("sample RUN --temperature nan", "--temperature must be positive, got nan"),
        ("sample RUN --class 1", "--class must be a class of the run, got 1, it has none"),
        ("sample RUN --columns 2", "--columns must be left out for sentences, got 2"),
        ("sample RUN --out drawn", "--out must end in .txt for sentences, got drawn; choose"),
        ("sample RUN --text hello", "--text must be left out for a SeqGAN, got 'hello'"),
    ],
    ids=lambda text: text.split(" ", 1)[0] if text.endswith("RUN") else text,
)
def test_what_is_for_images_is_one_line(
    server: CommandServer, run: RunFolder, words: str, message: str
) -> None:
    code, output = server.run(*words.replace("RUN", str(run.path)).split())
    assert code == 2 and message in output, output
    assert len(output.strip().splitlines()) == 1


@pytest.mark.parametrize("option", ["--memorization.at_end=true", "--evaluation.space=identity"])
def test_settings_for_images_are_refused_before_training(
    server: CommandServer, tmp_path: Path, option: str
) -> None:
    path = tmp_path / "run"
    code, output = server.run("fit", "--config", CONFIG, "--run_dir", path, option, timeout=300)
    assert code == 2 and not path.exists(), output


def test_points_have_no_temperature(server: CommandServer, tmp_path: Path) -> None:
    path = tmp_path / "ring"
    words = ("--trainer.max_steps=2", "--collapse_monitor.watch=false", "--run_dir", path)
    code, output = server.run("fit", "--config", ROOT / "tests" / "toy.yaml", *words)
    assert code == 0, output
    for command in ("sample RUN --temperature 0.7", "evaluate RUN --temperatures 0.7"):
        code, output = server.run(*command.replace("RUN", str(path)).split())
        assert code == 2 and "must be left out for a WGANGP, got 0.7; only sentences" in output


def test_other_words_of_the_same_number_are_refused(
    server: CommandServer, run: RunFolder, tmp_path: Path
) -> None:
    config = run.config_path.read_text()
    changed = config.replace(
        "vocabulary_size: 30\n    length: 6\n    samples",
        "vocabulary_size: 29\n    length: 6\n    samples",
    )
    assert changed != config
    run.config_path.write_text(changed)
    try:
        code, output = server.run("evaluate", run.path, "--samples", 80)
    finally:
        run.config_path.write_text(config)
    assert code == 2 and "must have the 30 words of the run, got 29" in output, output
