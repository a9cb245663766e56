"""Speech by eSpeak NG, through the library that the package espeakng-loader brings along.

What it says depends on all that it has said before in its process, so :func:`spoken` lets a process
of its own speak: the same words are the same sounds in every run.
"""

import ctypes
import io
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from datamodules.mel import resample

# Constants of eSpeak NG's speak_lib.h.
_SYNCHRONOUS, _CHARACTERS, _UTF8, _OK = 2, 1, 1, 0
_RATE, _PITCH = 1, 3
_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


def spoken(requests: Sequence[tuple[str, str, int, int]]) -> list[NDArray[np.float32]]:
    """Speak, in this order, in a fresh process.

    Args:
        requests: text, voice, words per minute and pitch, as :meth:`Speaker.say` takes them.

    Returns:
        float32 ``(T,)`` at 16 kHz, in [-1, 1], one for each.

    Raises:
        ValueError: when the package is missing, or a request cannot be spoken.
    """
    return list(in_fresh_process("from datamodules.speech import speak", requests).values())


def in_fresh_process(imports: str, requests: Sequence[Any]) -> dict[str, NDArray[Any]]:
    """Let another process speak.

    Args:
        imports: what gives it a function ``speak``: requests on stdin, an archive of arrays on
            stdout, and an exit status.
        requests: what is said, as plain data.

    Returns:
        The arrays, in their order.

    Raises:
        ValueError: what it says when it fails.
    """
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{imports}\nsys.exit(speak())"],
        input=json.dumps(list(requests)).encode(),
        capture_output=True,
        check=False,
        cwd=Path(__file__).parents[1],
    )
    if done.returncode:
        raise ValueError(" ".join(done.stderr.decode(errors="replace").split())[-400:])
    with np.load(io.BytesIO(done.stdout)) as arrays:
        return {name: arrays[name] for name in arrays.files}


def speak() -> int:
    """The process's side: requests on stdin, an archive of arrays on stdout."""
    try:
        waves = say_all(json.load(sys.stdin))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    archive = io.BytesIO()
    np.savez(archive, *waves)
    sys.stdout.buffer.write(archive.getvalue())
    return 0


def say_all(requests: Sequence[tuple[str, str, int, int]]) -> list[NDArray[np.float32]]:
    """As :func:`spoken`, in this process."""
    with Speaker() as speaker:
        return [speaker.say(*request) for request in requests]


class Speaker:
    """Speaks words to arrays; a context manager, since the library is one for the whole process.

    Args:
        owner: the data set that its errors name.
        phonemes: whether the library tells when each phoneme begins, as events of type 7.

    Raises:
        ValueError: when the package is missing or its library does not start.
    """

    def __init__(self, owner: str = "SpokenDigits", phonemes: bool = False) -> None:
        self.owner = owner
        try:
            import espeakng_loader
        except ImportError as error:
            raise ValueError(
                f"{owner}: data must come with the package espeakng-loader, got {error}; "
                "pip install espeakng-loader"
            ) from error
        self._library = ctypes.CDLL(str(espeakng_loader.get_library_path()))
        # It looks for a folder espeak-ng-data in the path that it is given.
        parent = str(Path(espeakng_loader.get_data_path()).parent)
        self._rate = int(
            self._library.espeak_Initialize(_SYNCHRONOUS, 0, parent.encode(), int(phonemes))
        )
        if self._rate <= 0:
            raise ValueError(
                f"{owner}: eSpeak NG must start, got code {self._rate} with its data in "
                f"{parent}; pip install --force-reinstall espeakng-loader"
            )
        self._parts: list[NDArray[np.int16]] = []
        # The library keeps no reference of its own.
        self._callback = _CALLBACK(self._receive)
        self._library.espeak_SetSynthCallback(self._callback)

    def __enter__(self) -> "Speaker":
        return self

    def __exit__(self, *error: Any) -> None:
        self._library.espeak_Terminate()

    def say(self, text: str, voice: str, rate: int, pitch: int) -> NDArray[np.float32]:
        """Speak.

        Args:
            text: what is said.
            voice: name of the voice.
            rate: words per minute, 80 to 450.
            pitch: 0 to 100.

        Returns:
            float32 ``(T,)`` at 16 kHz, in [-1, 1].

        Raises:
            ValueError: when the library does not know the voice, or stays silent.
        """
        samples, rate = self.say_raw(text, voice, rate, pitch)
        return resample(torch.from_numpy(samples), rate).numpy()

    def say_raw(
        self, text: str, voice: str, rate: int, pitch: int
    ) -> tuple[NDArray[np.float32], int]:
        """As :meth:`say`, at the library's own samples per second, which come second."""
        code = int(self._library.espeak_SetVoiceByName(voice.encode()))
        if code != _OK:
            raise ValueError(
                f"{self.owner}: voices must be known to eSpeak NG, got {voice!r} (code {code}); "
                "take en-us, en-us+f3 or another of its list"
            )
        self._library.espeak_SetParameter(_RATE, rate, 0)
        self._library.espeak_SetParameter(_PITCH, pitch, 0)
        self._parts.clear()
        data = text.encode()
        code = int(
            self._library.espeak_Synth(
                ctypes.c_char_p(data),
                ctypes.c_size_t(len(data) + 1),
                ctypes.c_uint(0),
                ctypes.c_int(_CHARACTERS),
                ctypes.c_uint(0),
                ctypes.c_uint(_UTF8),
                None,
                None,
            )
        )
        self._library.espeak_Synchronize()
        if code != _OK or not self._parts:
            raise ValueError(
                f"{self.owner}: eSpeak NG must speak, got code {code} and "
                f"{len(self._parts)} parts for {text!r}; choose another voice"
            )
        return np.concatenate(self._parts).astype(np.float32) / 32768.0, self._rate

    def _receive(self, samples: Any, count: int, events: Any) -> int:
        """Take what has been synthesised so far; 0 asks for more."""
        if samples and count > 0:
            self._parts.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0
