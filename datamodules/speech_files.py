"""Utterances as files: WAV in folders, lines of text, and rows of unlike lengths in the cache."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datamodules.cache import Contents, LabelledImages
from datamodules.mel import RATE, read_wave
from datamodules.source import refusal
from datamodules.speech_features import Hearing, frames_of

_SUFFIXES = (".wav", ".wave")
#: Shorter than this, nobody says anything; and longer, a recording is not one utterance.
LEAST_SECONDS, MOST_SECONDS = 0.1, 60.0


def padded_rows(
    rows: Sequence[NDArray[np.float32]], names: tuple[str, ...] | None = None
) -> Contents:
    """Rows of unlike lengths as an entry of the cache: padded, with their lengths as labels.

    Args:
        rows: float32 ``(N_i, F)`` each.
        names: kept as the names of classes.
    """
    shape = (1, max(map(len, rows)), rows[0].shape[1])
    padded = (np.pad(row, ((0, shape[1] - len(row)), (0, 0)))[None] for row in rows)
    lengths = np.array([len(row) for row in rows], np.int64)
    return Contents(padded, len(rows), shape, np.dtype("float32"), lengths, names)


def cut_rows(entry: LabelledImages) -> list[NDArray[np.float32]]:
    """The rows of :func:`padded_rows` again, copied.

    Args:
        entry: of the cache.
    """
    assert entry.labels is not None
    return [row[0, :n].copy() for row, n in zip(entry.array, entry.labels.tolist(), strict=True)]


def wave_files(owner: str, folder: Path) -> list[Path]:
    """All WAV files of a folder and its sub-folders, in order; hidden ones are left out.

    Args:
        owner: the data set that errors name.
        folder: where they are.

    Raises:
        FileNotFoundError: when there is no such folder.
        ValueError: when it holds no WAV.
    """
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{owner}: folder must be a folder of .wav, got {str(folder)!r}; give the path of an "
            "existing folder"
        )
    found = sorted(
        file
        for file in folder.rglob("*")
        if file.suffix.lower() in _SUFFIXES
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
    )
    if not found:
        raise refusal(
            owner, "folder", "hold .wav files", str(folder), "convert your sound to 16-bit WAV"
        )
    return found


def utterance(owner: str, file: Path) -> NDArray[np.float32]:
    """Frames of a WAV file of one utterance; see :func:`datamodules.speech_features.frames_of`.

    Args:
        owner: the data set that errors name.
        file: PCM of 8, 16, 24 or 32 bits; any rate from 8000 Hz and any number of channels, which
            become 16 kHz and their mean.

    Raises:
        ValueError: when it cannot be read, is too short or too long, or is silent.
    """
    try:
        sound = read_wave(file, least_rate=8000)
    except ValueError as error:
        raise ValueError(f"{owner}: {str(error).removeprefix('read_wave: ')}") from error
    seconds = len(sound) / RATE
    if not LEAST_SECONDS <= seconds <= MOST_SECONDS:
        raise refusal(
            owner,
            "files",
            f"last {LEAST_SECONDS:g} to {MOST_SECONDS:g} seconds",
            f"{file}, {seconds:.2f} seconds",
            "cut it into utterances, or leave it out",
        )
    if not torch.isfinite(sound).all() or float(sound.max() - sound.min()) < 1e-4:
        raise refusal(owner, "files", "hold a voice", f"{file}, silence", "leave it out")
    return frames_of(sound)


def heard_file(owner: str, hearing: Hearing, file: Path) -> tuple[Tensor, Tensor]:
    """Pieces ``(1, S, D)`` of a WAV file, and their mask ``(1, S)``.

    Args:
        owner: the data set that errors name.
        hearing: of that data set.
        file: see :func:`utterance`.

    Raises:
        ValueError: as :func:`utterance`.
    """
    pieces = torch.from_numpy(hearing(utterance(owner, file)))[None]
    return pieces, torch.ones(pieces.shape[:2], dtype=torch.bool)


def text_lines(owner: str, argument: str, file: Path) -> list[str]:
    """Lines of a text file in UTF-8 that are not empty.

    Args:
        owner: the data set that errors name.
        argument: of that data set.
        file: to be read.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: when it is no text, or has no line.
    """
    if not file.is_file():
        raise FileNotFoundError(
            f"{owner}: {argument} must be a text file, got {str(file)!r}; give the path of an "
            "existing file"
        )
    try:
        lines = [line.strip() for line in file.read_text(encoding="utf-8-sig").splitlines()]
    except UnicodeDecodeError as error:
        raise refusal(
            owner, argument, "be text in UTF-8", f"{file}, byte {error.start}", "convert it"
        ) from error
    lines = [line for line in lines if line]
    if not lines:
        raise refusal(owner, argument, "have a line of text", f"{file}, empty", "fill it")
    return lines
