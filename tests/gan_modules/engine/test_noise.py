import pytest
import torch

from gan_modules.engine.noise import Noise

CPU = torch.device("cpu")


@pytest.mark.parametrize("world", [2, 3, 4])
@pytest.mark.parametrize("n", [1, 20, 64, 130])
def test_ranks_together_draw_what_one_process_draws(world: int, n: int) -> None:
    whole = Noise(7).normal(world * n, 3, device=CPU)
    parts = [Noise(7, rank).normal(n, 3, device=CPU) for rank in range(world)]
    assert torch.equal(torch.cat(parts), whole)


def test_calls_rows_and_seeds_differ() -> None:
    noise = Noise(7)
    first, second = (noise.uniform(70, 2, device=CPU) for _ in range(2))
    other = Noise(8).uniform(70, 2, device=CPU)
    together = torch.cat([first, second, other])
    assert len(together.unique(dim=0)) == 210


def test_moments_are_those_of_the_law() -> None:
    normal = Noise(1).normal(40_000, 2, device=CPU)
    assert abs(float(normal.mean())) < 0.02 and abs(float(normal.std()) - 1) < 0.02
    uniform = Noise(1).uniform(40_000, device=CPU)
    assert float(uniform.min()) >= 0 and float(uniform.max()) < 1
    assert abs(float(uniform.mean()) - 0.5) < 0.01


def test_state_is_two_integers_and_continues_the_stream() -> None:
    noise = Noise(3)
    noise.normal(5, device=CPU)
    state = noise.state_dict()
    expected = noise.normal(5, device=CPU)
    again = Noise(0, rank=0)
    again.load_state_dict(state)
    assert state == {"seed": 3, "calls": 1}
    assert torch.equal(again.normal(5, device=CPU), expected)


def test_the_global_generator_is_not_touched() -> None:
    before = torch.get_rng_state()
    Noise(1).normal(100, 3, device=CPU)
    assert torch.equal(torch.get_rng_state(), before)


def test_double_precision_sees_the_same_draws() -> None:
    single = Noise(2).normal(4, 2, device=CPU)
    double = Noise(2).normal(4, 2, device=CPU, dtype=torch.float64)
    assert torch.equal(single.double(), double)
