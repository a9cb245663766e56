"""Sounds of classes beside the images of these classes: spoken digits, and the user's own WAV."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from datamodules import speech
from datamodules.base import DataModule, held_out_mask
from datamodules.cache import Contents, LabelledImages, cached_images, progress
from datamodules.mel import RATE, fit_length, read_wave
from datamodules.mnist import MNIST5k
from datamodules.sounding import SoundData, Sounds

_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


class SoundFolder(SoundData):
    """A folder of WAV files whose sub-folders are classes, beside labelled images of the same.

    An image is heard with any sound of its class, drawn anew in every epoch. Sounds become 16 kHz
    mono; of a longer one the middle is kept, a shorter one lies between silence.

    Args:
        folder: one sub-folder of .wav for every class, named as the class is.
        images: where the images come from; of its options, those that say which images there are
            count, and batch size, seed and split are those given here.
        seconds: duration of every sound; the design of 1808.04108's front end takes 4.
        **kwargs: see :class:`datamodules.base.DataModule`.

    Raises:
        ValueError: when the images have no classes, a class has no sound, a sub-folder is no class,
            a file cannot be read, or ``seconds`` is out of range.
        FileNotFoundError: when there is no such folder.
    """

    def __init__(
        self, folder: str, images: DataModule, seconds: float = 4.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.folder = Path(folder).expanduser()
        if not self.folder.is_dir():
            raise FileNotFoundError(
                f"{type(self).__name__}: folder must be a folder of sounds, got {folder!r}; "
                "give the path of an existing folder"
            )
        if not 0.1 <= seconds <= 60.0:
            raise self._refusal("seconds", "lie in 0.1..60", seconds, "set seconds: 4")
        self.pictures, self.seconds = images, seconds

    def slug(self) -> str:
        """<folder>-<slug of the images>."""
        own = re.sub(r"[^a-z0-9]+", "-", self.folder.resolve().name.lower()).strip("-")
        return f"{own or 'sounds'}-{self.pictures.slug()}"

    @property
    def attribution(self) -> str:
        """Source of the images."""
        return self.pictures.attribution

    def pictures_and_sounds(self) -> tuple[LabelledImages, Sounds]:
        """Open the images, and the sounds, read once."""
        images = self.pictures.load()
        if images.labels is None or images.class_names is None:
            raise self._refusal(
                "images", "have classes", type(self.pictures).__name__, "choose labelled images"
            )
        files, labels = self._files(images.class_names)
        stamps = [
            (str(file.relative_to(self.folder)), stat.st_size, stat.st_mtime_ns)
            for file in files
            for stat in [file.stat()]
        ]
        key = {
            "data": "sounds",
            "folder": str(self.folder.resolve()),
            "files": stamps,
            "seconds": self.seconds,
        }
        # A sound lies in the cache as an image of one row.
        waves = cached_images("sounds", key, lambda: self._read(files)).array[:, 0, 0]
        return images, Sounds(waves, labels, held_out_mask(len(waves), self.held_out_share, labels))

    def _files(self, classes: Sequence[str]) -> tuple[list[Path], NDArray[np.int64]]:
        found = {
            entry.name: sorted(
                file for file in entry.rglob("*") if file.suffix.lower() in (".wav", ".wave")
            )
            for entry in self.folder.iterdir()
            if entry.is_dir() and not entry.name.startswith(".")
        }
        for name in classes:
            if not found.get(name):
                raise self._refusal(
                    "folder",
                    "have a sub-folder with .wav for every class of the images",
                    f"none for {name!r} in {self.folder}",
                    "add sounds of that class",
                )
        strange = sorted(set(found) - set(classes))
        if strange:
            raise self._refusal(
                "folder",
                "have sub-folders that are classes of the images",
                f"{strange[0]!r}, where the classes are {', '.join(classes)[:80]}",
                "rename it or move it away",
            )
        files = [file for name in classes for file in found[name]]
        counts = [len(found[name]) for name in classes]
        return files, np.arange(len(classes)).repeat(counts)

    def _read(self, files: Sequence[Path]) -> Contents:
        samples = round(self.seconds * RATE)
        rows = (fit_length(read_wave(file), samples).numpy()[None, None] for file in files)
        return Contents(
            rows=progress(rows, len(files), f"{self.folder.name}: reading sounds"),
            count=len(files),
            shape=(1, 1, samples),
            dtype=np.dtype("float32"),
        )


class SpokenDigits(SoundData):
    """The words zero to nine, spoken by eSpeak NG, beside real MNIST digits.

    Every voice speaks every digit at every rate and pitch; the voice is synthetic. Needs the
    package espeakng-loader (the extra ``speech``); eSpeak NG is GPL-3.0.

    Args:
        size: edge of the digits in pixels; see :class:`datamodules.mnist.MNIST5k`.
        voices: names that eSpeak NG knows; ``+f3`` and the like are its variants.
        rates: in words per minute.
        pitches: 0 to 100.
        seconds: duration of every sound.
        **kwargs: see :class:`datamodules.base.DataModule`.

    Raises:
        ValueError: when a package is missing, an argument is out of range, or eSpeak NG refuses a
            voice.
    """

    def __init__(
        self,
        size: int = 32,
        voices: Sequence[str] = ("en-us", "en-us+f3", "en-us+m3", "en-gb-scotland"),
        rates: Sequence[int] = (130, 160, 190),
        pitches: Sequence[int] = (35, 50, 65),
        seconds: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        for name, values, low, high in (("rates", rates, 80, 450), ("pitches", pitches, 0, 100)):
            if not values or not all(low <= one <= high for one in values):
                raise self._refusal(
                    name, f"be one or more of {low}..{high}", tuple(values), f"leave out {name}"
                )
        if not voices:
            raise self._refusal("voices", "name a voice", tuple(voices), "set voices: [en-us]")
        if not 0.1 <= seconds <= 60.0:
            raise self._refusal("seconds", "lie in 0.1..60", seconds, "set seconds: 1")
        self.digits = MNIST5k(size)
        self.voices, self.rates, self.pitches = tuple(voices), tuple(rates), tuple(pitches)
        self.seconds = seconds

    def slug(self) -> str:
        """spoken-digits-<size>."""
        return f"spoken-digits-{self.digits.size}"

    @property
    def attribution(self) -> str:
        """Source of digits and voice."""
        return f"{self.digits.attribution}; voice: eSpeak NG"

    def pictures_and_sounds(self) -> tuple[LabelledImages, Sounds]:
        """Open the digits and speak the words."""
        images = self.digits.load()
        samples = round(self.seconds * RATE)
        requests = [
            (word, voice, rate, pitch)
            for voice in self.voices
            for rate in self.rates
            for pitch in self.pitches
            for word in _WORDS
        ]
        waves = [
            fit_length(torch.from_numpy(wave), samples).numpy() for wave in speech.spoken(requests)
        ]
        labels = [_WORDS.index(word) for word, *_ in requests]
        groups = np.array(labels, np.int64)
        held_out = held_out_mask(len(groups), self.held_out_share, groups)
        return images, Sounds(np.stack(waves), groups, held_out)
