import pytest
import torch

from datamodules.batches import from_uint8, to_uint8


def test_bytes_survive_the_way_to_floats_and_back() -> None:
    levels = torch.arange(256, dtype=torch.uint8)
    floats = from_uint8(levels)
    assert floats.dtype == torch.float32
    assert (floats[0].item(), floats[255].item()) == (-1.0, 1.0)
    assert torch.equal(to_uint8(floats), levels)


@pytest.mark.parametrize(
    ("value", "level"),
    [(-1.5, 0), (1.5, 255), (0.0, 128), (100.6 / 127.5 - 1.0, 101), (100.4 / 127.5 - 1.0, 100)],
)
def test_floats_are_clamped_and_rounded_to_the_nearest_level(value: float, level: int) -> None:
    assert to_uint8(torch.tensor([value])).tolist() == [level]


def test_half_precision_is_quantised_in_single_precision() -> None:
    images = torch.linspace(-1, 1, 1001).to(torch.bfloat16)
    assert torch.equal(to_uint8(images), to_uint8(images.float()))


def test_argument_is_left_as_it_was() -> None:
    images = torch.tensor([0.3, 7.0])
    to_uint8(images)
    assert images.tolist() == pytest.approx([0.3, 7.0])
