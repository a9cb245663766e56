"""What the benchmark reads off translated skin tones, on pictures whose answers are known."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from torch import Tensor

from benchmarks.domains import tones
from callbacks.metrics.features import FeatureSpace
from datamodules.batches import from_uint8

DOMAINS = ("yellow", "light", "medium", "dark")
LEVELS = torch.tensor([220, 180, 120, 50], dtype=torch.uint8)
NAMED, READ, ERROR, OFF = (
    "right tone",
    "right tone (classifier)",
    "L1 (levels)",
    "L1 off the skin (levels)",
)


class Data:
    """Five emojis of 8 px on noise; the skin is their upper half."""

    domains = DOMAINS

    def __init__(self) -> None:
        draws = torch.Generator().manual_seed(0)
        rest = torch.randint(256, (5, 1, 3, 8, 8), generator=draws, dtype=torch.uint8)
        self.motifs = rest.repeat(1, 4, 1, 1, 1)
        self.motifs[:, :, :, :4] = LEVELS[:, None, None, None]

    def aligned_reference(self, split: str) -> list[dict[str, Tensor]]:
        assert split == "held_out"
        return [{"images": motif} for motif in self.motifs]


class Reader:
    """Names the tone whose level is nearest to that of the upper half."""

    def __call__(self, images: Tensor) -> Any:
        assert images.dtype == torch.uint8
        level = images[:, :, :4].double().mean((1, 2, 3))
        return SimpleNamespace(logits=-(level[:, None] - LEVELS.double()).abs())


class Painter:
    """Answers with the true picture of a tone; which one, a test says."""

    directions = [(one, other) for one in DOMAINS for other in DOMAINS if one != other]

    def __init__(self, data: Data, swapped: bool = False) -> None:
        self.motifs, self.swapped = from_uint8(data.motifs), swapped

    def translate(self, images: Tensor, source: str, target: str) -> Tensor:
        assert torch.equal(images, self.motifs[:, DOMAINS.index(source)][: len(images)])
        led_to = source if self.swapped else target
        return self.motifs[:, DOMAINS.index(led_to)][: len(images)]


@pytest.fixture
def data(monkeypatch: pytest.MonkeyPatch) -> Data:
    monkeypatch.setattr(tones, "reader_of", lambda data: Reader())
    return Data()


def opened(module: Any, data: Data) -> Any:
    run = SimpleNamespace(read_run=lambda: {"attribution": "drawn by nobody"})
    return SimpleNamespace(module=module, data=lambda: data, run=run)


def judged(made: Tensor, data: Data) -> tones.Measures:
    return tones.judged(made, from_uint8(data.motifs), cast(FeatureSpace, Reader()))


def answers(data: Data) -> Tensor:
    motifs = from_uint8(data.motifs)
    ways = [(one, other) for one in range(4) for other in range(4) if one != other]
    return torch.stack([motifs[:, other] for _, other in ways])


def test_true_tones_are_right_and_a_translator_that_leads_the_wrong_way_is_not(data: Data) -> None:
    perfect = {NAMED: 1.0, READ: 1.0, ERROR: 0.0, OFF: 0.0}
    assert tones.measure(opened(Painter(data), data)) == perfect
    rows = tones.baselines(data)
    assert rows["true picture"] == perfect
    wrong = tones.measure(opened(Painter(data, swapped=True), data))
    assert wrong == rows["source as it is"]
    assert (wrong[NAMED], wrong[READ], wrong[OFF]) == (0.0, 0.0, 0.0)
    # Half of the pixels, and the mean distance of two different tones.
    apart = sum(abs(int(a) - int(b)) for a in LEVELS for b in LEVELS) / 12
    assert wrong[ERROR] == pytest.approx(apart / 2, rel=1e-5)


def test_another_background_costs_what_it_changes_and_no_tone(data: Data) -> None:
    made = answers(data)
    made[:, :, :, 4:] += 10 / 127.5
    found = judged(made, data)
    assert (found[NAMED], found[READ]) == (1.0, 1.0)
    assert found[OFF] == pytest.approx(10, rel=1e-5)
    assert found[ERROR] == pytest.approx(5, rel=1e-5)


def test_tone_that_is_off_by_less_than_half_a_step_is_still_that_tone(data: Data) -> None:
    made = answers(data)
    made[:, :, :, :4] -= 18 / 127.5
    assert judged(made, data)[NAMED] == 1.0
    # 24 levels darker, yellow is nearer to light; the other tones are further apart.
    made[:, :, :, :4] -= 6 / 127.5
    found = judged(made, data)
    assert found[NAMED] == found[READ] == 0.75
    assert found[OFF] == 0.0


def test_each_emoji_is_compared_with_its_own_pictures(data: Data) -> None:
    found = judged(answers(data).roll(1, 1), data)
    assert found[NAMED] == 1.0 and found[OFF] > 50


def test_picture_shows_what_was_asked_for_beside_what_was_made(
    data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tones, "_SHOWN", {"yellow": ("light",), "dark": ("yellow", "medium")})
    figure = tones.picture({"stargan": opened(Painter(data), data)})
    words = {text.get_text() for text in figure.texts}
    assert {"yellow", "light, true", "light, made", "dark", "medium, made"} <= words
    assert "drawn by nobody" in words
