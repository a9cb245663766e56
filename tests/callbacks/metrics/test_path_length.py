"""Path lengths against closed forms."""

import math

import pytest
import torch
from torch import Tensor

from callbacks.metrics.path_length import path_lengths, summarised
from gan_modules.latents import lerp, slerp


def squared(first: Tensor, second: Tensor) -> Tensor:
    return (first - second).flatten(1).square().sum(1)


def test_on_a_line_under_a_linear_generator_it_is_the_squared_image_distance_of_the_ends() -> None:
    own = torch.Generator().manual_seed(0)
    matrix = torch.randn(6, 4, generator=own, dtype=torch.float64)
    start, end = torch.randn(2, 5, 4, generator=own, dtype=torch.float64)
    t = torch.rand(5, 1, generator=own, dtype=torch.float64)
    found = path_lengths(lambda w: w @ matrix.T, start, end, t, lerp, squared)
    torch.testing.assert_close(found, ((end - start) @ matrix.T).square().sum(1), rtol=1e-6, atol=0)


def test_on_a_great_circle_of_unit_points_it_is_the_squared_angle() -> None:
    own = torch.Generator().manual_seed(1)
    start, end = torch.nn.functional.normalize(
        torch.randn(2, 7, 3, generator=own, dtype=torch.float64), dim=-1
    )
    t = torch.full((7, 1), 0.3, dtype=torch.float64)
    found = path_lengths(lambda z: z, start, end, t, slerp, squared, step=1e-3)
    angle = (start * end).sum(1).arccos()
    torch.testing.assert_close(found, angle.square(), rtol=1e-5, atol=0)


def test_the_step_is_divided_out() -> None:
    start, end = torch.zeros(1, 2, dtype=torch.float64), torch.ones(1, 2, dtype=torch.float64)
    t = torch.zeros(1, 1, dtype=torch.float64)
    for step in (1e-4, 1e-2):
        found = path_lengths(lambda w: w, start, end, t, lerp, squared, step)
        assert float(found) == pytest.approx(2.0, rel=1e-8)


def test_the_extreme_percents_are_left_out() -> None:
    values = torch.cat([torch.arange(1.0, 100.0), torch.tensor([1e9, -1e9])]).double()
    found = summarised(values)
    assert found.kept == 99 and found.mean == pytest.approx(50.0)
    assert found.standard_error == pytest.approx(math.sqrt(99 * 100 / 12) / math.sqrt(99), rel=1e-6)
