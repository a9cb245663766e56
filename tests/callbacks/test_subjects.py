"""What is scored and shown of a module that translates, on mappings that are known."""

from typing import Any, Literal

import pytest
import torch
from torch import Tensor

from callbacks.collapse.prober_choice import prober_for
from callbacks.collapse.probes import TranslationProber
from callbacks.metrics.rand_vgg import RandVGGSpace
from callbacks.metrics.scoring import ScoreSettings
from callbacks.offers import draws, has_panels, translates
from callbacks.panels import as_colour, grid_of_panels, panels_of
from callbacks.subjects import Samples, Translations, subject_for
from datamodules.batches import from_uint8, to_uint8
from tests.helpers_translation import SmallDomains, translating
from tests.small_variants import SmallImages, build


class PairedDomains(SmallDomains):
    """The second domain is the negative of the first; the last images are held out as pairs."""

    def __init__(self, held_out: int = 60) -> None:
        super().__init__(held_out)
        self.images.columns["b"] = -self.images.columns["a"]

    def paired_reference(self, split: Literal["train", "held_out"]) -> list[dict[str, Tensor]]:
        """As the library's own: an error where nothing is held out."""
        sides = [self.reference(split, domain) for domain in self.domains]
        return [{"a": a["image"], "b": b["image"]} for a, b in zip(*sides, strict=True)]


@pytest.fixture(scope="module")
def space() -> RandVGGSpace:
    return RandVGGSpace(32, channels=3)


def scored(module: Any, data: Any, space: RandVGGSpace, samples: int = 60) -> dict[str, float]:
    subject = subject_for(module, data, space, samples, "train", ScoreSettings())
    assert isinstance(subject, Translations)
    return subject.scores(module, 0)


def test_a_true_translation_has_no_error_and_leads_back_to_its_input(space: RandVGGSpace) -> None:
    module = translating(lambda x: -x, lambda x: -x)
    scores = scored(module, PairedDomains(), space)
    assert scores["cycle_l1/a"] == pytest.approx(0.0, abs=1e-6)
    for target in ("a", "b"):
        assert scores[f"paired_l1/to_{target}"] == pytest.approx(0.0, abs=1e-2)
        assert scores[f"paired_ssim/to_{target}"] == pytest.approx(1.0, abs=1e-3)
    wrong = scored(translating(lambda x: x, lambda x: x), PairedDomains(), space)
    inputs = from_uint8(
        torch.stack([row["a"] for row in PairedDomains().paired_reference("held_out")])
    )
    assert wrong["paired_l1/to_b"] == pytest.approx((2 * inputs).abs().mean().item(), rel=1e-3)
    assert wrong["cycle_l1/b"] == pytest.approx(0.0, abs=1e-6)
    assert scores["fd_rand_vgg@60/to_b"] < wrong["fd_rand_vgg@60/to_b"]


def test_each_domain_is_scored_against_its_own_images_and_their_mean_comes_first(
    space: RandVGGSpace,
) -> None:
    # Domain a is led to b exactly, b to rubbish: only the way to a is bad.
    module = translating(lambda x: -x, lambda x: 0 * x)
    scores = scored(module, PairedDomains(), space)
    names = [name for name in scores if name.startswith("fd_")]
    assert names == ["fd_rand_vgg@60/mean", "fd_rand_vgg@60/to_b", "fd_rand_vgg@60/to_a"]
    mean, to_b, to_a = (scores[name] for name in names)
    assert mean == pytest.approx((to_b + to_a) / 2) and to_a > 5 * to_b
    assert scores["cycle_l1/a"] > 0.1


def test_one_direction_is_scored_alone_and_without_a_way_back(space: RandVGGSpace) -> None:
    module = build("Pix2Pix")
    scores = scored(module, PairedDomains(), space)
    assert not [name for name in scores if "mean" in name or "to_a" in name or "cycle" in name]
    assert {"paired_l1/to_b", "paired_psnr/to_b", "paired_ssim/to_b"} <= set(scores)


def test_with_nothing_held_out_training_images_are_scored_without_their_truth(
    space: RandVGGSpace,
) -> None:
    module = translating(lambda x: -x, lambda x: -x)
    scores = scored(module, PairedDomains(0), space)
    assert scores["cycle_l1/a"] == pytest.approx(0.0, abs=1e-6)
    assert not [name for name in scores if name.startswith("paired")]
    assert list(panels_of(module, PairedDomains(0), 5)[0]) == ["a", "a to b", "back to a"]


def test_few_held_out_images_give_way_to_those_of_training(space: RandVGGSpace) -> None:
    module = translating(lambda x: -x, lambda x: -x)
    few = Translations(module, SmallDomains(10), space, 500, "train", ScoreSettings())
    assert few.samples == 150 and few.protocol("raw").n_fake == 150
    many = Translations(module, SmallDomains(60), space, 500, "train", ScoreSettings())
    assert many.samples == 60 and "translated" in many.protocol("raw").settings


def test_the_monitor_watches_the_directions_that_are_learned(space: RandVGGSpace) -> None:
    prober = prober_for(build("Pix2Pix"), SmallDomains(), space, 64)
    assert isinstance(prober, TranslationProber) and prober.directions == [("a", "b")]
    both = prober_for(build("CycleGAN"), SmallDomains(), space, 64)
    assert both.directions == [("a", "b"), ("b", "a")]


def test_panels_show_input_translation_way_back_and_truth() -> None:
    module = translating(lambda x: -x, lambda x: 0.5 * x)
    there, _ = panels_of(module, PairedDomains(), 5)
    assert list(there) == ["a", "a to b", "back to a", "true b"]
    torch.testing.assert_close(there["a to b"], -there["a"])
    torch.testing.assert_close(there["back to a"], -0.5 * there["a"])
    assert torch.equal(to_uint8(there["true b"]), to_uint8(there["a to b"]))
    grid = grid_of_panels([there])
    # A white frame, then the first input, repeated as three channels.
    first = as_colour(there["a"])[0]
    assert torch.equal(grid[:, 2:34, 2:34], first) and (grid[:, :2] == 1).all()
    unpaired = panels_of(module, SmallDomains(), 5)
    assert [list(panels) for panels in unpaired] == [
        ["a", "a to b", "back to a"],
        ["b", "b to a", "back to b"],
    ]


def test_a_module_of_its_own_kind_shows_its_own_panels() -> None:
    class Own:
        def panels(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
            return {"input": batch["a"], "output": -batch["a"]}

    (panels,) = panels_of(Own(), SmallDomains(), 3)
    assert panels["output"].shape == (3, 1, 32, 32) and has_panels(Own())
    assert not draws(Own()) and not translates(Own())


def test_colours_are_repeated_cut_and_kept() -> None:
    for channels in (1, 2, 3, 4, 7):
        assert as_colour(torch.zeros(2, channels, 4, 4)).shape == (2, 3, 4, 4)


def test_a_generator_of_latents_is_scored_by_its_samples(space: RandVGGSpace) -> None:
    data = SmallImages(batch_size=8)
    data.setup()
    subject = subject_for(build("DCGAN"), data, space, 40, "train", ScoreSettings())
    assert isinstance(subject, Samples) and draws(build("DCGAN"))
    assert not translates(build("DCGAN")) and not has_panels(build("DCGAN"))
