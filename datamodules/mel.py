"""Log-mel spectrograms in plain torch, and WAV files to the one form that they are made from.

Sounds are mono float32 at 16 kHz, in [-1, 1].
"""

import math
import wave
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

RATE = 16_000
BANDS = 64
_WINDOW, HOP = 1024, 256
_LOWEST, _HIGHEST = 50.0, 8000.0
_FLOOR = 1e-5
# Zero crossings of the windowed sinc on either side: some 60 dB of what would alias is removed.
_CROSSINGS = 16


def log_mel(sounds: Tensor) -> Tensor:
    """Compute log-mel spectrograms: log(S + 1e-5), S the power in 64 triangular bands, 50-8000 Hz.

    Centred Hann windows of 1024 samples, 256 apart; the mel scale of HTK, 2595 log10(1 + f / 700).

    Args:
        sounds: float ``(..., T)`` at 16 kHz, T above 512.

    Returns:
        ``(..., 64, 1 + T // 256)``, in the precision of the sounds.

    Raises:
        ValueError: when a sound is too short.
    """
    if sounds.shape[-1] <= _WINDOW // 2:
        raise ValueError(
            f"log_mel: sounds must have more than {_WINDOW // 2} samples, got {sounds.shape[-1]}; "
            "pad them with silence"
        )
    power = spectrum(sounds).abs().square()
    bands = mel_filters().to(power.device, power.dtype) @ power
    return torch.log(bands + _FLOOR)


def spectrum(sounds: Tensor) -> Tensor:
    """Short-time Fourier transform: ``(..., T)`` to complex ``(..., 513, 1 + T // 256)``."""
    window = torch.hann_window(_WINDOW, dtype=sounds.dtype, device=sounds.device)
    flat = sounds.reshape(-1, sounds.shape[-1])
    found = torch.stft(flat, _WINDOW, HOP, window=window, center=True, return_complex=True)
    return found.reshape(*sounds.shape[:-1], *found.shape[1:])


@lru_cache(maxsize=2)
def mel_filters(bands: int = BANDS, window: int = _WINDOW) -> Tensor:
    """Return triangles ``(bands, window // 2 + 1)`` over frequency bins, each of height 1.

    Args:
        bands: triangles, from 50 to 8000 Hz.
        window: samples of the transform.
    """

    def mel(hertz: float) -> float:
        return 2595.0 * math.log10(1.0 + hertz / 700.0)

    corners = torch.linspace(mel(_LOWEST), mel(_HIGHEST), bands + 2, dtype=torch.float64)
    edges = 700.0 * (10.0 ** (corners / 2595.0) - 1.0)
    bins = torch.arange(window // 2 + 1, dtype=torch.float64) * RATE / window
    low, middle, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (bins - low) / (middle - low), (high - bins) / (high - middle)
    return torch.minimum(rising, falling).clamp(min=0.0)


def read_wave(path: Path, least_rate: int = 1000) -> Tensor:
    """Read a WAV of integers to 16 kHz mono.

    Args:
        path: PCM of 8, 16, 24 or 32 bits, any rate, any number of channels, which are averaged.
        least_rate: samples per second below which a file is refused.

    Returns:
        float32 ``(T,)`` in [-1, 1].

    Raises:
        ValueError: when the file cannot be read, holds floats or is empty; the message names it.
    """
    try:
        with wave.open(str(path), "rb") as file:
            channels, width, rate = file.getnchannels(), file.getsampwidth(), file.getframerate()
            data = file.readframes(file.getnframes())
    except (wave.Error, EOFError, OSError) as error:
        raise ValueError(
            f"read_wave: files must be WAV of integers (PCM), got {path} "
            f"({error or 'ends too early'}); convert it to 16-bit PCM"
        ) from error
    if width not in (1, 2, 3, 4) or rate < least_rate or not data:
        raise ValueError(
            f"read_wave: files must hold sound of 8 to 32 bits at {least_rate} Hz or more, got "
            f"{path} ({8 * width} bits, {rate} Hz, {len(data)} bytes); convert it to 16-bit PCM"
        )
    whole = len(data) // (channels * width) * channels * width
    samples = _integers(data[:whole], width).reshape(-1, channels).mean(1)
    return resample(torch.from_numpy(samples.astype(np.float32)), rate)


def write_wave(path: Path, sound: Tensor, rate: int = RATE) -> None:
    """Write float ``(T,)`` in [-1, 1] as mono WAV of 16 bits."""
    levels = (sound.detach().double().cpu().clamp(-1, 1) * 32767).round().to(torch.int16)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(levels.numpy().astype("<i2").tobytes())


def resample(sound: Tensor, rate: int) -> Tensor:
    """Bring a sound to 16 kHz by interpolation with a Hann-windowed sinc of 16 zero crossings.

    Args:
        sound: float ``(T,)``.
        rate: its samples per second.

    Returns:
        ``(ceil(T * 16000 / rate),)``, of the same duration.
    """
    if rate == RATE:
        return sound
    common = math.gcd(rate, RATE)
    old, new = rate // common, RATE // common
    # Every `old` samples in, `new` samples come out; each of these has a filter of its own.
    cutoff = 0.97 * min(1.0, new / old)
    half = math.ceil(_CROSSINGS / cutoff)
    places = torch.arange(-half, half + old, dtype=torch.float64)
    times = torch.arange(new, dtype=torch.float64) * old / new
    distance = (places[None] - times[:, None]) * cutoff
    window = torch.cos(distance / _CROSSINGS * math.pi / 2.0).square()
    filters = torch.where(distance.abs() < _CROSSINGS, torch.sinc(distance) * window * cutoff, 0.0)
    padded = functional.pad(sound.double(), (half, half + old))[None, None]
    out = functional.conv1d(padded, filters[:, None], stride=old)[0].T.reshape(-1)
    length = math.ceil(len(sound) * new / old)
    return out[:length].to(sound.dtype)


def fit_length(sound: Tensor, length: int) -> Tensor:
    """Cut the middle out of a long sound, or put silence around a short one: ``(length,)``."""
    missing = length - sound.shape[-1]
    before = abs(missing) // 2
    if missing >= 0:
        return functional.pad(sound, (before, missing - before))
    return sound[..., before : before + length]


def _integers(data: bytes, width: int) -> np.ndarray:
    """Decode little-endian integers to [-1, 1]; those of 8 bits have no sign."""
    if width == 1:
        return (np.frombuffer(data, np.uint8).astype(np.float64) - 128.0) / 128.0
    if width == 3:
        padded = np.zeros((len(data) // 3, 4), np.uint8)
        padded[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        return padded.view("<i4")[:, 0].astype(np.float64) / 2.0**31
    return np.frombuffer(data, f"<i{width}").astype(np.float64) / 2.0 ** (8 * width - 1)
