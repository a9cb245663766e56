"""Every row of the table of f-divergences against its definition (known answer 4)."""

import copy
import math
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from gan_modules.divergences import FDivergence
from gan_modules.objectives import Minimax, NonSaturating
from gan_modules.unconditional.fgan import FGAN
from tests.small_variants import arguments, build

P = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
Q = torch.tensor([0.2, 0.3, 0.5], dtype=torch.float64)
# Another pair, which no exchange of atoms maps onto itself.
P_SKEW = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
Q_SKEW = torch.tensor([0.1, 0.2, 0.7], dtype=torch.float64)

DEFINITIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "kl": lambda u: u * u.log(),
    "rkl": lambda u: -u.log(),
    "pearson": lambda u: (u - 1) ** 2,
    "neyman": lambda u: (1 - u) ** 2 / u,
    "sq_hellinger": lambda u: (u.sqrt() - 1) ** 2,
    "js": lambda u: -(u + 1) * ((1 + u) / 2).log() + u * u.log(),
    "gan": lambda u: u * u.log() - (u + 1) * (u + 1).log(),
    "tv": lambda u: 0.5 * (u - 1).abs(),
}
CONJUGATES: dict[str, Callable[[Tensor], Tensor]] = {
    "kl": lambda t: (t - 1).exp(),
    "rkl": lambda t: -1 - (-t).log(),
    "pearson": lambda t: t**2 / 4 + t,
    "neyman": lambda t: 2 - 2 * (1 - t).sqrt(),
    "sq_hellinger": lambda t: t / (1 - t),
    "js": lambda t: -(2 - t.exp()).log(),
    "gan": lambda t: -(1 - t.exp()).log(),
    "tv": lambda t: t,
}
#: The raw score v at which g_f(v) is the optimal T = f'(u) of a ratio of densities u.
OPTIMA: dict[str, Callable[[Tensor], Tensor]] = {
    "kl": lambda u: 1 + u.log(),
    "rkl": lambda u: u.log(),
    "pearson": lambda u: 2 * (u - 1),
    "neyman": lambda u: 2 * u.log(),
    "sq_hellinger": lambda u: 0.5 * u.log(),
    "js": lambda u: u.log(),
    "gan": lambda u: u.log(),
    "tv": lambda u: 1e3 * (u - 1).sign(),
}
KNOWN = {
    "kl": 0.2748872196,
    "rkl": 0.2748872196,
    "pearson": 0.63,
    "neyman": 0.63,
    "sq_hellinger": 0.1350889359,
    "js": 0.1328286288,
    "gan": -1.2534657324,
    "tv": 0.3,
}
NAMES = list(DEFINITIONS)


def bound(objective: FDivergence, scores: Tensor, p: Tensor = P, q: Tensor = Q) -> float:
    """Minus D's loss on two batches of ten that hold each atom in proportion to its mass."""
    real, fake = (torch.arange(3).repeat_interleave((10 * law).round().int()) for law in (p, q))
    return -objective.discriminator_loss(scores[real], scores[fake]).item()


def divergence(name: str, p: Tensor = P, q: Tensor = Q) -> float:
    return float((q * DEFINITIONS[name](p / q)).sum())


@pytest.mark.parametrize("name", NAMES)
def test_bound_at_the_optimal_scores_is_the_divergence_kat_4(name: str) -> None:
    found = bound(FDivergence(name), OPTIMA[name](P / Q))
    assert found == pytest.approx(KNOWN[name], abs=1e-9)
    assert found == pytest.approx(divergence(name), abs=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_bound_on_a_lopsided_pair_is_the_divergence_too_kat_4(name: str) -> None:
    found = bound(FDivergence(name), OPTIMA[name](P_SKEW / Q_SKEW), P_SKEW, Q_SKEW)
    assert found == pytest.approx(divergence(name, P_SKEW, Q_SKEW), abs=1e-9)


def test_the_two_kl_are_equal_on_a_symmetric_pair_and_differ_on_another_kat_4() -> None:
    assert divergence("kl") == pytest.approx(divergence("rkl"), abs=1e-12)
    forward, backward = (
        bound(FDivergence(name), OPTIMA[name](P_SKEW / Q_SKEW), P_SKEW, Q_SKEW)
        for name in ("kl", "rkl")
    )
    assert abs(forward - backward) > 0.01
    by_definition = float((P_SKEW * (P_SKEW / Q_SKEW).log()).sum())
    assert forward == pytest.approx(by_definition, abs=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_bound_at_any_scores_is_below_the_divergence_kat_4(name: str) -> None:
    objective, best = FDivergence(name), divergence(name)
    for _ in range(50):
        assert bound(objective, 2 * torch.randn(3, dtype=torch.float64)) < best


@pytest.mark.parametrize("name", NAMES)
def test_conjugate_obeys_the_fenchel_identity_kat_4(name: str) -> None:
    for value in (0.3, 2.0, 5.0):
        u = torch.tensor(value, dtype=torch.float64, requires_grad=True)
        at_u = DEFINITIONS[name](u)
        (slope,) = torch.autograd.grad(at_u, u)
        score = OPTIMA[name](u.detach())
        objective = FDivergence(name)
        assert objective.activation(score).item() == pytest.approx(slope.item(), abs=1e-9)
        expected = u * slope - at_u
        assert objective.conjugate(score).item() == pytest.approx(expected.item(), abs=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_forms_in_the_score_equal_those_in_t_kat_4(name: str) -> None:
    scores = torch.linspace(-5, 5, 101, dtype=torch.float64)
    objective = FDivergence(name)
    t = objective.activation(scores)
    torch.testing.assert_close(objective.conjugate(scores), CONJUGATES[name](t))
    assert (t.diff() > 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_equal_laws_have_no_divergence_but_the_gans_offset_kat_4(name: str) -> None:
    one = DEFINITIONS[name](torch.ones(()).double()).item()
    assert one == pytest.approx(-math.log(4) if name == "gan" else 0.0, abs=1e-12)
    objective = FDivergence(name)
    undecided = OPTIMA[name](torch.ones(3).double())
    assert bound(objective, undecided, Q, Q) == pytest.approx(one, abs=1e-12)
    assert objective.activation(undecided[:1]).item() == pytest.approx(
        objective.threshold, abs=1e-12
    )
    assert objective.undecided_at_zero == (undecided[0].item() == 0)


def test_thresholds_are_the_slopes_at_one() -> None:
    assert {name: FDivergence(name).threshold for name in NAMES} == {
        "kl": 1.0,
        "rkl": -1.0,
        "pearson": 0.0,
        "neyman": 0.0,
        "sq_hellinger": 0.0,
        "js": 0.0,
        "gan": -math.log(2),
        "tv": 0.0,
    }


def test_the_gan_row_is_the_game_of_2014() -> None:
    real, fake = torch.randn(2, 30, dtype=torch.float64)
    for row, plain in (
        (FDivergence("gan"), Minimax()),
        (FDivergence("gan", "trick"), NonSaturating()),
    ):
        torch.testing.assert_close(
            row.discriminator_loss(real, fake), plain.discriminator_loss(real, fake)
        )
        torch.testing.assert_close(row.generator_loss(fake), plain.generator_loss(fake))


@pytest.mark.parametrize("name", NAMES)
def test_saturating_generator_lowers_the_very_bound_that_the_discriminator_raises(
    name: str,
) -> None:
    objective = FDivergence(name)
    fake = torch.randn(20, dtype=torch.float64, requires_grad=True)
    real = torch.randn(20, dtype=torch.float64)
    (of_d,) = torch.autograd.grad(objective.discriminator_loss(real, fake), fake)
    (of_g,) = torch.autograd.grad(objective.generator_loss(fake), fake)
    torch.testing.assert_close(of_g, -of_d)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("generator", ["saturating", "trick"])
def test_discriminator_raises_real_and_lowers_fake_and_generator_raises_fake(
    name: str, generator: Any
) -> None:
    objective = FDivergence(name, generator)
    real, fake = (torch.tensor([v]).double().requires_grad_(True) for v in (0.1, 0.2))
    to_real, to_fake = torch.autograd.grad(objective.discriminator_loss(real, fake), [real, fake])
    (of_g,) = torch.autograd.grad(objective.generator_loss(fake), fake)
    assert to_real < 0 < to_fake and of_g < 0


@pytest.mark.parametrize("name", ["rkl", "neyman", "sq_hellinger", "js", "gan"])
def test_the_trick_keeps_a_gradient_where_the_discriminator_wins(name: str) -> None:
    slopes = {}
    for generator in ("saturating", "trick"):
        won = torch.tensor([-6.0]).double().requires_grad_(True)
        loss = FDivergence(name, generator).generator_loss(won)  # type: ignore[arg-type]
        slopes[generator] = torch.autograd.grad(loss, won)[0].item()
    assert slopes["trick"] < -0.9
    if name in ("sq_hellinger", "js", "gan"):
        assert -0.01 < slopes["saturating"] < 0


@pytest.mark.parametrize("name", NAMES)
def test_the_forms_in_the_score_do_not_cancel_at_scores_that_float32_can_exponentiate(
    name: str,
) -> None:
    scores = torch.tensor([-80.0, -30.0, -1e-4, 1e-4, 30.0, 80.0])
    objective = FDivergence(name)
    for function in (objective.activation, objective.conjugate):
        single, double = function(scores), function(scores.double())
        assert torch.isfinite(single).all()
        # js has log 2 taken from its values, which are about 0 at 0.
        atol = 1e-7 if name == "js" else 0
        torch.testing.assert_close(single.double(), double, rtol=2e-5, atol=atol)


@pytest.mark.parametrize("name", ["pearson", "js", "gan", "tv"])
def test_rows_without_an_exponential_are_finite_at_scores_of_ten_thousand(name: str) -> None:
    for value in (-1e4, 1e4):
        real = torch.tensor([value], requires_grad=True)
        fake = torch.tensor([-value], requires_grad=True)
        loss = FDivergence(name).discriminator_loss(real, fake)
        assert torch.isfinite(loss)
        assert all(torch.isfinite(g).all() for g in torch.autograd.grad(loss, [real, fake]))


@pytest.mark.parametrize("name", NAMES)
def test_losses_are_means_and_reduced_in_float32(name: str) -> None:
    objective = FDivergence(name, "trick")
    real, fake = torch.randn(2, 16, dtype=torch.float64)
    halves = [objective.discriminator_loss(real[i::2], fake[i::2]).item() for i in range(2)]
    assert objective.discriminator_loss(real, fake).item() == pytest.approx(sum(halves) / 2)
    half = torch.full((3,), 1.5, dtype=torch.bfloat16)
    assert objective.discriminator_loss(half, half).dtype == torch.float32
    assert objective.generator_loss(half).dtype == torch.float32


def test_it_can_be_copied_and_sent_to_another_process() -> None:
    objective = FDivergence("js", "trick")
    scores = torch.randn(4)
    for again in (copy.deepcopy(objective), pickle.loads(pickle.dumps(objective))):
        assert torch.equal(again.generator_loss(scores), objective.generator_loss(scores))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FDivergence("hellinger"), "divergence must be one of kl, rkl, .* got hellinger"),
        (lambda: FDivergence("kl", "ns"), "generator must be one of saturating, trick, got ns"),
        (lambda: build("FGAN", divergence="x"), "FDivergence: divergence must be one of"),
    ],
)
def test_unknown_choices_are_refused_by_name_and_value(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_the_variant_hands_its_choices_to_the_objective() -> None:
    module = FGAN(**arguments("FGAN"), divergence="pearson", generator_loss="trick")
    objective = module.objective
    assert isinstance(objective, FDivergence)
    assert (objective.divergence, objective.generator) == ("pearson", "trick")
    assert module.latent == "uniform" and module.discriminator_clip_norm is None
    assert build("FGAN").objective.generator == "saturating"
