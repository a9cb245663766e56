"""What ``benchmarks.domains`` says of digits that are erased and come back."""

import pytest
import torch
from torch import Tensor

from benchmarks.domains.hiding import images_of, told
from benchmarks.domains.sheets import DigitsAndSheets
from callbacks.metrics.steganography import steganography


@pytest.fixture(scope="module")
def blank() -> DigitsAndSheets:
    data = DigitsAndSheets("blank", batch_size=4)
    data.prepare_data()
    data.setup("fit")
    return data


def test_sheets_show_nothing_and_negatives_show_other_digits(blank: DigitsAndSheets) -> None:
    a, b = (blank.reference("train", domain)[0]["image"] for domain in ("a", "b"))
    assert a.shape == b.shape == (1, 32, 32) and a.float().std() > 20 and b.float().std() == 0
    negative = DigitsAndSheets("negative", batch_size=4)
    negative.prepare_data()
    negative.setup("fit")
    digits = {bytes(negative.reference("train", "a")[i]["image"].numpy()) for i in range(200)}
    others = [255 - negative.reference("train", "b")[i]["image"] for i in range(200)]
    assert not any(bytes(one.numpy()) in digits for one in others)
    # A digit is dark paper with a few light pixels, its negative the other way round.
    assert torch.stack(others).float().mean() < 80


def test_a_whisper_is_hiding_and_a_negative_is_not(blank: DigitsAndSheets) -> None:
    images = images_of(blank)
    digits, sheets = images.of("a"), images.of("b")

    def columns(loudness: float) -> dict[str, float]:
        sent = digits * loudness
        found = steganography(
            digits, sheets, lambda x: x * loudness, lambda x: (x / loudness).clamp(-1, 1)
        )
        return told(found, sent)

    loud, whisper = columns(-1.0), columns(0.01)
    assert loud["hiding"] == 0 and whisper["hiding"] == 1
    assert loud["comes back"] == pytest.approx(1) and whisper["comes back"] == pytest.approx(1)
    assert loud["destroyed by one grey level"] < 0.02 < whisper["destroyed by one grey level"]
    spread = "deviation within a sheet (levels)"
    assert whisper[spread] == pytest.approx(loud[spread] / 100)
    assert loud[spread] == pytest.approx(127.5 * float(mean_deviation(digits)))


def mean_deviation(images: Tensor) -> Tensor:
    return torch.stack([image.flatten().std() for image in images]).mean()
