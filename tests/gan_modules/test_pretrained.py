"""Word vectors of a file as the start of a network's table: whose they are, and until when."""

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import nn

import gan_modules
from datamodules.pretrained_vectors import PretrainedVectors
from experiments.__main__ import main
from gan_modules.language.pretrained import AwaitingEmbedding, fill_pretrained, token_embedding
from gan_modules.networks.lstm_discriminator import LSTMDiscriminator
from gan_modules.networks.lstm_speaker import LSTMSpeaker
from gan_modules.networks.relational_speaker import RelationalSpeaker
from gan_modules.networks.step_discriminator import StepDiscriminator
from gan_modules.networks.text_cnn import TextCNN
from tests.small.sizes import WORDS, WORDS_LENGTH
from tests.small_variants import build

TEXT = "3 2\nthe 1 2\ncat 0.5 -1\nelsewhere 9 9\n"
VOCABULARY = ("<pad>", "<bos>", "<eos>", "<unk>", "cat", "dog", "the")


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    # Lightning's own use of a deprecated part of jsonargparse.
    monkeypatch.setenv("JSONARGPARSE_DEPRECATION_WARNINGS", "off")


def file_of(folder: Path, text: str = TEXT) -> Path:
    path = folder / "vectors.txt"
    path.write_text(text)
    return path


def test_known_words_take_their_vectors_and_others_keep_their_start(tmp_path: Path) -> None:
    table = token_embedding(7, 2, PretrainedVectors(str(file_of(tmp_path))))
    before = table.weight.clone()
    fill_pretrained(nn.Sequential(table), VOCABULARY)
    assert table.weight[[4, 6]].tolist() == [[0.5, -1.0], [1.0, 2.0]]
    assert table.weight[[0, 1, 2, 3, 5]].equal(before[[0, 1, 2, 3, 5]])
    # Weights of words are heard as before: half of each.
    halves = torch.tensor([[0, 0, 0, 0, 0.5, 0, 0.5]])
    assert table(halves).tolist() == [[0.75, 0.5]]


def test_without_vectors_a_table_is_drawn_as_ever() -> None:
    torch.manual_seed(3)
    plain = token_embedding(5, 2, None)
    torch.manual_seed(3)
    assert plain.weight.equal(nn.Embedding(5, 2).weight) and plain.weight.requires_grad
    assert not isinstance(plain, AwaitingEmbedding)


@pytest.mark.parametrize("frozen", [True, False])
@pytest.mark.parametrize(
    "network",
    [
        lambda part: LSTMSpeaker(7, 3, 2, 4, pretrained=part),
        lambda part: RelationalSpeaker(7, 3, 2, 1, 1, 4, pretrained=part),
        lambda part: TextCNN(7, 3, 2, 4, (1, 2), pretrained=part),
        lambda part: LSTMDiscriminator(7, 2, 4, pretrained=part),
        lambda part: StepDiscriminator(7, 2, 4, 0, 0.0, pretrained=part),
    ],
)
def test_every_network_of_words_takes_them_frozen_or_trained(
    network: Any, frozen: bool, tmp_path: Path
) -> None:
    built = network(PretrainedVectors(str(file_of(tmp_path)), frozen=frozen))
    fill_pretrained(built, VOCABULARY)
    assert built.embedding.weight[4].tolist() == [0.5, -1.0]
    tokens = torch.tensor([[4, 5, 6]])
    said = built.logits(tokens) if hasattr(built, "logits") else built(tokens)
    said.sum().backward()
    assert (built.embedding.weight.grad is None) == frozen
    assert built.embedding.weight.requires_grad != frozen
    assert all(p.grad is not None for n, p in built.named_parameters() if "embedding" not in n)


def test_copies_and_averages_begin_with_them_too(tmp_path: Path) -> None:
    part = PretrainedVectors(str(file_of(tmp_path)))
    module = build(
        "SeqGAN",
        generator=LSTMSpeaker(WORDS, WORDS_LENGTH, 2, 4, pretrained=part),
        ema_half_life_images=9.0,
    )
    fill_pretrained(module, VOCABULARY)
    tables = [module.generator, module.rollout_policy, module.generator_ema]
    assert all(table.embedding.weight[6].tolist() == [1.0, 2.0] for table in tables)


def settings(path: Path) -> dict[str, Any]:
    """A run of one round, on sums whose words are x and signs: G's vectors frozen, D's trained."""
    sizes = {"vocabulary_size": 6, "length": 12, "embedding": 2}
    frozen, trained = (
        {
            "class_path": "datamodules.pretrained_vectors.PretrainedVectors",
            "init_args": {"path": str(path), "frozen": choice},
        }
        for choice in (True, False)
    )
    speaker = {
        "class_path": "gan_modules.networks.lstm_speaker.LSTMSpeaker",
        "init_args": {**sizes, "width": 4, "special_tokens": False, "pretrained": frozen},
    }
    judge = {
        "class_path": "gan_modules.networks.text_cnn.TextCNN",
        "init_args": {**sizes, "channels": 4, "sizes": [1, 2], "pretrained": trained},
    }
    return {
        "trainer": {
            "max_steps": 1,
            "accelerator": "cpu",
            "devices": 1,
            "logger": False,
            "enable_progress_bar": False,
        },
        "loggers": {"wandb": "disabled"},
        "evaluation": {"every_n_images": None},
        "model": {
            "class_path": "MaliGAN",
            "init_args": {"generator": speaker, "discriminator": judge, "discriminator_steps": 1},
        },
        "data": {"class_path": "Arithmetic", "init_args": {"samples": 40, "batch_size": 8}},
    }


def fitted(folder: Path, settings: dict[str, Any]) -> int:
    config = folder / "run.yaml"
    config.write_text(yaml.safe_dump(settings))
    return main(["fit", f"--config={config}", f"--run_dir={folder / 'run'}"])


def test_a_run_takes_them_by_yaml_and_its_checkpoint_needs_no_file(tmp_path: Path) -> None:
    file = file_of(tmp_path, "x 1 2\n+ 3 4\n")
    assert fitted(tmp_path, settings(file)) == 0
    file.unlink()
    (checkpoint,) = (tmp_path / "run" / "checkpoints").glob("*.ckpt")
    module = gan_modules.load(checkpoint)
    x = module.vocabulary.index("x")
    assert module.generator.embedding.weight[x].tolist() == [1.0, 2.0]
    found = module.discriminator.embedding.weight[x]
    assert found.tolist() != [1.0, 2.0]
    # A step of Adam: still near.
    torch.testing.assert_close(found, torch.tensor([1.0, 2.0]), rtol=0, atol=0.05)
    assert main(["resume", str(tmp_path / "run"), "--set", "trainer.max_steps=2"]) == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "PretrainedVectors: path must be a text file, got"),
        ("x 1 2 3\n", "PretrainedVectors: path must hold vectors of 2 numbers.*got 3; set embed"),
        ("y 1 2\n", "PretrainedVectors: path must hold words of the data, such as.*got 'y'"),
        ("x 1 2\n+ 1\n", "PretrainedVectors: path must have a word and 2 numbers in every line"),
        ("x 1 nan\n", "PretrainedVectors: path must hold finite numbers"),
    ],
)
def test_what_a_file_must_be(text: str | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "none.txt" if text is None else file_of(tmp_path, text)
    table = token_embedding(2, 2, PretrainedVectors(str(path)))
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        fill_pretrained(table, ("x", "+"))


def test_a_command_says_what_is_wrong_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fitted(tmp_path, settings(file_of(tmp_path, "y 1 2\n"))) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert "PretrainedVectors: path must hold words of the data" in error


def test_numbers_have_no_words() -> None:
    table = token_embedding(2, 2, PretrainedVectors("any.txt"))
    with pytest.raises(ValueError, match="PretrainedVectors: data must have words, got numbers"):
        fill_pretrained(table, ())
    with pytest.raises(ValueError, match="PretrainedVectors: max_words must be at least 1, got 0"):
        PretrainedVectors("any.txt", max_words=0)
