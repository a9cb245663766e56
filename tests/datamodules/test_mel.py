import math
import struct
import wave
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from datamodules.mel import (
    fit_length,
    log_mel,
    mel_filters,
    read_wave,
    resample,
    spectrum,
    write_wave,
)


def tone(hertz: float, rate: int = 16_000, seconds: float = 1.0) -> Tensor:
    time = torch.arange(round(rate * seconds), dtype=torch.float64) / rate
    return torch.sin(2 * math.pi * hertz * time)


@pytest.mark.parametrize(("hertz", "band"), [(440, 10), (1000, 21), (3000, 41)])
def test_tones_peak_in_their_bands_k46(hertz: float, band: int) -> None:
    assert log_mel(0.2 * tone(hertz)).mean(1).argmax().item() == band


@pytest.mark.parametrize("hertz", [440, 1000, 3000])
def test_twice_the_amplitude_adds_two_log_two_at_the_peak_k46(hertz: float) -> None:
    soft, loud = log_mel(0.2 * tone(hertz)), log_mel(0.4 * tone(hertz))
    peak = int(soft.mean(1).argmax())
    torch.testing.assert_close(
        loud[peak] - soft[peak],
        torch.full((63,), 1.3862944, dtype=torch.float64),
        atol=1e-4,
        rtol=0,
    )


def test_one_second_is_513_by_63_and_four_are_251_frames_k46() -> None:
    assert spectrum(tone(440)).shape == (513, 63)
    assert log_mel(torch.zeros(2, 3, 64_000)).shape == (2, 3, 64, 251)


def test_no_filter_is_empty_and_each_is_a_triangle_between_50_and_8000_hz_k46() -> None:
    filters = mel_filters()
    assert filters.shape == (64, 513) and (filters.sum(1) > 1.0).all()
    assert filters.min() == 0 and filters.max() <= 1
    first, last = filters[0].nonzero().flatten(), (filters[-1] > 1e-9).nonzero().flatten()
    assert first[0] * 15.625 > 50 and last[-1] * 15.625 < 8000
    # Neighbours overlap so that what one loses the next one gains.
    inside = filters.sum(0)[filters.argmax(1)[0] + 1 : filters.argmax(1)[-1]]
    torch.testing.assert_close(inside, torch.ones_like(inside))


def test_silence_is_the_floor_and_each_sound_stands_for_itself() -> None:
    assert torch.equal(log_mel(torch.zeros(16_000)), torch.full((64, 63), math.log(1e-5)))
    sounds = torch.stack([tone(300), tone(2000)])
    assert torch.equal(log_mel(sounds)[1], log_mel(tone(2000)))


def test_too_short_a_sound_is_refused() -> None:
    with pytest.raises(
        ValueError, match="log_mel: sounds must have more than 512 samples, got 512"
    ):
        log_mel(torch.zeros(512))


@pytest.mark.parametrize("rate", [8000, 11_025, 22_050, 44_100, 48_000])
def test_resampled_tone_is_the_tone_at_the_other_rate(rate: int) -> None:
    got = resample(tone(1000, rate), rate)
    assert got.shape == (16_000,) and got.dtype == torch.float64
    assert (got - tone(1000))[300:-300].abs().max() < 1e-3


def test_what_would_alias_is_removed() -> None:
    assert resample(tone(12_000, 48_000), 48_000)[300:-300].abs().max() < 1e-3
    assert resample(tone(1000), 16_000).equal(tone(1000))


def test_sounds_are_cut_or_padded_around_their_middle() -> None:
    sound = torch.arange(1.0, 6.0)
    assert fit_length(sound, 3).tolist() == [2, 3, 4]
    assert fit_length(sound, 8).tolist() == [0, 1, 2, 3, 4, 5, 0, 0]
    assert fit_length(sound, 5).tolist() == sound.tolist()


def write(path: Path, frames: bytes, width: int, channels: int = 1, rate: int = 16_000) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(frames)
    return path


@pytest.mark.parametrize(
    ("width", "frames"),
    [
        (1, bytes([128, 192, 64, 0])),
        (2, struct.pack("<4h", 0, 16384, -16384, -32768)),
        (3, b"\0\0\0" + b"\0\0\x40" + b"\0\0\xc0" + b"\0\0\x80"),
        (4, struct.pack("<4i", 0, 2**30, -(2**30), -(2**31))),
    ],
)
def test_every_width_is_read_alike(tmp_path: Path, width: int, frames: bytes) -> None:
    sound = read_wave(write(tmp_path / "a.wav", frames, width))
    assert sound.tolist() == [0.0, 0.5, -0.5, -1.0] and sound.dtype == torch.float32


def test_channels_are_averaged_and_the_rate_is_changed(tmp_path: Path) -> None:
    stereo = np.stack([tone(500, 8000).numpy() * 20_000, np.zeros(8000)], 1).astype("<i2")
    sound = read_wave(write(tmp_path / "a.wav", stereo.tobytes(), 2, channels=2, rate=8000))
    assert sound.shape == (16_000,)
    expected = tone(500) * 10_000 / 32_768
    assert (sound - expected)[300:-300].abs().max() < 1e-3


def test_written_sound_is_read_back(tmp_path: Path) -> None:
    write_wave(tmp_path / "a.wav", 0.5 * tone(440))
    torch.testing.assert_close(
        read_wave(tmp_path / "a.wav").double(), 0.5 * tone(440), atol=5e-5, rtol=0
    )


@pytest.mark.parametrize("kind", ["text", "float", "empty", "cut", "slow"])
def test_bad_files_are_named(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "bad.wav"
    write(path, b"" if kind == "empty" else b"\0" * 8, 2, rate=10 if kind == "slow" else 16_000)
    if kind == "text":
        path.write_text("no sound at all")
    if kind == "float":
        data = bytearray(path.read_bytes())
        data[20:22] = struct.pack("<H", 3)
        path.write_bytes(data)
    if kind == "cut":
        path.write_bytes(path.read_bytes()[:10])
    with pytest.raises(ValueError, match="^read_wave: files must .*bad.wav .*; convert") as caught:
        read_wave(path)
    assert "\n" not in str(caught.value)
