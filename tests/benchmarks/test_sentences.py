"""What the benchmark of sentences trains, and how it reads and draws what it measures."""

import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import yaml
from torch import Tensor

from benchmarks import rollouts
from benchmarks.sentences import tasks
from benchmarks.sentences.reals import UniformWords, untrained
from benchmarks.sentences.scores import chosen, last_scores, plain
from benchmarks.sentences.tasks import TASKS, oracle_curves, rewritten, said, together
from benchmarks.sentences.temperatures import TEMPERATURES, at_temperatures
from benchmarks.trained import command
from benchmarks.trained.training import settings
from datamodules.arithmetic import Arithmetic
from datamodules.movie_reviews import COMMAND
from datamodules.oracle_sequences import OracleSequences
from experiments.__main__ import main
from gan_modules.language.rollouts import completed
from gan_modules.language.speaking import choose, drawn
from gan_modules.networks.lstm_speaker import LSTMSpeaker
from tests.small_variants import build

JOBS = [job for task in TASKS for job in task.jobs]


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.name)
def test_every_job_is_accepted_by_the_command(job: Any, tmp_path: Path) -> None:
    config = tmp_path / "job.yaml"
    config.write_text(yaml.safe_dump(settings(job)))
    assert main(["fit", f"--config={config}", "--print_config"]) == 0


def test_likelihood_alone_is_the_same_speaker_without_a_game() -> None:
    alone, game = (settings(JOBS[i])["model"]["init_args"] for i in (0, 1))
    assert alone["generator"] == game["generator"] and alone["generator_lr"] < 1e-9
    assert alone["likelihood_samples"] == game["likelihood_samples"] == 36_000


def test_a_task_whose_data_are_not_here_is_left_out_with_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tasks, "REVIEWS_ROOT", tmp_path)
    monkeypatch.setattr(
        "sys.argv", ["sentences", "--task", "reviews", "--out", str(tmp_path / "o")]
    )
    command.run("benchmarks.sentences", "", TASKS)
    out, err = capsys.readouterr()
    assert err == f"reviews: left out: no reviews in {tmp_path}; {COMMAND} --dest {tmp_path}\n"
    assert json.loads(out)["results"] == {}
    (tmp_path / "vadersentiment-3.3.2.tar.gz").touch()
    assert {task.name: task.missing() for task in TASKS}["reviews"] == ""


def test_scores_lose_their_counts_and_means_keep_the_bare_name() -> None:
    scores = {"fd_ppmi5@2k": 1.0, "bleu4@900": None, "per@9/mean": 2.0, "per@9/b": 3.0}
    assert plain(scores) == {"fd_ppmi5": 1.0, "per": 2.0, "per/b": 3.0}
    assert chosen(plain(scores), ("per", "fd", "rouge1")) == {"per": 2.0, "fd": 1.0}
    rows = [{"scores": {"per@9": 7.0}}, {"scores": scores}]
    opened: Any = SimpleNamespace(run=SimpleNamespace(read_evaluations=lambda: rows))
    assert last_scores("per")(opened) == {"per": 2.0}


def test_uniform_words_are_as_likely_as_they_say() -> None:
    chance = UniformWords(4, 3)
    tokens = chance.decode(torch.tensor([[0.0, 0.25, 0.999], [0.5, 0.74, 0.75]]))
    assert tokens.tolist() == [[0, 1, 3], [2, 2, 3]]
    assert chance.log_likelihood(tokens).tolist() == pytest.approx([-math.log(4)] * 2)


def test_rows_without_training_tell_right_sums_from_wrong_ones() -> None:
    data = Arithmetic(samples=200)
    data.setup("fit")
    rows = untrained(data, "valid_share", "nll_test")
    assert rows["real sentences"]["valid_share"] == 1.0
    assert rows["words by chance"]["valid_share"] == 0.0
    assert rows["words by chance"]["nll_test"] == pytest.approx(math.log(6))


def test_rows_of_an_oracle_are_ordered() -> None:
    data = OracleSequences(vocabulary_size=50, length=6, samples=300)
    data.setup("fit")
    rows = untrained(data, "nll_oracle")
    assert rows["real sentences"]["nll_oracle"] + 1 < rows["words by chance"]["nll_oracle"]


def test_what_is_said_and_rewritten_is_shown_unpicked() -> None:
    speaker, rewriter = build("SeqGAN"), build("TextCycleGAN")
    lines = said({"one": SimpleNamespace(module=speaker)})  # type: ignore[dict-item]
    assert lines.startswith("**one**\n\n- ") and lines.count("\n- ") == 20
    inputs = torch.tensor([[4, 5, 2, 0, 0, 0], [6, 2, 0, 0, 0, 0]])
    reference = [{"image": row} for row in inputs]
    data = SimpleNamespace(reference=lambda split, domain: reference)
    opened: Any = SimpleNamespace(module=rewriter, data=lambda: data)
    table = rewritten({"one": opened}).splitlines()
    assert table[0] == "| input | one |" and len(table) == 4
    assert table[2].split(" | ")[0].removeprefix("| ") == rewriter.words(inputs)[0]


class Mumbling(UniformWords):
    """Below a temperature of 1 it says one word alone."""

    def decode(self, z: Tensor, temperature: float = 1.0) -> Tensor:
        return super().decode(z if temperature >= 1.0 else torch.zeros_like(z))


def test_scores_are_of_each_temperature() -> None:
    data = Arithmetic(samples=200)
    data.setup("fit")
    opened: Any = SimpleNamespace(module=Mumbling(6, 12), data=lambda: data)
    measure = together(at_temperatures("unique_share"), at_temperatures("self_bleu4"))
    found = measure(opened)
    assert len(found) == 2 * len(TEMPERATURES)
    assert [found[f"unique_share T={t:g}"] > 0.9 for t in TEMPERATURES] == [False] * 3 + [True] * 2
    assert found["self_bleu4 T=0.5"] > found["self_bleu4 T=1"]


def test_curves_are_over_sentences_seen() -> None:
    rows = [{"images_seen": n, "scores": {"nll_oracle@9": 1.0 / n}} for n in (1, 2)]
    opened: Any = SimpleNamespace(run=SimpleNamespace(read_evaluations=lambda: rows))
    (line,) = oracle_curves({"one": opened}).axes[0].get_lines()
    assert line.get_label() == "one"
    assert torch.as_tensor(line.get_xydata()).tolist() == [[1.0, 1.0], [2.0, 0.5]]


@pytest.mark.parametrize("heard", [rollouts.published, rollouts.judging, rollouts.reading])
def test_every_loop_completes_what_the_batch_completes(heard: Any) -> None:
    speaker = LSTMSpeaker(7, 5, 3, 3, special_tokens=False).double()
    uniforms = torch.rand(4, 2, 4, 5, dtype=torch.float64)
    tokens = drawn(speaker, uniforms[:, 0, 0])
    loop = rollouts.one_by_one(speaker, tokens, uniforms, heard, choose)
    assert loop.equal(completed(speaker, tokens, uniforms))


def test_operations_of_roll_outs_are_counted_pass_by_pass() -> None:
    speaker = LSTMSpeaker(7, 5, 3, 2, special_tokens=False)
    heard, judged = [], []
    speaker.lstm.register_forward_hook(lambda _, inputs, out: heard.append(out[0].shape[0]))
    speaker.head.register_forward_hook(lambda _, inputs, out: judged.append(len(out)))
    uniforms = torch.rand(4, 3, 4, 5)
    tokens = drawn(speaker, uniforms[:, 0, 0])
    found = []
    for run in (
        lambda: rollouts.one_by_one(speaker, tokens, uniforms, rollouts.published, choose),
        lambda: completed(speaker, tokens, uniforms),
    ):
        heard.clear()
        judged.clear()
        run()
        found.append(2 * (sum(heard) * 4 * 2 * (2 + 3) + sum(judged) * 2 * 7))
    assert tuple(found) == rollouts.operations(speaker, 3, 4)
