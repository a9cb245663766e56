import ctypes
import importlib.util
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from datamodules import speech
from datamodules.batches import from_uint8
from datamodules.images import ImageFolder
from datamodules.mel import write_wave
from datamodules.mnist import MNIST5k
from datamodules.sounds import SoundFolder, SpokenDigits
from datamodules.tones import RADII, TonesAndShapes, radius_of


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> TonesAndShapes:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANAGERIE_CACHE", str(tmp_path_factory.mktemp("tones")))
        module = TonesAndShapes(length=500, batch_size=50)
        module.setup()
    return module


def sounds(path: Path, names: tuple[str, ...] = ("cat", "dog"), count: int = 5) -> Path:
    """Each sound is a tone, and tells its class and number by its pitch."""
    for label, name in enumerate(names):
        (path / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            pitch = 0.1 + 0.4 * label + 0.05 * number
            tone = 0.5 * torch.sin(pitch * torch.arange(2000))
            write_wave(path / name / f"{number}.wav", tone)
    return path


def images(path: Path, names: tuple[str, ...] = ("cat", "dog")) -> ImageFolder:
    for label, name in enumerate(names):
        (path / name).mkdir(parents=True, exist_ok=True)
        for number in range(6):
            picture = Image.fromarray(np.full((4, 4), 100 * label + number, np.uint8))
            picture.save(path / name / f"{number}.png")
    return ImageFolder(str(path))


def folder(tmp_path: Path, **options: Any) -> SoundFolder:
    given = {"seconds": 0.125, "batch_size": 10, "held_out_share": 0.2, **options}
    return SoundFolder(str(sounds(tmp_path / "sounds")), images(tmp_path / "images"), **given)


def test_louder_is_larger_by_the_logarithm(tones: TonesAndShapes) -> None:
    data = tones._opened()
    assert data.labels is not None
    amplitudes = tones.amplitudes()
    area = data.array.astype(float).sum((1, 2, 3))
    for kind in range(5):
        own = data.labels == kind
        radius = np.sqrt(area[own])
        assert np.corrcoef(radius, np.log(amplitudes[own]))[0, 1] > 0.99
    assert radius_of(0.02) == pytest.approx(RADII[0]) and radius_of(0.8) == pytest.approx(RADII[1])
    assert radius_of(np.sqrt(0.02 * 0.8)) == pytest.approx(sum(RADII) / 2)


def test_every_shape_is_heard_with_its_own_sound_in_every_epoch(tones: TonesAndShapes) -> None:
    part = tones._training_set()
    waves, groups = tones.sounds("train")
    rows = tones._part("train")
    assert groups.tolist() == rows.tolist()
    items = [(index, epoch) for index, epoch in ((0, 0), (7, 3), (200, 9))]
    batch = part.__getitems__(items)
    for place, (index, _) in enumerate(items):
        torch.testing.assert_close(batch["sound"][place], tones.spectrograms(waves[[index]])[0])
        peak = waves[index].abs().max().item()
        assert peak == pytest.approx(tones.amplitudes()[rows[index]], rel=0.1)


def test_sounds_are_standardised_by_the_training_part(tones: TonesAndShapes) -> None:
    everything = tones.spectrograms(tones.sounds("train")[0]).double()
    assert everything.mean().item() == pytest.approx(0.0, abs=1e-4)
    assert everything.std().item() == pytest.approx(1.0, abs=1e-3)
    assert tones.sound_shape == tuple(everything.shape[1:]) == (1, 64, 32)
    held_out = tones.spectrograms(tones.sounds("held_out")[0])
    assert held_out.shape[0] == 50 and held_out.mean().abs() < 0.3


def test_gain_moves_a_spectrogram_up_by_the_same_everywhere_above_the_floor(
    tones: TonesAndShapes,
) -> None:
    waves = tones.sounds("train")[0][:40]
    soft, loud = tones.spectrograms(waves), tones.spectrograms(2 * waves)
    difference = loud - soft
    deviation = tones._mean_and_deviation()[1]
    assert difference.min() >= -1e-5
    assert difference.max().item() == pytest.approx(2 * np.log(2) / deviation, rel=1e-3)


def test_kinds_are_heard_as_they_are_called(tones: TonesAndShapes) -> None:
    waves, groups = tones.sounds("train")
    labels = groups.numpy() % 5
    power = tones.spectrograms(waves)[:, 0]
    assert tones.class_names == ("low tone", "high tone", "rising chirp", "falling chirp", "noise")
    centre = power.exp().transpose(1, 2) @ torch.arange(64.0)
    centre = centre / power.exp().sum(1)
    start, end = centre[:, 3:8].mean(1), centre[:, -8:-3].mean(1)
    assert (end - start)[labels == 2].min() > 5 and (end - start)[labels == 3].max() < -5
    assert centre[labels == 0].mean() < centre[labels == 1].mean() - 10


def test_split_of_sounds_is_the_split_of_images(tones: TonesAndShapes) -> None:
    for split in ("train", "held_out"):
        assert tones.sounds(split)[1].tolist() == tones.reference(split).rows.tolist()  # type: ignore[arg-type]


def test_images_are_heard_with_any_training_sound_of_their_class(tmp_path: Path) -> None:
    data = folder(tmp_path)
    waves, groups = data.sounds("train")
    held_waves, held_groups = data.sounds("held_out")
    assert groups.tolist() == [0] * 4 + [1] * 4 and held_groups.tolist() == [0, 1]
    assert data.class_names == ("cat", "dog") and data.name == "sounds-images-4"
    known = data.spectrograms(waves)
    part = data._training_set()
    heard: dict[int, set[int]] = {0: set(), 1: set()}
    for epoch in range(40):
        batch = part.__getitems__([(index, epoch) for index in range(10)])
        for sound, label, image in zip(batch["sound"], batch["label"], batch["image"], strict=True):
            place = int((known - sound).abs().flatten(1).amax(1).argmin())
            assert torch.equal(known[place], sound) and groups[place] == label
            assert (image[0, 0, 0] > from_uint8(torch.tensor(50))) == (label == 1)
            heard[int(label)].add(place)
    assert heard == {0: {0, 1, 2, 3}, 1: {4, 5, 6, 7}}
    assert not (held_waves[:, None] == waves).all(-1).any()


def test_a_changed_sound_changes_the_fingerprint(tmp_path: Path) -> None:
    before = folder(tmp_path).fingerprint()
    assert folder(tmp_path).fingerprint() == before
    write_wave(tmp_path / "sounds" / "cat" / "9.wav", torch.full((2000,), 0.9))
    assert folder(tmp_path).fingerprint() != before


def test_folders_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    own = images(tmp_path / "images")
    with pytest.raises(FileNotFoundError, match="^SoundFolder: folder must be a folder of sounds"):
        SoundFolder(str(tmp_path / "none"), own)
    with pytest.raises(ValueError, match="sub-folder with .wav for every class .*none for 'dog'"):
        SoundFolder(str(sounds(tmp_path / "one", ("cat",))), own).setup()
    with pytest.raises(ValueError, match="sub-folders that are classes of the images, got .*'owl'"):
        SoundFolder(str(sounds(tmp_path / "three", ("cat", "dog", "owl"))), own).setup()
    plain = ImageFolder(str(tmp_path / "images" / "cat"))
    with pytest.raises(ValueError, match="images must have classes, got 'ImageFolder'; choose"):
        SoundFolder(str(tmp_path / "three"), plain).setup()
    with pytest.raises(ValueError, match=r"seconds must lie in 0\.1\.\.60, got 0; set seconds: 4"):
        SoundFolder(str(tmp_path / "three"), own, seconds=0)
    (tmp_path / "three" / "owl").rename(tmp_path / "owl")
    (tmp_path / "three" / "cat" / "x.wav").write_text("nothing")
    with pytest.raises(ValueError, match="^read_wave: files must be WAV of integers .*x.wav"):
        SoundFolder(str(tmp_path / "three"), own).setup()


def test_class_whose_only_sound_is_held_out_is_refused(tmp_path: Path) -> None:
    few = SoundFolder(
        str(sounds(tmp_path / "sounds", count=1)),
        images(tmp_path / "images"),
        seconds=0.125,
        batch_size=2,
        held_out_share=0.6,
    )
    with pytest.raises(ValueError, match="sounds must leave a training sound for every class"):
        few.preview()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 8}, "size must be at least 16, got 8"),
        ({"length": 4}, "length must be at least the 5 kinds, got 4"),
        ({"seconds": 0.01}, r"seconds must lie in 0\.1\.\.30, got 0.01"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^TonesAndShapes: {message}; set "):
        TonesAndShapes(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"voices": ()}, r"voices must name a voice, got \(\)"),
        ({"rates": (10,)}, r"rates must be one or more of 80\.\.450, got \(10,\)"),
        ({"pitches": ()}, r"pitches must be one or more of 0\.\.100, got \(\)"),
        ({"seconds": 100}, r"seconds must lie in 0\.1\.\.60, got 100"),
    ],
)
def test_options_of_speech_out_of_range_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^SpokenDigits: {message}; "):
        SpokenDigits(**options)


def test_missing_voice_is_named_with_the_way_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    monkeypatch.setattr(speech, "spoken", speech.say_all)
    with pytest.raises(
        ValueError,
        match="^SpokenDigits: data must come with the package espeakng-"
        "loader, .*; pip install espeakng-loader$",
    ):
        SpokenDigits().setup()


class PretendedLibrary:
    """Answers as eSpeak NG does, with a tone as long as the word in place of speech."""

    def __init__(self) -> None:
        self.said: list[tuple[bytes, bytes, int, int]] = []
        self.running = False
        self.parameters: dict[int, int] = {}

    def espeak_Initialize(self, output: int, buffer: int, path: bytes, options: int) -> int:
        assert (output, path) == (2, b"/pretended")
        self.running = True
        return 22_050

    def espeak_SetSynthCallback(self, callback: Any) -> None:
        self.callback = callback

    def espeak_SetVoiceByName(self, name: bytes) -> int:
        self.voice = name
        return 2 if name == b"en-gb" else 0

    def espeak_SetParameter(self, parameter: int, value: int, relative: int) -> int:
        assert relative == 0
        self.parameters[parameter] = value
        return 0

    def espeak_Synth(self, text: Any, size: Any, *rest: Any) -> int:
        word = text.value
        assert size.value == len(word) + 1 and rest[3].value == 1
        self.said.append((word, self.voice, self.parameters[1], self.parameters[3]))
        for _ in range(2):
            part = (ctypes.c_short * 4000)(*([3000 + 100 * len(word)] * 4000))
            assert self.callback(ctypes.cast(part, ctypes.POINTER(ctypes.c_short)), 4000, None) == 0
        # At the end it hands out nothing.
        self.callback(None, 0, None)
        return 0

    def espeak_Synchronize(self) -> None:
        pass

    def espeak_Terminate(self) -> None:
        self.running = False


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> PretendedLibrary:
    loader: Any = types.ModuleType("espeakng_loader")
    loader.get_library_path = lambda: "/pretended/lib.so"
    loader.get_data_path = lambda: "/pretended/espeak-ng-data"
    monkeypatch.setitem(sys.modules, "espeakng_loader", loader)
    # A fresh process would not see it.
    monkeypatch.setattr(speech, "spoken", speech.say_all)
    made = PretendedLibrary()
    monkeypatch.setattr(ctypes, "CDLL", lambda path: made)
    return made


def test_every_voice_says_every_digit_at_every_rate_and_pitch(library: PretendedLibrary) -> None:
    data = SpokenDigits(voices=("en-us", "de"), rates=(150,), pitches=(40, 60), batch_size=20)
    waves, labels = data.sounds("train")
    assert len(library.said) == len(set(library.said)) == 40 and not library.running
    assert (b"seven", b"de", 150, 60) in library.said
    assert waves.shape == (40, 16_000) and labels.bincount().tolist() == [4] * 10
    # 8,000 samples at 22,050 Hz, in the middle of a second of silence.
    sounding = (waves.abs() > 0.01).sum(1)
    assert (sounding - 8000 * 16_000 / 22_050).abs().max() < 40
    three = waves[labels == 3][0].max().item()
    assert three == pytest.approx(3500 / 32_768, rel=0.15)
    batch = next(iter(data.train_dataloader()))
    assert batch["sound"].shape == (20, 1, 64, 63) and batch["image"].shape == (20, 1, 32, 32)


def test_voice_that_the_library_refuses_is_named(library: PretendedLibrary) -> None:
    with pytest.raises(
        ValueError, match=r"^SpokenDigits: voices must be known .*'en-gb' \(code 2\);"
    ):
        SpokenDigits(voices=("en-gb",)).setup()
    assert not library.running


needs_voice = pytest.mark.skipif(
    importlib.util.find_spec("espeakng_loader") is None,
    reason="needs the voice: pip install espeakng-loader",
)


@needs_voice
def test_digits_are_spoken_beside_their_pictures() -> None:
    data = SpokenDigits(voices=("en-us", "en-us+f3"), rates=(150,), pitches=(40, 60), batch_size=20)
    waves, labels = data.sounds("train")
    assert waves.shape[1] == 16_000 and sorted(set(labels.tolist())) == list(range(10))
    assert (waves.abs().amax(1) > 0.05).all()
    assert len(np.unique(waves.numpy(), axis=0)) == len(waves)
    batch = next(iter(data.train_dataloader()))
    assert batch["sound"].shape == (20, 1, 64, 63) and batch["image"].shape == (20, 1, 32, 32)
    digits = MNIST5k()._opened().labels
    assert digits is not None
    rows = data._part("train")[batch["index"]]
    assert batch["label"].tolist() == digits[rows].tolist()


@needs_voice
def test_speech_is_the_same_in_every_run() -> None:
    options: Any = {"voices": ("en-us",), "rates": (150,), "pitches": (50,)}
    assert SpokenDigits(**options).fingerprint() == SpokenDigits(**options).fingerprint()


@needs_voice
def test_unknown_voice_is_refused() -> None:
    with pytest.raises(
        ValueError, match="^SpokenDigits: voices must be known to eSpeak NG, got 'x"
    ):
        SpokenDigits(voices=("xx-nobody",)).setup()
