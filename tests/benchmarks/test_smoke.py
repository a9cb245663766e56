"""The smoke run says what failed, and a failure is its exit code."""

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
import torch

import gan_modules
from benchmarks import smoke

ROOT = Path(__file__).parents[2]
TINY = ["--batch", "4", "--samples", "20"]


@pytest.fixture(autouse=True)
def process_as_it_was() -> Iterator[None]:
    """A benchmark quiets loggers, and leaves a seed in the environment that ranks would inherit."""
    names = ("callbacks", "datamodules", "gan_modules", "experiments")
    kept = [
        (log, log.level, log.propagate, log.handlers[:]) for log in map(logging.getLogger, names)
    ]
    with mock.patch.dict(os.environ):
        yield
    for log, level, propagate, handlers in kept:
        log.level, log.propagate, log.handlers = level, propagate, handlers


def last_line(output: str) -> dict:
    return json.loads(output.splitlines()[-1])


def test_each_case_trains_and_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    code = smoke.main([*TINY, "--variants", "GAN", "WGANGP", "--compile", "off"])
    result = last_line(capsys.readouterr().out)
    assert code == 0 and result["failed"] == [] and result["passed"] == 4
    assert set(result["cases"]) == {
        f"{name}/{precision}/off"
        for name in ("GAN", "WGANGP")
        for precision in ("32-true", "bf16-mixed")
    }
    first = result["cases"]["WGANGP/32-true/off"]["first"]
    # Both players played, and bf16 is another arithmetic.
    assert {name.split("/")[1] for name in first} == {"discriminator", "generator"}
    assert first != result["cases"]["WGANGP/bf16-mixed/off"]["first"]


def test_translators_and_classifiers_are_looked_at_by_what_they_make(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = [*TINY, "--precision", "32-true", "--compile", "off"]
    code = smoke.main([*words, "--variants", "Pix2Pix", "MultiLabelGAN"])
    result = last_line(capsys.readouterr().out)
    assert code == 0 and result["failed"] == [] and result["passed"] == 2


def test_sentences_rewritings_and_transcripts_are_words_and_word_maps_finite(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = [*TINY, "--precision", "32-true", "--compile", "off"]
    names = ["GumbelTextGAN", "CrossAlignedAE", "MappingGAN", "WordAlignment"]
    code = smoke.main([*words, "--variants", *names])
    result = last_line(capsys.readouterr().out)
    assert code == 0 and result["failed"] == [] and result["passed"] == 4


def test_who_refuses_to_be_compiled_is_not_asked() -> None:
    asked = {row.name for row in gan_modules.CATALOGUE if smoke.may_compile(row)}
    assert {"GAN", "WGANGP", "BigGAN", "ProjectionGAN"} <= asked
    assert not asked & {"StyleGAN", "SeqGAN", "TextWGANGP", "TextCycleGAN", "CycleGAN", "VAE"}


class Speaker:
    """Says a word beyond its vocabulary of two."""

    vocabulary = ("a", "b")
    draw_latents = decode = words = None


@pytest.mark.parametrize(("word", "why"), [(2, "not of the vocabulary"), (0.5, "torch.float32")])
def test_what_is_no_word_is_a_failure(word: float, why: str) -> None:
    smoke.check_made(Speaker(), torch.tensor([[0, 1]]))
    with pytest.raises(AssertionError, match=why):
        smoke.check_made(Speaker(), torch.tensor([[word]]))


class Translator:
    """Leads images to three times their values, which leaves [-1, 1]."""

    directions = (("a", "b"), ("b", "a"))
    image_shapes = {"a": (1, 8, 8), "b": (3, 8, 8)}

    def translate(self, images: torch.Tensor, source: str, target: str) -> torch.Tensor:
        assert images.shape[1:] == self.image_shapes[source] and target != source
        return 3 * images


def test_what_a_translator_makes_in_each_direction_is_looked_at(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = smoke.made(Translator(), {})
    assert [images.shape[1] for images in found] == [1, 3]
    monkeypatch.setattr(smoke, "made", lambda module, batch: found)
    words = [*TINY, "--precision", "32-true", "--compile", "off", "--variants", "GAN"]
    assert smoke.main(words) == 1
    result = last_line(capsys.readouterr().out)
    assert "images are not in [-1, 1]" in result["cases"]["GAN/32-true/off"]["failure"]


def test_a_case_that_fails_is_named_and_the_others_run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    train, runs = smoke.train, []

    def idle_at_first(cli: object) -> int:
        runs.append(cli)
        return 0 if len(runs) == 1 else train(cli)

    monkeypatch.setattr(smoke, "train", idle_at_first)
    code = smoke.main([*TINY, "--variants", "GAN", "--compile", "off"])
    result = last_line(capsys.readouterr().out)
    assert code == 1 and result["passed"] == 1 and result["failed"] == ["GAN/32-true/off"]
    assert "weights were on" in result["cases"]["GAN/32-true/off"]["failure"]


def test_a_compiled_run_that_differs_is_a_failure() -> None:
    plain = {"train/generator/adversarial": 1e-4, "train/generator/grad_norm": 0.01}
    near = {"train/generator/adversarial": -1e-4, "train/generator/grad_norm": 0.010001}
    smoke.assert_close(near, plain, 1e-2)
    with pytest.raises(AssertionError, match=r"grad_norm is 0\.0102 compiled and 0\.01 as it is"):
        smoke.assert_close({**near, "train/generator/grad_norm": 0.0102}, plain, 1e-2)
    with pytest.raises(AssertionError, match="adversarial"):
        smoke.assert_close({**near, "train/generator/adversarial": 0.02}, plain, 1e-2)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_cuda_without_a_gpu_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        smoke.main(["--device", "cuda"])
    assert "needs a GPU that torch sees" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("name", [row.name for row in gan_modules.CATALOGUE])
def test_every_variant_trains_compiled_as_it_does_plain(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = smoke.main([*TINY, "--precision", "32-true", "--variants", name])
    said = capsys.readouterr()
    assert code == 0 and last_line(said.out)["failed"] == [], said.err
