"""``ganagerie translate`` on a run of the user's own speech: phonemes of WAV files."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from callbacks.run_folder import RunFolder
from datamodules.mel import write_wave
from experiments.errors import CommandError
from experiments.transcribe import sounds_of
from tests.command_server import CommandServer

CONFIG = """
trainer: {{max_steps: 2, accelerator: cpu, log_every_n_steps: 1}}
loggers: {{wandb: disabled}}
evaluation: {{samples: 20}}
model:
  class_path: Wav2vecU
  init_args:
    generator:
      class_path: gan_modules.networks.recognizer.Recognizer
      init_args: {{features: 4, vocabulary_size: 4, kernel: 3}}
    discriminator:
      class_path: gan_modules.networks.recognizer.PhonemeDiscriminator
      init_args: {{vocabulary_size: 4, width: 4, kernel: 3, depth: 1}}
data:
  class_path: SpeechFolder
  init_args:
    {{folder: {home}/sounds, text: {home}/text.txt, clusters: 6, dim: 4, batch_size: 4}}
"""


def voice(seed: int) -> torch.Tensor:
    own = np.random.default_rng(seed)
    time = torch.arange(1280) / 16_000
    return torch.cat([0.3 * torch.sin(6.28 * f * time) for f in own.uniform(200, 3000, 5)])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandServer]:
    with CommandServer(tmp_path_factory.mktemp("commands")) as server:
        yield server


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("mine")
    (home / "sounds").mkdir()
    for number in range(20):
        write_wave(home / "sounds" / f"{number:02d}.wav", voice(number))
    (home / "text.txt").write_text("a b | c a\nb c\nc | a b c\n" * 4)
    (home / "mine.yaml").write_text(CONFIG.format(home=home))
    return home


@pytest.fixture(scope="module")
def run(server: CommandServer, home: Path) -> RunFolder:
    code, output = server.run(
        "fit", "--config", home / "mine.yaml", "--run_dir", home / "run", timeout=300
    )
    assert code == 0, output
    assert "ganagerie translate" in output and "FILE.wav" in output
    return RunFolder.open(home / "run")


def test_a_run_is_scored_without_transcripts_and_shows_what_it_hears(run: RunFolder) -> None:
    scores = run.read_evaluations()[-1]["scores"]
    assert [name.split("@")[0] for name in scores] == [
        "nll_less_log_usage",
        "nll_text",
        "phoneme_usage",
    ]
    assert run.resolve("best")["scores"] == scores
    _, file = run.media_files("samples")[-1]
    assert file.read_text().splitlines()[0] == "recognised"


def test_files_and_folders_become_lines_of_phonemes(
    server: CommandServer, run: RunFolder, home: Path
) -> None:
    one = home / "sounds" / "03.wav"
    code, printed = server.run("translate", run.path, one, home / "sounds", timeout=120)
    assert code == 0, printed
    lines = printed.splitlines()
    said = [line for line in lines if set(line.split()) <= {"SIL", "a", "b", "c"}]
    assert len(said) == 21 and said[0] == said[4]
    assert any(line.startswith("21 files, by checkpoints/") for line in lines)
    out = home / "said.txt"
    code, told = server.run("translate", run.path, one, "--out", out, timeout=120)
    assert code == 0 and out.read_text() == f"{said[0]}\n" and str(out) in told
    code, told = server.run("translate", run.path, one, "--out", out, timeout=120)
    assert code != 0 and len(told.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere.wav"], "nowhere.wav must be a WAV file or a folder of them, got none there"),
        (["{home}/text.txt"], "files must be WAV of integers (PCM), got"),
        (["{home}/sounds/01.wav", "--to", "b"], "--to must be left out for speech"),
        (["{home}/sounds/01.wav", "--tile", "8"], "--tile must be left out for speech"),
    ],
)
def test_what_cannot_be_heard_is_told_in_one_line(
    server: CommandServer, run: RunFolder, home: Path, words: list[str], message: str
) -> None:
    given = [word.format(home=home) for word in words]
    code, output = server.run("translate", run.path, *given, timeout=120)
    assert code != 0 and message in output and len(output.splitlines()) == 1, output


def test_a_folder_without_sound_is_told(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="must hold .wav files, got none; convert"):
        sounds_of([str(tmp_path)])
