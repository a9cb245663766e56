"""The oracle knows modes and refuses junk."""

from pathlib import Path

import pytest
import torch

from benchmarks.collapse.data import Digits, images_and_labels
from benchmarks.collapse.oracle import junk, oracle_of


def test_a_mixture_knows_its_centres_and_what_is_far_from_them(tmp_path: Path) -> None:
    oracle = oracle_of("ring", tmp_path)
    assert oracle.count == 8 and 0.98 < oracle.accuracy < 0.995
    points = torch.tensor([[3.0, 0.0], [0.0, 3.2], [0.0, 0.0], [3.0, 1.0], [torch.nan, 0.0]])
    assert oracle.classes(points).tolist() == [0, 2, -1, -1, -1]


def test_junk_is_no_digit_of_the_same_brightness_alone() -> None:
    images, labels = images_and_labels(Digits(), "train")
    own = torch.Generator().manual_seed(0)
    rubbish = junk(images[:200], labels[:200], own)
    assert rubbish.dtype == torch.uint8 and rubbish.shape == images[:200].shape
    # Shuffled digits, a fifth of them, have the pixels of a digit.
    shuffled = rubbish[2::5].flatten(1).sort(dim=1).values
    assert torch.equal(shuffled, images[:200][2::5].flatten(1).sort(dim=1).values)


@pytest.mark.slow
def test_the_classifier_of_digits_knows_digits_and_refuses_junk(tmp_path: Path) -> None:
    oracle = oracle_of("digits", tmp_path)
    assert oracle.accuracy >= 0.93 and oracle.junk_rejected >= 0.85
    images, labels = images_and_labels(Digits(), "held_out")
    again = oracle_of("digits", tmp_path)
    assert torch.equal(oracle.classes(images), again.classes(images))
    assert float((again.classes(images) == labels).double().mean()) == oracle.accuracy
