"""Generators that give back training images are flagged, and those that show fresh ones are not."""

import json
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from callbacks.memorization_picture import draw_finding, to_png
from callbacks.memorization_probe import (
    Finding,
    MemorizationProbe,
    MemorizationSettings,
    UnfitSamplesError,
)
from callbacks.metrics.features import IdentitySpace
from callbacks.metrics.rand_vgg import RandVGGSpace
from tests.callbacks.metrics.helpers_data import RingData
from tests.callbacks.metrics.helpers_memorization import BlobData, Replay, Small, blobs, fresh

SETTINGS = MemorizationSettings(samples=300)


@pytest.fixture(scope="module")
def data() -> BlobData:
    return BlobData()


@pytest.fixture(scope="module")
def probe(data: BlobData) -> MemorizationProbe:
    return MemorizationProbe(data, Small(), settings=SETTINGS)


def flags(finding: Finding, space: int) -> set[str]:
    return set(finding.verdict.spaces[space].flags)


def mirror(images: Tensor) -> Tensor:
    return images.flip(-1)


def shift(images: Tensor) -> Tensor:
    return torch.cat([images[..., :1], images[..., :-1]], dim=-1)


def noise(images: Tensor) -> Tensor:
    return (images + 2 * torch.randn(images.shape)).clamp(0, 255).round().to(torch.uint8)


@pytest.mark.parametrize("change", [lambda images: images, mirror, shift, noise])
@pytest.mark.parametrize("seed", [0, 7])
def test_replayed_training_images_are_memorised(
    data: BlobData, change: Callable[[Tensor], Tensor], seed: int
) -> None:
    settings = MemorizationSettings(samples=300, seed=seed)
    probe = MemorizationProbe(data, Small(), settings=settings)
    finding = probe.judge(Replay(data.reference("train").images, change))
    assert finding.verdict.level == "memorised"
    for space in (0, 1):
        found = finding.verdict.spaces[space]
        assert {"twins", "copies", "C_T with changes", "authenticity"} <= flags(finding, space)
        assert found.copies is not None and found.copies.rate == 1.0
        assert found.copies.flipped == pytest.approx(float(change is mirror), abs=0.05)
        if change is not shift:
            assert ("C_T" in flags(finding, space)) == (change is not mirror)


@pytest.mark.parametrize("change", [lambda images: images, mirror])
@pytest.mark.parametrize("seed", [100, 200, 300])
def test_fresh_images_are_fresh(
    probe: MemorizationProbe, change: Callable[[Tensor], Tensor], seed: int
) -> None:
    finding = probe.judge(Replay(fresh(400, seed), change))
    assert finding.verdict.level == "fresh"
    assert finding.verdict.reasons == finding.verdict.notes == []
    for space in finding.verdict.spaces:
        assert space.copies is not None
        assert space.copies.rate == pytest.approx(0.01, abs=0.017)
        assert space.authenticity.gap == pytest.approx(0.0, abs=0.12)
        assert space.three_sample_changed is not None
        assert space.three_sample_changed.value == pytest.approx(0.0, abs=1.5)


def test_mirrored_copies_pass_for_fresh_where_nobody_looks_for_them(data: BlobData) -> None:
    replay = Replay(data.reference("train").images[:300], mirror)
    rates = {}
    for augment in ("none", "flip"):
        settings = MemorizationSettings(samples=300, augment=augment)  # type: ignore[arg-type]
        verdict = MemorizationProbe(data, Small(), settings=settings).judge(replay).verdict
        assert (verdict.level == "memorised") == (augment == "flip")
        assert verdict.spaces[0].copies is not None
        rates[augment] = verdict.spaces[0].copies.rate
    assert rates["flip"] == 1.0 and rates["none"] < 0.03


def test_copies_of_one_class_are_named(data: BlobData, probe: MemorizationProbe) -> None:
    train = data.reference("train")
    images = torch.cat([train.images[train.labels == 1], blobs(300, seed=70)])
    finding = probe.judge(Replay(images))
    assert finding.verdict.level == "memorised"
    for space in finding.verdict.spaces:
        assert "(mostly right)" in space.to_dict()["weakest_cell"]
        assert space.weakest is not None and space.weakest.z is not None and space.weakest.z < -5


@pytest.mark.parametrize("kind", ["one fresh image", "means", "grey"])
def test_collapsed_and_blurred_samples_are_no_copies(
    data: BlobData, probe: MemorizationProbe, kind: str
) -> None:
    """They lie near the training set and are flagged for that, but match no single image."""
    train = data.reference("train").images
    near = torch.cdist(train[:99].flatten(1).float(), train.flatten(1).float()).argsort(dim=1)
    held_out = data.reference("held_out").images
    images = {
        "one fresh image": held_out[probe.held_out[0].matches.distance.argsort()[10:11]],
        "means": train[near[:, :12]].float().mean(dim=1).to(torch.uint8),
        "grey": train.float().mean(dim=0, keepdim=True).to(torch.uint8),
    }[kind]
    verdict = probe.judge(Replay(images)).verdict
    assert verdict.level == "fresh" and verdict.reasons == []
    assert verdict.notes


def test_one_image_for_all_latents_is_memorised(data: BlobData, probe: MemorizationProbe) -> None:
    finding = probe.judge(Replay(data.reference("train").images[3:4]))
    assert finding.verdict.level == "memorised"
    assert set(finding.pairs[0].matches) == {3}


def test_pairs_are_the_closest_samples_with_their_matches(
    data: BlobData, probe: MemorizationProbe
) -> None:
    train = data.reference("train").images
    finding = probe.judge(Replay(torch.cat([mirror(train[:20]), fresh(300)])))
    for pairs in finding.pairs:
        assert len(pairs.matches) == 32 and pairs.distances == sorted(pairs.distances)
        for place in range(5):
            assert pairs.changes[place].startswith("flip")
            assert torch.equal(pairs.images[place].flip(-1), train[pairs.matches[place]])
            assert pairs.quantiles[place] == 0.0
    held_out = probe.held_out[0].matches.distance
    last = finding.pairs[0]
    expected = float((held_out <= last.distances[-1]).double().mean())
    assert last.quantiles[-1] == expected > 0


def test_verdict_is_plain_data_and_numbers(data: BlobData, probe: MemorizationProbe) -> None:
    verdict = probe.judge(Replay(data.reference("train").images)).verdict
    stored = json.loads(json.dumps(verdict.to_dict(), allow_nan=False))
    assert stored["verdict"] == "memorised" and not stored["weak"]
    assert stored["spaces"]["pixel16"]["copy_rate"] == 1.0
    numbers = verdict.numbers()
    assert numbers["memorization/level"] == 2
    assert numbers["memorization/pixel16/copy_rate"] == 1.0
    assert all(isinstance(value, float | int) for value in numbers.values())
    # A Frechet distance of other features than Inception's is none that is published.
    assert "memorization/mifd_small@300" in numbers
    assert not any("mifid" in name for name in numbers)
    assert verdict.reasons[0].startswith("pixel16: 100.0 % of the samples match one training")
    assert verdict.reasons[1].startswith("pixel16: 100.0 % of the samples are as near")
    assert verdict.notes == []


def test_penalty_in_other_spaces_goes_by_the_held_out_samples(
    data: BlobData, probe: MemorizationProbe
) -> None:
    for images, penalised in ((data.reference("train").images, True), (fresh(400), False)):
        space = probe.judge(Replay(images)).verdict.spaces[1]
        assert space.informed is not None and space.held_out_distance is not None
        assert space.informed.threshold == space.held_out_distance / 2
        assert space.informed.penalised == penalised


class Published(Small):
    """Stands for the Inception network with its published weights."""

    id = "inception_v3_tf"
    comparable_to_literature = True


def test_published_name_goes_with_the_published_threshold(data: BlobData) -> None:
    probe = MemorizationProbe(data, Published(), settings=SETTINGS)
    space = probe.judge(Replay(fresh(400))).verdict.spaces[1]
    assert space.informed_name == "mifid@300"
    assert space.informed is not None and space.informed.threshold == 0.1


def test_without_held_out_images_only_wholesale_copying_is_seen(data: BlobData) -> None:
    probe = MemorizationProbe(data, Small(), settings=SETTINGS, held_out=False)
    train = data.reference("train").images
    finding = probe.judge(Replay(train, mirror))
    assert finding.verdict.weak and finding.verdict.level == "suspect" and finding.held_out == 0
    assert flags(finding, 0) == {"twins", "authenticity"}
    assert finding.pairs[0].quantiles == []
    assert probe.judge(Replay(fresh(400))).verdict.level == "fresh"
    found = finding.verdict.to_dict()["spaces"]
    assert "copy_rate" not in found["pixel16"]
    assert not any(name.startswith("mifd") for name in found["small"])


def test_standardised_features_are_compared_in_their_units(data: BlobData) -> None:
    settings = MemorizationSettings(samples=100, augment="none")
    probe = MemorizationProbe(data, RandVGGSpace(), settings=settings)
    assert torch.allclose(probe.sides[1].features.std(dim=0), torch.ones(64), atol=0.01)
    finding = probe.judge(Replay(data.reference("train").images))
    assert finding.verdict.spaces[1].copies is not None
    assert finding.verdict.spaces[1].copies.rate == 1.0
    assert probe.judge(Replay(fresh(400))).verdict.level == "fresh"


def test_points_are_judged_as_they_are() -> None:
    data = RingData()
    probe = MemorizationProbe(data, IdentitySpace(), settings=SETTINGS)
    assert [side.space.id for side in probe.sides] == ["identity"] and len(probe.changes) == 1

    class Points(Replay):
        def decode(self, z: Tensor) -> Tensor:
            return self.images[(z[:, 0] * len(self.images)).long()]

    finding = probe.judge(Points(data.reference("train").images))
    assert finding.verdict.level == "memorised"
    assert finding.verdict.spaces[0].informed is None
    angle = torch.rand(400, generator=torch.Generator().manual_seed(3)) * 2 * math.pi
    fresh_points = torch.stack([angle.cos(), angle.sin()], dim=1)
    assert probe.judge(Points(fresh_points)).verdict.level == "fresh"
    assert to_png(draw_finding(finding, data.reference("train"), "points")).startswith(b"\x89PNG")


class Broken(Replay):
    """Every n-th image is not finite."""

    every = 3

    def decode(self, z: Tensor) -> Any:
        images = super().decode(z)
        images[:: self.every] = torch.nan
        return images


def test_samples_that_are_not_finite_are_left_out(data: BlobData, probe: MemorizationProbe) -> None:
    broken = Broken(data.reference("train").images)
    finding = probe.judge(broken)
    # Stacks of 256 and 44 samples.
    assert (finding.dropped, finding.samples) == (86 + 15, 199)
    assert finding.verdict.spaces[0].copies is not None
    assert finding.verdict.spaces[0].copies.rate == 1.0
    broken.every = 1
    with pytest.raises(
        UnfitSamplesError, match="at least 100 samples must be finite, got 0 of 300"
    ):
        probe.judge(broken)


def test_picture_shows_each_pair_and_frames_copies(
    data: BlobData, probe: MemorizationProbe
) -> None:
    train = data.reference("train")
    for images, framed in ((train.images, [32, 32]), (fresh(400), None)):
        finding = probe.judge(Replay(images))
        figure = draw_finding(finding, train, "title")
        assert [len(axes.images) for axes in figure.axes] == [64, 64]
        copies = [one.copies.copies for one in finding.verdict.spaces if one.copies]
        assert [len(axes.patches) for axes in figure.axes] == (framed or copies)


def test_judging_leaves_the_global_generator_alone(
    data: BlobData, probe: MemorizationProbe
) -> None:
    before = torch.get_rng_state()
    probe.judge(Replay(data.reference("train").images, noise))
    assert torch.equal(before, torch.get_rng_state())


class NothingHeldOut(BlobData):
    def reference(self, split: str) -> Any:
        if split == "held_out":
            raise ValueError("nothing is held out")
        return super().reference(split)


@pytest.mark.parametrize(
    ("data", "got"), [(NothingHeldOut(), "got none"), (BlobData(held_out=99), "got 99")]
)
def test_too_few_held_out_images_are_refused(data: BlobData, got: str) -> None:
    message = f"must hold out at least 100 samples, {got}; hold out more with data.init_args.held"
    with pytest.raises(ValueError, match=message):
        MemorizationProbe(data, Small(), settings=SETTINGS)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"samples": 99}, "samples must be at least 100, got 99"),
        ({"augment": "all"}, "kind must be full, flip or none, got 'all'"),
    ],
)
def test_bad_settings_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MemorizationSettings(**options)
