"""Sounds and pictures: who draws what is heard scores as the truth does, others are found out."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from benchmarks.domains import loudness, sound
from datamodules import speech
from datamodules.sounds import SpokenDigits
from datamodules.tones import AMPLITUDES, TonesAndShapes, radius_of
from gan_modules.conditional.sound_to_image import SoundToImage
from gan_modules.networks.sound_image import SoundImageDiscriminator, SoundImageGenerator

Draw = Callable[[Tensor], Tensor]


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANAGERIE_CACHE", str(tmp_path_factory.mktemp("sounds")))
        yield


@pytest.fixture(scope="module")
def tones(cache: Any) -> TonesAndShapes:
    module = TonesAndShapes(length=1000, batch_size=8)
    module.setup("fit")
    return module


@pytest.fixture(scope="module")
def digits(cache: Any) -> SpokenDigits:
    """The voice is replaced: a digit is heard as a tone of its own pitch."""

    def beeps(requests: Any) -> list[Any]:
        words = list(dict.fromkeys(word for word, *_ in requests))
        time = np.arange(8000) / 16000
        return [
            np.sin(2 * np.pi * (300 + 200 * words.index(word)) * time).astype(np.float32)
            for word, *_ in requests
        ]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(speech, "spoken", beeps)
        module = SpokenDigits(batch_size=8)
        module.setup("fit")
    return module


class Hearer:
    """Draws a picture that belongs to the held-out sound nearest to the one that it is told."""

    device, float_dtype = torch.device("cpu"), torch.float32

    def __init__(self, data: Any, draw: Callable[[Tensor, Tensor], Tensor]) -> None:
        self.known = data.spectrograms(data.sounds("held_out")[0]).flatten(1)
        self.draw = draw

    def draw_latents(self, n: int, generator: torch.Generator) -> Tensor:
        return torch.rand(n, 1, generator=generator)

    def decode(self, z: Tensor, rows: Tensor) -> Tensor:
        assert len(z) == len(rows)
        return self.draw(z[:, 0], torch.cdist(rows.flatten(1), self.known).argmin(dim=1))


def run(data: Any, module: Any) -> Any:
    return SimpleNamespace(module=module, data=lambda: data)


def writer(data: SpokenDigits, other: int = 0, varied: bool = True) -> Hearer:
    """Writes real digits of the class that is heard, which one by the latent."""
    images, labels = sound.seen(data)
    classes = sound.heard(data)[1]
    places = [(labels == one).nonzero()[:, 0] for one in range(10)]

    def draw(z: Tensor, nearest: Tensor) -> Tensor:
        own = [places[(int(classes[i]) + other) % 10] for i in nearest]
        share = z if varied else torch.zeros_like(z)
        chosen = [one[int(len(one) * part)] for one, part in zip(own, share, strict=True)]
        return images[torch.stack(chosen)]

    return Hearer(data, draw)


def flat(module: Any, other: int = 0) -> Hearer:
    """Draws grey of a level that stands for the class that is heard, a little off by the latent."""
    classes = sound.heard(module)[1]

    def draw(z: Tensor, nearest: Tensor) -> Tensor:
        level = ((classes[nearest] + other) % 10) / 10 + 0.02 * z
        return level[:, None, None, None].expand(-1, 1, 32, 32)

    return Hearer(module, draw)


def test_classes_and_spread_are_those_of_each_sound(
    digits: SpokenDigits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        sound, "recognised", lambda _, images: (10 * images[:, 0, 0, 0] + 1e-3).floor().long()
    )
    found = sound.measure(run(digits, flat(digits)))
    assert found["accuracy"] == 1.0
    # Even latents in 0..1 deviate by the root of 1/12.
    assert found["spread_over_latents"] == pytest.approx(0.02 / 12**0.5, rel=0.03)
    assert sound.measure(run(digits, flat(digits, other=1)))["accuracy"] == 0.0


def test_the_spread_of_few_images_is_that_of_many() -> None:
    # Half of the pixels deviate by 0.1, half by 0.7.
    scale = torch.tensor([0.1, 0.7]).repeat_interleave(8)[:, None]
    images = scale * torch.randn(4, 50, 1, 16, 16)
    assert sound.spread(images) == pytest.approx(0.5, rel=0.02)


@pytest.mark.slow
def test_who_writes_what_is_heard_scores_as_real_digits_do(digits: SpokenDigits) -> None:
    real = sound.baselines(digits)
    found = sound.measure(run(digits, writer(digits)))
    assert real["digits: real"]["accuracy"] > 0.93
    assert found["accuracy"] == pytest.approx(real["digits: real"]["accuracy"], abs=0.03)
    spread = real["digits: real"]["spread_over_latents"]
    assert found["spread_over_latents"] == pytest.approx(spread, rel=0.05)
    assert real["digits: shuffled"]["accuracy"] == pytest.approx(0.1, abs=0.01)
    assert real["digits: shuffled"]["spread_over_latents"] > 1.1 * spread
    wrong = sound.measure(run(digits, writer(digits, other=1)))
    assert wrong["accuracy"] < 0.05
    same = sound.measure(run(digits, writer(digits, varied=False)))
    assert same["spread_over_latents"] == 0.0 and same["accuracy"] > 0.8
    figure = sound.picture({"sound-to-image": run(digits, writer(digits))})
    rows = ["a digit of the word", "latent 1", "latent 2"]
    assert [text.get_text() for text in figure.texts[2:]] == rows
    assert real["tones: real"]["accuracy"] > 0.95
    assert real["tones: real"]["size_correlation"] == 1.0
    assert abs(real["tones: shuffled"]["size_correlation"]) < 0.4
    assert real["tones: shuffled"]["size_error_px"] > 4


class Painter(Hearer):
    """Draws the shape of what is heard; ``bend`` changes the logarithm of its loudness, 0 to 1."""

    def __init__(self, data: TonesAndShapes, bend: Draw = lambda level: level) -> None:
        super().__init__(data, lambda z, nearest: nearest)
        self.shapes, self.kinds = sound.seen(data)
        self.bend, self.deviation = bend, data._mean_and_deviation()[1]
        self.amplitudes = torch.from_numpy(data.amplitudes()[data.reference("held_out").rows])

    def decode(self, z: Tensor, rows: Tensor) -> Tensor:
        # Louder adds to every band of a log spectrogram: kinds are compared without the mean.
        own, known = (x - x.mean(1, keepdim=True) for x in (rows.flatten(1), self.known))
        nearest = torch.cdist(own, known).argmin(dim=1)
        # Twice the logarithm of the amplitude, standardised.
        steps = (rows.flatten(1).amax(1) - self.known.amax(1)[nearest]) * self.deviation / 2
        loud = self.amplitudes[nearest] * steps.double().exp()
        low, high = np.log(AMPLITUDES)
        wanted = self.bend((loud.log() - low) / (high - low))
        have = (self.amplitudes.log() - low) / (high - low)
        alike = self.kinds[nearest][:, None] == self.kinds[None]
        off = (wanted[:, None] - have[None]).abs() + 10 * ~alike
        return self.shapes[off.argmin(dim=1)]


def test_who_paints_as_loud_as_it_is_scores_as_the_truth(tones: TonesAndShapes) -> None:
    right = Painter(tones)
    found = sound.measure(run(tones, right))
    assert found["accuracy"] > 0.97
    assert found["spread_over_latents"] == 0.0
    assert found["size_correlation"] > 0.99 and found["size_error_px"] < 0.1
    assert found["loudness_correlation"] == pytest.approx(1.0)
    figure = sound.picture({"tones-and-shapes": run(tones, right)})
    rows = ["shape of the sound", "gain 0.25", "gain 1", "gain 4"]
    assert [text.get_text() for text in figure.texts[2:]] == rows


def test_smaller_for_louder_is_told_by_the_sign_of_the_sizes(tones: TonesAndShapes) -> None:
    wrong = Painter(tones, lambda level: 1 - level)
    found = sound.measure(run(tones, wrong))
    assert found["size_correlation"] < -0.95 and found["size_error_px"] > 5
    # The probe asks for change alone.
    assert found["loudness_correlation"] == pytest.approx(1.0)


def test_a_picture_that_does_not_hear_loudness_has_no_correlation(tones: TonesAndShapes) -> None:
    deaf = Painter(tones, lambda level: torch.full_like(level, 0.5))
    found = sound.measure(run(tones, deaf))
    assert found["size_correlation"] == found["loudness_correlation"] == 0.0
    assert found["accuracy"] > 0.97


def test_edges_are_those_of_squares_of_the_same_area() -> None:
    images = torch.full((2, 3, 16, 16), -1.0)
    images[0, 1, 4:9, 3:8] = 0.5
    images[1, :, :4, :9] = 1.0
    torch.testing.assert_close(loudness.edge_px(images), torch.tensor([5.0, 6.0]).double())


def test_probed_sounds_stay_within_the_loudness_of_training(tones: TonesAndShapes) -> None:
    own = loudness.middling(tones)
    assert len(own) > 10
    peaks = tones.sounds("held_out")[0][own].abs().amax(dim=1)
    assert float(peaks.min()) / 4 > 0.9 * AMPLITUDES[0]
    assert float(peaks.max()) * 4 < 1.1 * AMPLITUDES[1]


def test_sounds_and_pictures_that_are_held_out_belong_together(tones: TonesAndShapes) -> None:
    waves, kinds = sound.heard(tones)
    images, labels = sound.seen(tones)
    assert torch.equal(kinds, labels) and len(waves) == len(images)
    discs = kinds == 0
    radius = radius_of(waves[discs].abs().amax(dim=1).numpy()) * 32
    edges = loudness.edge_px(images[discs])
    torch.testing.assert_close(edges, torch.from_numpy(radius) * np.sqrt(np.pi), rtol=0.1, atol=0.7)


def test_an_untrained_run_is_measured_at_chance(tones: TonesAndShapes) -> None:
    torch.manual_seed(0)
    module = SoundToImage(
        SoundImageGenerator(32, 3, 4, 4, 64, 32, 2, 5),
        SoundImageDiscriminator(32, 3, 4, 16, 5),
        encoder_training="joint",
        pretraining_images=0,
    ).eval()
    opened = run(tones, module)
    found = sound.measure(opened)
    assert found == sound.measure(opened)
    assert found["accuracy"] == pytest.approx(0.2, abs=0.1)
    assert found["spread_over_latents"] > 0
