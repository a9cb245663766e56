"""Which phonemes eSpeak NG says, and when each of them begins.

The library tells of each phoneme, as an event, at which sample it begins. Names lose their marks of
stress and the numbers of their variants, which are heard as one: ``'a`` and ``a``, ``@2`` and
``@``. Pauses of all kinds are :data:`datamodules.speech_and_text.SILENCE`.
"""

import ctypes
import io
import json
import re
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from datamodules.speech import Speaker, in_fresh_process
from datamodules.speech_and_text import SILENCE

_WORD, _PHONEME, _LAST = 1, 7, 0
# The last samples of an utterance fade; a phoneme that is shorter than this is none.
_LEAST_SECONDS = 0.004


class _Name(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("text", ctypes.c_char * 8), ("address", ctypes.c_void_p)]


class _Event(ctypes.Structure):
    """As espeak_EVENT of eSpeak NG's speak_lib.h."""

    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("name", _Name),
    ]


class Spoken(NamedTuple):
    """An utterance.

    Attributes:
        sound: float32 ``(T,)`` in [-1, 1]; empty where only phonemes were asked for.
        rate: its samples per second.
        phonemes: names, in order; never two pauses in a row.
        starts: the sample at which each begins; the first is 0.
        words: places of the phonemes that begin a word.
    """

    sound: NDArray[np.float32]
    rate: int
    phonemes: tuple[str, ...]
    starts: tuple[int, ...]
    words: tuple[int, ...]


class PhonemeSpeaker(Speaker):
    """Speaks, and tells phonemes.

    Args:
        owner: the data set that its errors name.

    Raises:
        ValueError: when the package is missing or its library does not start.
    """

    def __init__(self, owner: str) -> None:
        self._events: list[tuple[int, int, str]] = []
        super().__init__(owner, phonemes=True)

    def tell(self, text: str, voice: str, rate: int, pitch: int) -> Spoken:
        """Speak; arguments are those of :meth:`Speaker.say`."""
        self._events.clear()
        sound, samples_per_second = self.say_raw(text, voice, rate, pitch)
        least = _LEAST_SECONDS * samples_per_second
        phonemes: list[str] = []
        starts: list[int] = []
        words: list[int] = []
        begins = False
        for kind, sample, name in self._events:
            if kind == _WORD:
                begins = True
                continue
            plain = plain_name(name)
            if (
                not plain
                or len(sound) - sample < least
                or (phonemes and plain == SILENCE == phonemes[-1])
            ):
                continue
            if begins and plain != SILENCE:
                words.append(len(phonemes))
                begins = False
            phonemes.append(plain)
            starts.append(sample)
        # What little precedes the first phoneme belongs to it.
        starts[:1] = [0] if starts else []
        return Spoken(sound, samples_per_second, tuple(phonemes), tuple(starts), tuple(words))

    def _receive(self, samples: Any, count: int, events: Any) -> int:
        """Take the events, too."""
        if events:
            listed, place = ctypes.cast(events, ctypes.POINTER(_Event)), 0
            while listed[place].type != _LAST:
                event = listed[place]
                if event.type in (_WORD, _PHONEME):
                    name = bytes(event.name.text).decode(errors="replace")
                    own = name if event.type == _PHONEME else ""
                    self._events.append((event.type, int(event.sample), own))
                place += 1
        return super()._receive(samples, count, events)


def plain_name(name: str) -> str:
    """A phoneme's name without stress and variant; pauses, which begin with ``_``, are one.

    Args:
        name: as eSpeak NG writes it, such as ``'eI`` or ``@2``.

    Returns:
        The name; empty for a mere mark of length or softness, which belongs to what it follows.
    """
    if name.startswith("_"):
        return SILENCE
    plain = re.sub(r"[',%=#0-9]", "", name)
    return "" if set(plain) <= set(":;") else plain


def tell_all(
    requests: Sequence[tuple[str, str, str, int, int]], sounding: bool = True
) -> list[Spoken]:
    """Speak in this process: what it says depends on what it said before.

    Args:
        requests: data set that errors name, text, voice, words per minute and pitch.
        sounding: whether sounds are kept.
    """
    told = []
    speaker = PhonemeSpeaker(requests[0][0])
    with speaker:
        for _, text, voice, rate, pitch in requests:
            one = speaker.tell(text, voice, rate, pitch)
            told.append(one if sounding else one._replace(sound=one.sound[:0]))
    return told


def told(requests: Sequence[tuple[str, str, str, int, int]], sounding: bool = True) -> list[Spoken]:
    """As :func:`tell_all`, in a fresh process: the same requests sound the same in every run.

    Raises:
        ValueError: when the package is missing, or a request cannot be spoken.
    """
    found = in_fresh_process("from datamodules.phoneme_speaker import speak", [sounding, *requests])
    lines = json.loads(found.pop("lines").tobytes())
    return [
        Spoken(sound, rate, tuple(phonemes), tuple(starts), tuple(words))
        for sound, (rate, phonemes, starts, words) in zip(found.values(), lines, strict=True)
    ]


def speak() -> int:
    """The process's side: see :func:`datamodules.speech.in_fresh_process`."""
    sounding, *requests = json.load(sys.stdin)
    try:
        spoken = tell_all([tuple(one) for one in requests], sounding)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    lines = json.dumps([one[1:] for one in spoken]).encode()
    archive = io.BytesIO()
    np.savez(archive, *(one.sound for one in spoken), lines=np.frombuffer(lines, np.uint8))
    sys.stdout.buffer.write(archive.getvalue())
    return 0
