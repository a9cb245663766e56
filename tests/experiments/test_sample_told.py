"""``ganagerie sample`` of runs that are told sentences or sounds, as a user calls it."""

import shutil
import warnings
from pathlib import Path

import pytest
import torch

import gan_modules
from callbacks.media import picture
from callbacks.run_folder import RunFolder
from datamodules.mel import write_wave
from datamodules.text_encoders import HashingEncoder
from tests.command_server import CommandServer
from tests.helpers_bad_domains import (
    noise_pictures,
    of_sentences,
    of_sounds,
    sound,
    write_noise,
)
from tests.helpers_bad_inputs import Place, text_file

WORDS = {
    "class_path": "CaptionedFolder",
    "init_args": {"folder": "seen", "table": "words.csv", "batch_size": 8},
}
CAPTIONS = "image,caption\n" + "".join(
    f"{name}/{number:03d}.png,a {name} picture of {number}\n"
    for name in ("low", "high")
    for number in range(24)
)
SEEN = {"class_path": "ImageFolder", "init_args": {"folder": "seen", "size": 32}}
SOUNDS = {
    "class_path": "SoundFolder",
    "init_args": {"folder": "heard", "images": SEEN, "seconds": 0.5, "batch_size": 8},
}
QUICK = {
    "trainer": {"accelerator": "cpu", "max_steps": 4, "enable_progress_bar": False},
    "evaluation": {"every_n_images": None, "samples": 12, "space": "rand_vgg"},
    "sample_grid": {"every_n_images": None},
    "checkpointing": {"every_n_images": None},
    "collapse_monitor": {"watch": False},
}


@pytest.fixture(scope="module")
def runs(server: CommandServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with runs called ``words`` and ``sounds``."""
    place = Place(tmp_path_factory.mktemp("told"), {}, Path())
    text_file("words.csv", CAPTIONS)(place)
    for name in ("low", "high"):
        noise_pictures(f"seen/{name}", size=(32, 32))(place)
        for number in range(4):
            sound(f"heard/{name}/{'n' * number}.wav")(place)
    makes = {
        # Steps as large as the weights: an untrained generator's images are all but one grey.
        "words": of_sentences(WORDS, sections=QUICK, generator_lr=0.05),
        "sounds": of_sounds(SOUNDS, sections=QUICK, generator_lr=0.05),
    }
    for name, make in makes.items():
        make(place)
        words = ("--config", "bad.yaml", "--run_dir", name)
        code, output = server.run("fit", *words, cwd=place.path)
        assert code == 0, output
    return place.path


def drawn(
    server: CommandServer, runs: Path, name: object, out: Path, *words: object
) -> list[bytes]:
    """The images that ``sample`` writes."""
    code, output = server.run("sample", name, "--out", out, *words, cwd=runs)
    assert code == 0, output
    return [file.read_bytes() for file in sorted(out.iterdir())]


def test_sentences_take_turns_and_make_other_images(
    server: CommandServer, runs: Path, tmp_path: Path
) -> None:
    red, blue = ("--text", "a red circle"), ("--text", "a small blue square")
    of_red = drawn(server, runs, "words", tmp_path / "red", *red, "--n", 3)
    of_blue = drawn(server, runs, "words", tmp_path / "blue", *blue, "--n", 3)
    of_both = drawn(server, runs, "words", tmp_path / "both", *red, *blue, "--n", 3)
    assert all(one != other for one, other in zip(of_red, of_blue, strict=True))
    assert of_both == [of_red[0], of_blue[1], of_red[2]]


def test_the_image_is_that_of_the_embedded_sentence(
    server: CommandServer, runs: Path, tmp_path: Path
) -> None:
    run = RunFolder.open(runs / "words")
    with warnings.catch_warnings():
        # Lightning's own use of a deprecated name of jsonargparse.
        warnings.simplefilter("ignore", DeprecationWarning)
        module = gan_modules.load(run.verify(run.resolve("last")))
    text = HashingEncoder().embed(["a red circle"])
    wanted = module.sample(1, generator=torch.Generator().manual_seed(0), text=text)
    picture(wanted[0]).save(tmp_path / "wanted.png")
    words = ("--text", "a red circle", "--n", 1)
    (image,) = drawn(server, runs, "words", tmp_path / "one", *words)
    assert image == (tmp_path / "wanted.png").read_bytes()


def test_sounds_of_any_rate_width_and_number_of_channels_are_heard(
    server: CommandServer, runs: Path, tmp_path: Path
) -> None:
    high = torch.sin(torch.arange(8000) * 0.8)
    write_wave(tmp_path / "high.wav", high)
    write_wave(tmp_path / "soft.wav", 0.01 * high)
    write_noise(tmp_path / "studio.wav", 1.3, 44_100, channels=2, width=3)
    found = set()
    for name in ("high", "soft", "studio"):
        words = ("--n", 1, "--audio", tmp_path / f"{name}.wav")
        found |= set(drawn(server, runs, "sounds", tmp_path / name, *words))
    assert len(found) == 3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("words", "--audio", "a.wav"), "--audio must be left out for a GANCLS, got 'a.wav'; it"),
        (("sounds", "--text", "a cat"), "it is told what --audio gives"),
        (("words", "--class", 1), "--class must be a class of the run, got 1, it has none"),
        (("words", "--text", "a cat", "--class", 1), "--class must be a class of the run, got 1"),
        (("words", "--text", ""), "argument --text: must be a sentence, got ''"),
        (("sounds", "--audio", "none.wav"), "--audio must be a WAV file, got none.wav, no such"),
        (("sounds", "--audio", "bad.yaml"), "files must be WAV of integers (PCM), got bad.yaml"),
        (("sounds", "--audio", "empty.wav"), "got empty.wav (16 bits, 16000 Hz, 0 bytes); convert"),
    ],
)
def test_what_a_run_is_not_told_is_refused_in_one_line(
    server: CommandServer, runs: Path, words: tuple[object, ...], message: str
) -> None:
    write_noise(runs / "empty.wav", 0, 16_000, 1, 2)
    before = sorted(runs.rglob("*"))
    code, output = server.run("sample", *words, cwd=runs)
    assert code == 2 and message in output and len(output.splitlines()) == 1, output
    assert sorted(runs.rglob("*")) == before


def test_an_encoder_of_another_length_is_refused(
    server: CommandServer, runs: Path, tmp_path: Path
) -> None:
    shutil.copytree(runs / "words", tmp_path / "run")
    config = tmp_path / "run" / "config.yaml"
    encoder = "{class_path: datamodules.text_encoders.HashingEncoder, init_args: {dim: 64}}"
    text = config.read_text()
    assert "encoder: null" in text
    config.write_text(text.replace("encoder: null", f"encoder: {encoder}", 1))
    code, output = server.run("sample", tmp_path / "run", "--text", "a cat", cwd=runs)
    assert code == 2 and "must make text of the shape [256], got [64]; they have" in output, output
