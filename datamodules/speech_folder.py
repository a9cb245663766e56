"""The user's own speech and text: a folder of WAV files, and lines of phonemes or words."""

from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from torch import Tensor

from datamodules import phoneme_speaker
from datamodules.cache import cached_images, progress
from datamodules.images import slug_of
from datamodules.speech_and_text import (
    SILENCE,
    SpeechAndTextData,
    SpeechCorpus,
    padded_speech,
)
from datamodules.speech_features import WIDTH, Hearing
from datamodules.speech_files import (
    cut_rows,
    heard_file,
    padded_rows,
    text_lines,
    utterance,
    wave_files,
)

Written = Literal["phonemes", "words"]

_DRAW_SEED = 21051109
_MOST_PHONEMES = 500


class SpeechFolder(SpeechAndTextData):
    """WAV files of an utterance each, and a text file of other utterances, one a line.

    Pieces of speech are stretches of one k-means cluster of frames, two of them a piece; a
    recogniser with :class:`gan_modules.language.segments.Joined` joins them. Frames are read once
    and lie in the cache.

    Args:
        folder: of WAV files, also in sub-folders: PCM of 8, 16, 24 or 32 bits, 8000 Hz or more,
            0.1 to 60 seconds; they become 16 kHz mono.
        text: file with a text a line, in UTF-8: phonemes with blanks between them, or words.
        written: which of the two. Words are read out by eSpeak NG (the extra ``speech``), whose
            phonemes are then the vocabulary.
        voice: of eSpeak NG, whose accent the words are read in.
        transcripts: file with lines ``NAME PHONEMES...``, for scores alone: the path of a WAV below
            the folder, without blanks, and what is said in it, in phonemes of the text.
        silence_share: a pause is written at both ends of each text, and behind a word with this
            chance, 0 to 1; lines of phonemes part words by ``|``, and have pauses of their own as
            ``SIL``. None: only the latter.
        clusters: K of k-means.
        dim: F, principal components of a piece.
        **kwargs: see :class:`datamodules.speech_and_text.SpeechAndTextData`.

    Raises:
        ValueError: when a file cannot be used, or an argument is out of range; the message says
            which.
        FileNotFoundError: when a file or the folder does not exist.
    """

    def __init__(
        self,
        folder: str,
        text: str,
        written: Written = "phonemes",
        voice: str = "en-us",
        transcripts: str | None = None,
        silence_share: float | None = 0.25,
        clusters: int = 64,
        dim: int = 32,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if written not in get_args(Written):
            raise self._refusal("written", "be phonemes or words", written, "set written: phonemes")
        self._check_range(
            silence_share=(silence_share or 0.0, 0.0, 1.0, 0.25),
            clusters=(clusters, 2, 1000, 64),
            dim=(dim, 1, WIDTH, 32),
        )
        self.folder, self.text_file = Path(folder).expanduser(), Path(text).expanduser()
        self.transcript_file = None if transcripts is None else Path(transcripts).expanduser()
        self.written, self.voice, self.silence_share = written, voice, silence_share
        self.clusters, self.dim = clusters, dim
        self._hearing: Hearing | None = None

    def slug(self) -> str:
        """<folder>-speech."""
        return f"{slug_of(self.folder)}-speech"

    def load_corpus(self) -> SpeechCorpus:
        """Read sound and text; see the base."""
        own = type(self).__name__
        texts = self._texts()
        names = sorted({name for row in texts for name in row} - {SILENCE})
        # The pause is a phoneme where any text has one.
        pause = (SILENCE,) if any(SILENCE in row for row in texts) else ()
        vocabulary = (*pause, *names)
        if len(names) < 2:
            raise self._refusal(
                "text", "have two phonemes or more", f"{names} in {self.text_file}", "add text"
            )
        files = wave_files(own, self.folder)
        numbers = {name: number for number, name in enumerate(vocabulary)}
        transcripts = self._transcripts(files, numbers)
        frames = self._frames(files)
        total = sum(map(len, frames))
        if total < self.clusters:
            raise self._refusal(
                "clusters",
                f"be at most the {total} frames of 10 ms",
                self.clusters,
                "add speech, or set fewer clusters",
            )
        self._hearing = Hearing.of(frames, self.clusters, self.dim)
        speech, pieces = padded_speech([self._hearing(one) for one in frames])
        text = [tuple(numbers[name] for name in row) for row in texts]
        return SpeechCorpus(speech, pieces, text, vocabulary, transcripts)

    def hear(self, file: Path) -> tuple[Tensor, Tensor]:
        """Pieces of a WAV file between changes of clusters; see the base."""
        self._opened()
        assert self._hearing is not None
        return heard_file(type(self).__name__, self._hearing, file)

    def _frames(self, files: list[Path]) -> list[Any]:
        stamps = [
            (str(file.relative_to(self.folder)), stat.st_size, stat.st_mtime_ns)
            for file in files
            for stat in [file.stat()]
        ]
        key = {"data": "speech_folder", "folder": str(self.folder.resolve()), "files": stamps}
        own = type(self).__name__

        def make() -> Any:
            rows = (utterance(own, file) for file in files)
            return padded_rows(list(progress(rows, len(files), f"{self.folder.name}: reading")))

        return cut_rows(cached_images("speech", key, make))

    def _texts(self) -> list[list[str]]:
        """Phonemes of each text, with pauses."""
        lines = text_lines(type(self).__name__, "text", self.text_file)
        source = np.random.Generator(np.random.PCG64(_DRAW_SEED))
        found = []
        for number, words in enumerate(self._words(lines), 1):
            row: list[str] = []
            for word in words:
                if row and row[-1] != SILENCE and source.random() < (self.silence_share or 0.0):
                    row.append(SILENCE)
                row += word
            if self.silence_share is not None:
                row = [SILENCE, *strip_pauses(row), SILENCE]
            if not set(row) - {SILENCE} or len(row) > _MOST_PHONEMES:
                raise self._refusal(
                    "text",
                    f"have lines of 1 to {_MOST_PHONEMES} phonemes",
                    f"{len(strip_pauses(row))} in line {number} of {self.text_file}",
                    "cut or fill it",
                )
            found.append(row)
        return found

    def _words(self, lines: list[str]) -> list[list[list[str]]]:
        """Phonemes of the words of each line."""
        if self.written == "phonemes":
            return [[word.split() for word in line.split("|")] for line in lines]
        own = type(self).__name__
        requests = [(own, line, self.voice, 160, 50) for line in lines]
        found = []
        for told in phoneme_speaker.told(requests, sounding=False):
            ends = (*told.words[1:], len(told.phonemes))
            # What precedes the first word is a pause.
            found.append(
                [
                    [name for name in told.phonemes[first:last] if name != SILENCE]
                    for first, last in zip(told.words, ends, strict=True)
                ]
            )
        return found

    def _transcripts(
        self, files: list[Path], numbers: dict[str, int]
    ) -> list[tuple[int, ...]] | None:
        if self.transcript_file is None:
            return None
        known: dict[str, tuple[int, ...]] = {}
        for line in text_lines(type(self).__name__, "transcripts", self.transcript_file):
            name, *phonemes = line.replace("|", " ").split()
            if unknown := [one for one in phonemes if one not in numbers]:
                raise self._refusal(
                    "transcripts",
                    "be written in phonemes of the text",
                    f"{unknown[0]!r} of {name}",
                    "correct it, or add text that has it",
                )
            known[name] = tuple(numbers[one] for one in phonemes)
        names = [str(file.relative_to(self.folder)) for file in files]
        if missing := [name for name in names if not known.get(name)]:
            raise self._refusal(
                "transcripts",
                "say what is said in every file",
                f"nothing for {missing[0]}",
                "add its line, or leave out transcripts",
            )
        return [known[name] for name in names]


def strip_pauses(row: list[str]) -> list[str]:
    """A text without pauses at its ends.

    Args:
        row: names of phonemes.
    """
    places = [place for place, name in enumerate(row) if name != SILENCE]
    return row[places[0] : places[-1] + 1] if places else []
