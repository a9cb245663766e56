"""The classifier of the data's own labels."""

from pathlib import Path

import pytest
import torch

from callbacks.metrics import trained_classifier
from callbacks.metrics.trained_classifier import (
    ClassifierSpace,
    InaccurateClassifierError,
    SmallClassifier,
    folded_trunk,
)
from tests.callbacks.metrics.helpers_data import RingData, StripeData


def test_classifier_learns_and_is_read_from_the_cache(cache: Path, stripes: StripeData) -> None:
    before = torch.random.get_rng_state()
    with torch.inference_mode():
        space = ClassifierSpace.for_data(stripes)
    assert torch.equal(before, torch.random.get_rng_state())
    assert space.accuracy > 0.95
    assert (space.id, space.dim, space.has_logits) == ("cls_stripes_16", 64, True)
    assert not space.comparable_to_literature
    reads = stripes.reference("train").reads
    again = ClassifierSpace.for_data(stripes)
    assert stripes.reference("train").reads == reads
    assert (again.sha256, again.accuracy) == (space.sha256, space.accuracy)
    assert again.temperature == space.temperature
    assert len(list(cache.iterdir())) == 1


def test_logits_are_calibrated_verdicts_on_the_features(stripes: StripeData, trained: Path) -> None:
    space = ClassifierSpace.for_data(stripes, folder=trained)
    held_out = stripes.reference("held_out")
    found = space(held_out.images)
    assert found.logits is not None
    assert found.features.shape == (90, 64) and found.logits.shape == (90, 3)
    right = (found.logits.argmax(dim=1) == held_out.labels).double().mean()
    assert float(right) == pytest.approx(space.accuracy)
    assert float(found.features.square().mean()) == pytest.approx(1.0, rel=1e-3)
    expected = space._head(found.features * space.scale) / space.temperature
    torch.testing.assert_close(found.logits, expected, rtol=1e-4, atol=1e-4)


def test_folded_classifier_is_the_same_map_without_normalisations() -> None:
    torch.manual_seed(0)
    net = SmallClassifier(1, 4)
    for _ in range(3):  # Running statistics of their own.
        net(2.0 * torch.randn(16, 1, 32, 32) + 0.5)
    for layer in net.trunk:
        if isinstance(layer, torch.nn.BatchNorm2d):
            # Scales of both signs: a ReLU before the scaling would be seen.
            torch.nn.init.normal_(layer.weight)
            torch.nn.init.normal_(layer.bias)
    images = torch.randn(8, 1, 32, 32)
    faster = folded_trunk(net)
    assert not net.training
    assert not any(isinstance(layer, torch.nn.BatchNorm2d) for layer in faster.modules())
    with torch.no_grad():
        expected = net.trunk(images)
        assert float(expected.std()) > 0.01
        torch.testing.assert_close(faster(images), expected, rtol=1e-4, atol=1e-5)


def test_training_repeats_bit_for_bit_and_follows_its_seed(
    tmp_path: Path, stripes: StripeData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trained_classifier, "_STEPS", (10, 10))
    hashes = []
    for seed, name in ((0, "a"), (0, "b"), (1, "a")):
        torch.rand(7)
        space = ClassifierSpace.for_data(stripes, seed, force=True, folder=tmp_path / name)
        hashes.append(space.sha256)
    assert hashes[0] == hashes[1] != hashes[2]


def test_ignorant_classifier_is_refused_unless_forced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trained_classifier, "_STEPS", (10, 10))
    data = StripeData(true_labels=False)
    with pytest.raises(InaccurateClassifierError, match=r"at least 0.9, got 0\.\d+; choose rand"):
        ClassifierSpace.for_data(data)
    reads = data.reference("train").reads
    assert ClassifierSpace.for_data(data, force=True).accuracy < 0.9
    assert data.reference("train").reads == reads


def test_data_without_classes_or_images_is_refused() -> None:
    unlabelled = StripeData()
    unlabelled.class_names = None
    with pytest.raises(ValueError, match="labelled images of 2 or more classes, got 0 classes"):
        ClassifierSpace.for_data(unlabelled)
    with pytest.raises(ValueError, match=r"shape \(2,\)"):
        ClassifierSpace.for_data(RingData())
