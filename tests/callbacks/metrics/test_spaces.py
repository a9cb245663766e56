"""Which space is chosen for which data."""

from pathlib import Path

import pytest

from callbacks.metrics import trained_classifier
from callbacks.metrics.spaces import CHOICES, choose_space
from tests.callbacks.metrics.helpers_data import RingData, StripeData


def test_points_score_as_they_are(inception_weights: Path) -> None:
    assert choose_space(RingData()).id == "identity"
    assert choose_space(RingData(), inception_weights).id == "identity"


def test_given_weights_come_first(stripes: StripeData, inception_weights: Path) -> None:
    assert choose_space(stripes, inception_weights).id == "inception_unverified"
    clean = choose_space(stripes, inception_weights, "inception_clean")
    assert clean.id == "inception_clean_unverified"
    assert choose_space(stripes, inception_weights, "rand_vgg").id == "rand_vgg"


def test_labels_make_a_classifier_and_their_absence_random_features(
    stripes: StripeData, trained: Path
) -> None:
    assert choose_space(stripes, folder=trained).id == "cls_stripes_16"
    stripes.class_names = None
    assert choose_space(stripes).id == "rand_vgg"


def test_labels_that_cannot_be_learned_make_random_features_and_a_warning(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trained_classifier, "_STEPS", (10, 10))
    data = StripeData(true_labels=False)
    assert choose_space(data).id == "rand_vgg"
    assert "held-out accuracy on stripes-16" in caplog.text
    with pytest.raises(ValueError, match="held-out accuracy"):
        choose_space(data, name="cls")
    assert choose_space(data, name="cls", force=True).id == "cls_stripes_16"


def test_folders_score_with_what_comes_with_the_install(inception_weights: Path) -> None:
    assert choose_space(None).id == "efflite0"
    assert choose_space(None, inception_weights).id == "inception_unverified"
    assert choose_space(None, name="rand_vgg").resize_id == "bicubic-aa-64"


@pytest.mark.parametrize(
    ("shape", "channels", "resize"),
    [((1, 28, 28), 3, 32), ((3, 64, 64), 3, 64), ((4, 32, 8), 4, 32)],
)
def test_random_network_fits_the_images(
    stripes: StripeData, shape: tuple[int, ...], channels: int, resize: int
) -> None:
    stripes.image_shape = shape
    space = choose_space(stripes, name="rand_vgg")
    assert space.resize_id == f"bicubic-aa-{resize}"
    assert space.channels == channels  # type: ignore[attr-defined]


def test_unknown_and_unfit_names_are_refused(stripes: StripeData) -> None:
    with pytest.raises(ValueError, match=f"one of {', '.join(CHOICES)}, got 'fid'"):
        choose_space(stripes, name="fid")
    with pytest.raises(ValueError, match="suit images, got 'identity'; choose rand_vgg"):
        choose_space(stripes, name="identity")
    with pytest.raises(ValueError, match="suit 2-D points, got 'rand_vgg'; choose identity"):
        choose_space(RingData(), name="rand_vgg")
    with pytest.raises(ValueError, match="folders without labels"):
        choose_space(None, name="cls")
    with pytest.raises(ValueError, match="inception_weights must be a path .* got None"):
        choose_space(stripes, name="inception_v3_tf")
