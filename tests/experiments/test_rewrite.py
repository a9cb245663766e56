"""``ganagerie translate`` on a small run of sentences, and what its inputs must be."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from callbacks.run_folder import RunFolder
from experiments.errors import CommandError
from experiments.rewrite import sentences_of, tokens_of
from gan_modules.language.vocabulary import numbered, vocabulary_of
from tests.command_server import CommandServer

CONFIG = """
trainer: {max_steps: 2, accelerator: cpu, log_every_n_steps: 1}
loggers: {wandb: disabled}
model:
  class_path: TextCycleGAN
  init_args:
    generator_ab: &translator
      class_path: gan_modules.networks.rewriter.GRURewriter
      init_args: {vocabulary_size: 125, length: 16, embedding: 4, width: 4}
    generator_ba: *translator
    discriminator_a: &judge
      class_path: gan_modules.networks.text_cnn.TextCNN
      init_args: {vocabulary_size: 125, length: 16, embedding: 4, channels: 4}
    discriminator_b: *judge
    restoring_samples: 0
    discriminator_samples: 0
data:
  class_path: TemplatedSentiment
  init_args: {samples: 40, length: 16, batch_size: 4}
"""
WORDS = ("<pad>", "<bos>", "<eos>", "<unk>", "the", "food", "was", "good")


@pytest.fixture(scope="module")
def run(server: CommandServer, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    home = tmp_path_factory.mktemp("sentences")
    (home / "mine.yaml").write_text(CONFIG)
    words = ("--config", home / "mine.yaml", "--run_dir", home / "run")
    code, output = server.run("fit", *words, timeout=300)
    assert code == 0, output
    assert "use it      ganagerie translate" in output and "style_accuracy@4/mean" in output
    run = RunFolder.open(home / "run")
    table = run.media_files("samples")[-1][1].read_text().splitlines()
    assert table[0].split("\t") == ["from", "sentence", "rewritten", "true"]
    return run


def test_sentences_and_files_become_a_line_each(
    server: CommandServer, run: RunFolder, tmp_path: Path
) -> None:
    (tmp_path / "mine.txt").write_text("The pizza was bland\n\nthe gloomy qqq was rude\n")
    out = tmp_path / "out" / "made.txt"
    given = (tmp_path / "mine.txt", "our waiter was slow", "--to", "positive")
    code, output = server.run("translate", run.path, *given, "--out", out)
    assert code == 0, output
    assert "3 sentences, negative to positive, by" in output and "1 words are unknown" in output
    assert len(out.read_text().splitlines()) == 3
    code, output = server.run("translate", run.path, *given)
    assert code == 0 and all(line in output for line in out.read_text().splitlines())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("good food",), "--to must be given where there are several ways: negative to positive"),
        (("good food", "--to", "c"), "--to must be a domain of the run, got 'c'; there is a (neg"),
        (("good food", "--to", "b", "--tile", "4"), "--tile must be left out for sentences, got 4"),
        (("no.txt", "--to", "b"), "no.txt must be a text file with a sentence a line, got no such"),
        (("word " * 20, "--to", "b"), "sentence must have 1 to 15 words, got 20 in 'word word"),
        ((" ", "--to", "b"), "sentences must be at least 1, got none"),
    ],
)
def test_what_does_not_suit_the_run_is_one_line(
    server: CommandServer, run: RunFolder, words: tuple[str, ...], message: str
) -> None:
    code, output = server.run("translate", run.path, *words)
    assert code == 2 and message in output and len(output.strip().splitlines()) == 1


def test_a_run_of_sentences_is_evaluated(server: CommandServer, run: RunFolder) -> None:
    code, output = server.run("evaluate", run.path, "--samples", "3")
    assert code == 0, output
    assert "style_content@3/mean" in output and "copy_style_accuracy@3/b" in output


def test_unknown_words_are_marked_and_known_ones_found_in_small_letters() -> None:
    module = SimpleNamespace(vocabulary=WORDS, lengths={"a": 6, "b": 9})
    assert tokens_of("The food WAS fine", module, None, "a").tolist() == [[4, 5, 6, 3, 2, 0]]
    data = SimpleNamespace(encode=lambda sentences: f"{sentences} cut by the data")
    assert tokens_of("x", module, data, "a") == "['x'] cut by the data"


def test_the_first_of_two_equal_words_is_meant_and_lengths_are_checked() -> None:
    assert numbered("a b", ("", "", "", "", "a", "b", "a"), 3).tolist() == [[4, 5, 2]]
    with pytest.raises(ValueError, match="sentence must have 1 to 2 words, got 3 in 'a b a'"):
        numbered("a b a", ("a", "b"), 3)


def test_a_vocabulary_that_the_data_lack_stays_what_it_was() -> None:
    assert vocabulary_of(None, ("a",)) == ("a",)
    assert vocabulary_of(SimpleNamespace(vocabulary=["b"]), ("a",)) == ("b",)


def test_text_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.txt").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(CommandError, match="got no utf-8 text; give its path, or a sentence"):
        sentences_of([str(tmp_path / "bad.txt")])
