"""Sentences and pictures: who draws what is said scores 1, who does not is found out."""

from collections.abc import Callable
from math import comb
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from benchmarks.domains import text
from benchmarks.domains.blind import TextBlind
from datamodules.coloured_shapes import ColouredShapes, Shape, parse_caption
from gan_modules.conditional.gan_cls import GANCLS
from gan_modules.networks.text_image import TextImageDiscriminator, TextImageGenerator

Draw = Callable[[Tensor], Tensor]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> ColouredShapes:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANAGERIE_CACHE", str(tmp_path_factory.mktemp("shapes")))
        module = ColouredShapes(length=1440, batch_size=8)
        module.setup("fit")
    return module


class Painter:
    """Draws the held-out image whose caption has the embedding that it is told, after a change."""

    device, float_dtype = torch.device("cpu"), torch.float32

    def __init__(self, data: ColouredShapes, change: Draw = lambda images: images) -> None:
        captions = text.captions_of(data)
        self.known, self.images = data.embed(captions), text.real(data, range(len(captions)))
        self.change = change

    def draw_latents(self, n: int, generator: torch.Generator) -> Tensor:
        return torch.randn(n, 2, generator=generator)

    def decode(self, z: Tensor, rows: Tensor) -> Tensor:
        assert len(z) == len(rows)
        return self.change(self.images[torch.cdist(rows, self.known).argmin(dim=1)])


def run(data: ColouredShapes, module: Any) -> Any:
    return SimpleNamespace(module=module, data=lambda: data)


def test_who_draws_what_is_said_scores_one_and_as_the_real_images_do(data: ColouredShapes) -> None:
    found = text.measure(run(data, Painter(data)))
    names = ("retrieval_of_100", "colour", "shape", "size", "position")
    assert found == dict.fromkeys(names, 1.0)
    assert text.baselines(data)["real images"] == found


@pytest.mark.parametrize(
    ("change", "attribute", "least", "most"),
    [
        # White, as all channels are their maximum: right for one of six colours.
        (lambda x: x.amax(1, keepdim=True).expand(-1, 3, -1, -1), "colour", 0.1, 0.35),
        # Left for right: the other three of five places stay.
        (lambda x: x.flip(3), "position", 0.55, 0.65),
        # Nothing of the sentence: the pictures of others.
        (lambda x: x.roll(31, 0), "colour", 0.0, 0.35),
    ],
)
def test_each_attribute_tells_its_own_mistake(
    data: ColouredShapes, change: Draw, attribute: str, least: float, most: float
) -> None:
    found = text.measure(run(data, Painter(data, change)))
    assert least <= found[attribute] <= most
    assert found["retrieval_of_100"] < 0.8


def test_a_mistake_of_one_attribute_leaves_the_others_alone(data: ColouredShapes) -> None:
    found = text.measure(run(data, Painter(data, lambda x: x.flip(3))))
    assert found["colour"] == found["size"] == found["shape"] == 1.0


def test_captions_of_others_are_at_chance(data: ColouredShapes) -> None:
    found = text.baselines(data)["real images, captions shuffled"]
    chance = {"colour": 1 / 6, "shape": 1 / 4, "size": 1 / 2, "position": 1 / 5}
    for name, value in chance.items():
        assert found[name] == pytest.approx(value, abs=0.02)
    assert found["retrieval_of_100"] == pytest.approx(0.01, abs=0.004)


def test_ties_are_shared_and_a_better_caption_wins() -> None:
    told = [Shape("red", "circle", "small", "on the left")] * 3000
    assert text.retrieval(told, told) == 1.0
    far = [Shape("blue", "cross", "large", "at the top")] * 3000
    assert text.retrieval(far, told) == 0.0
    # Three attributes of the caption are shown. It loses to the caption of what is shown, where
    # that is among the 99 of 239; else it shares with k of the 12 others that fit as well.
    near = [told[0]._replace(colour="blue")] * 3000
    ways = [comb(12, k) * comb(226, 99 - k) / (1 + k) for k in range(13)]
    expected = (1 - 99 / 239) * sum(ways) / comb(238, 99)
    assert text.retrieval(near, told) == pytest.approx(expected, rel=0.06)


def test_the_five_wordings_take_turns_and_say_what_is_held_out(data: ColouredShapes) -> None:
    captions = text.captions_of(data)
    shown = [data.shown(index, "held_out") for index in range(len(captions))]
    assert [parse_caption(caption) for caption in captions] == shown
    starts = {caption.replace(shown[i].colour, "").split()[0] for i, caption in enumerate(captions)}
    assert {"a", "there"} < starts and len(captions) == 240


@pytest.mark.parametrize("judge", [TextImageDiscriminator, TextBlind])
def test_an_untrained_run_is_measured_and_drawn(data: ColouredShapes, judge: Any) -> None:
    torch.manual_seed(0)
    module = GANCLS(
        TextImageGenerator(32, 3, 4, 256, 4, 4), judge(32, 3, 256, 4, 4), ema_half_life_images=100
    ).eval()
    opened = run(data, module)
    found = text.measure(opened)
    assert found == text.measure(opened)
    assert found["retrieval_of_100"] < 0.05
    figure = text.picture({"gan-cls": opened})
    assert [row.get_text() for row in figure.texts[2:]] == ["image of the caption", "gan-cls"]


def test_the_blind_discriminator_does_not_read() -> None:
    torch.manual_seed(0)
    judge = TextBlind(32, 3, 8, 4, 4).eval()
    images = torch.randn(5, 3, 32, 32)
    scores = judge(images, torch.randn(5, 8))
    assert torch.equal(scores, judge(images, torch.randn(5, 8)))
    assert scores.std() > 0
