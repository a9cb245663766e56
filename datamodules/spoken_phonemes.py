"""Real sentences, spoken by eSpeak NG and written in its phonemes: other sentences on each side."""

from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from num2words import num2words
from numpy.typing import NDArray
from torch import Tensor

from datamodules import phoneme_speaker
from datamodules.cache import Contents, LabelledImages, cached_images
from datamodules.mel import RATE, resample
from datamodules.phoneme_speaker import Spoken
from datamodules.speech_and_text import (
    SILENCE,
    SpeechAndTextData,
    SpeechCorpus,
    padded_speech,
)
from datamodules.speech_features import HOP, WIDTH, Components, Hearing, frames_of, pooled
from datamodules.speech_files import cut_rows, heard_file, padded_rows

Sentences = Literal["numbers", "names"]
Boundaries = Literal["phonemes", "clusters"]
#: Frames ``(N, 39)``, phonemes, and the frame at which each phoneme begins.
Framed = tuple[NDArray[np.float32], list[str], list[int]]

_DRAW_SEED = 21051108
_NUMBERS = 10_000
#: As in arXiv:2105.11084, section 3.4: a pause at both ends, and behind a word with this chance.
_PAUSE_SHARE = 0.25
_PAUSE_SECONDS = (0.06, 0.15)
#: What a microphone hears where nobody speaks; digital silence has no logarithm.
_HISS = 1e-3
_TEXT_RATE = 160


class SpokenPhonemes(SpeechAndTextData):
    """Sentences in several voices, and phonemes of other sentences by the same synthesiser.

    Each sentence is spoken once, by the next voice at the next rate. There is a pause at both ends
    and behind a word with a chance of 1/4, in speech and in text, and where the synthesiser makes
    one. Needs the package espeakng-loader (the extra ``speech``); eSpeak NG is GPL-3.0.

    Args:
        sentences: ``"numbers"``, such as "two thousand and seven", or ``"names"`` of emoji, such as
            "grinning face".
        samples: sentences of each side.
        voices: names that eSpeak NG knows, of one accent: others have other phonemes.
        rates: in words per minute.
        pitch: 0 to 100.
        boundaries: pieces of speech are true phonemes, by the synthesiser, or stretches of one
            cluster, which a recogniser has to join.
        clusters: K of k-means over frames, where boundaries are those of clusters.
        dim: F, principal components of a piece.
        **kwargs: see :class:`datamodules.speech_and_text.SpeechAndTextData`.

    Raises:
        ValueError: when the package is missing, an argument is out of range, or eSpeak NG refuses a
            voice.
    """

    def __init__(
        self,
        sentences: Sentences = "numbers",
        samples: int = 600,
        voices: tuple[str, ...] = ("en-us", "en-us+f3", "en-us+m3", "en-us+f2"),
        rates: tuple[int, ...] = (140, 160, 180),
        pitch: int = 50,
        boundaries: Boundaries = "phonemes",
        clusters: int = 64,
        dim: int = 32,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        for name, value, known in (
            ("sentences", sentences, get_args(Sentences)),
            ("boundaries", boundaries, get_args(Boundaries)),
        ):
            if value not in known:
                rule = f"be {' or '.join(known)}"
                raise self._refusal(name, rule, value, f"set {name}: {known[0]}")
        if not voices:
            raise self._refusal("voices", "name a voice", tuple(voices), "set voices: [en-us]")
        if not rates or not all(80 <= one <= 450 for one in rates):
            raise self._refusal(
                "rates", "be one or more of 80..450", tuple(rates), "leave out rates"
            )
        self._check_range(
            samples=(samples, 2, _NUMBERS // 2, 600),
            pitch=(pitch, 0, 100, 50),
            clusters=(clusters, 2, 1000, 64),
            dim=(dim, 1, WIDTH, 32),
        )
        self.sentences, self.samples = sentences, samples
        self.voices, self.rates, self.pitch = tuple(voices), tuple(rates), pitch
        self.boundaries, self.clusters, self.dim = boundaries, clusters, dim
        self._heard: Hearing | None = None

    def slug(self) -> str:
        """spoken-<sentences>-<samples>, with -clusters for those."""
        kind = "-clusters" if self.boundaries == "clusters" else ""
        return f"spoken-{self.sentences}-{self.samples}{kind}"

    @property
    def attribution(self) -> str:
        """The voice."""
        return "voice: eSpeak NG"

    def load_corpus(self) -> SpeechCorpus:
        """Speak, or open what was spoken before; see the base."""
        frames, segments, vocabulary = self._said()
        rows = cut_rows(segments)
        phonemes = [tuple(row[:, 0].astype(int).tolist()) for row in rows]
        sounds = cut_rows(frames)
        if self.boundaries == "phonemes":
            means = [
                pooled(sound, row[:, 1].astype(np.int64))
                for sound, row in zip(sounds, rows, strict=False)
            ]
            components = Components.of(means, self.dim)
            pieces = [components(one) for one in means]
        else:
            self._heard = Hearing.of(sounds, self.clusters, self.dim)
            pieces = [self._heard(one) for one in sounds]
        return SpeechCorpus(
            *padded_speech(pieces), phonemes[self.samples :], vocabulary, phonemes[: self.samples]
        )

    def hear(self, file: Path) -> tuple[Tensor, Tensor]:
        """Pieces of a WAV file between changes of clusters; see the base."""
        if self.boundaries == "phonemes":
            return super().hear(file)
        self._opened()
        assert self._heard is not None
        return heard_file(type(self).__name__, self._heard, file)

    def _said(self) -> tuple[LabelledImages, LabelledImages, tuple[str, ...]]:
        """Frames of the utterances; phonemes and their starts, of utterances and then of texts."""
        spoken: list[Framed] = []

        def once() -> list[Framed]:
            if not spoken:
                spoken.extend(self._speak())
            return spoken

        key = {
            "data": "spoken_phonemes",
            "version": 1,
            "sentences": self.sentences,
            "samples": self.samples,
            "voices": self.voices,
            "rates": self.rates,
            "pitch": self.pitch,
        }
        frames = cached_images(
            "spoken-frames",
            {**key, "part": "frames"},
            lambda: padded_rows([frames for frames, *_ in once() if len(frames)]),
        )
        segments = cached_images(
            "spoken-phonemes", {**key, "part": "phonemes"}, lambda: _segments(once())
        )
        assert segments.class_names is not None
        return frames, segments, segments.class_names

    def _speak(self) -> list[Framed]:
        """Frames, phonemes and first frames of every utterance; of texts without frames."""
        source = np.random.Generator(np.random.PCG64(_DRAW_SEED))
        sentences = self._sentences(source)
        requests = [
            (
                type(self).__name__,
                sentence,
                self.voices[number % len(self.voices)],
                self.rates[number // len(self.voices) % len(self.rates)],
                self.pitch,
            )
            for number, sentence in enumerate(sentences[: self.samples])
        ]
        written = [
            (type(self).__name__, sentence, self.voices[0], _TEXT_RATE, self.pitch)
            for sentence in sentences[self.samples :]
        ]
        told = phoneme_speaker.told(requests) + phoneme_speaker.told(written, sounding=False)
        return [in_frames(with_pauses(one, source)) for one in told]

    def _sentences(self, source: np.random.Generator) -> list[str]:
        """As many distinct sentences as both sides have, in a fixed order."""
        if self.sentences == "numbers":
            numbers = source.permutation(_NUMBERS)[: 2 * self.samples]
            return [num2words(n).replace(",", "").replace("-", " ") for n in numbers.tolist()]
        names = emoji_names()
        if len(names) < 2 * self.samples:
            most = len(names) // 2
            raise self._refusal(
                "samples", f"be at most {most} for names", self.samples, f"set samples: {most}"
            )
        return [names[i] for i in source.permutation(len(names))[: 2 * self.samples]]


def emoji_names() -> list[str]:
    """English names of emoji of two to six words of letters, each once, in order."""
    import emoji

    names = {one["en"].strip(":").replace("_", " ") for one in emoji.EMOJI_DATA.values()}
    return sorted(
        name.lower()
        for name in names
        if name.replace(" ", "").isascii()
        and name.replace(" ", "").isalpha()
        and 2 <= len(name.split()) <= 6
    )


def with_pauses(spoken: Spoken, source: np.random.Generator) -> Spoken:
    """Put pauses at both ends, and behind words with a chance of 1/4, where there is none.

    Args:
        spoken: with or without a sound.
        source: of the places and of what is heard in a pause.
    """
    parts: list[NDArray[np.float32]] = []
    phonemes: list[str] = []
    starts: list[int] = []
    ends = (*spoken.starts[1:], len(spoken.sound))
    words, at = set(spoken.words), 0

    def pause() -> None:
        nonlocal at
        seconds = source.uniform(*_PAUSE_SECONDS)
        if phonemes and phonemes[-1] == SILENCE:
            return
        phonemes.append(SILENCE)
        starts.append(at)
        if len(spoken.sound):
            parts.append(np.zeros(round(seconds * spoken.rate), np.float32))
            at += len(parts[-1])

    pause()
    for place, (phoneme, start, end) in enumerate(
        zip(spoken.phonemes, spoken.starts, ends, strict=True)
    ):
        if place and place in words and source.random() < _PAUSE_SHARE:
            pause()
        if not (phoneme == SILENCE == phonemes[-1]):
            phonemes.append(phoneme)
            starts.append(at)
        parts.append(spoken.sound[start:end])
        at += len(parts[-1])
    pause()
    sound = np.concatenate(parts)
    hiss = (_HISS * source.standard_normal(len(sound))).astype(np.float32)
    return Spoken(sound + hiss, spoken.rate, tuple(phonemes), tuple(starts), ())


def in_frames(spoken: Spoken) -> Framed:
    """Frames ``(N, 39)`` of a sound, its phonemes, and the frame at which each begins.

    A phoneme has at least one frame. Without a sound there are no frames, and all begin at 0.

    Args:
        spoken: an utterance.
    """
    if not len(spoken.sound):
        empty = np.zeros((0, WIDTH), np.float32)
        return empty, list(spoken.phonemes), [0] * len(spoken.phonemes)
    frames = frames_of(resample(torch.from_numpy(spoken.sound), spoken.rate))
    starts = np.round(np.array(spoken.starts) / spoken.rate * (RATE / HOP)).astype(np.int64)
    # Later than the one before, and early enough for those behind.
    order = np.arange(len(starts))
    starts = np.maximum.accumulate(starts - order) + order
    starts = np.minimum(starts, len(frames) - len(starts) + order)
    return frames, list(spoken.phonemes), starts.tolist()


def _segments(spoken: list[Framed]) -> Contents:
    """Rows of (number of the phoneme, its first frame)."""
    names = {SILENCE: None} | dict.fromkeys(sorted({one for _, row, _ in spoken for one in row}))
    numbers = {name: number for number, name in enumerate(names)}
    rows = [
        np.array([[numbers[n], s] for n, s in zip(row, starts, strict=True)], np.float32)
        for _, row, starts in spoken
    ]
    return padded_rows(rows, tuple(names))
