"""What penalties do inside a game, and those on data, dropout and weights (11 to 14, 16, 20)."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from gan_modules.base import AdversarialModule
from gan_modules.engine.noise import Noise
from gan_modules.networks.blocks import spectral
from gan_modules.networks.dcgan import DCGANDiscriminator
from gan_modules.networks.equalized import EqualizedConv2d, EqualizedLinear
from gan_modules.networks.mlp import MLPDiscriminator, MLPGenerator
from gan_modules.objectives import NonSaturating
from gan_modules.regularizers import (
    R1,
    R2,
    Dragan,
    GradientPenalty,
    LipschitzPenalty,
    Orthogonal,
    Regularizer,
    WeightClipping,
    ZeroCentered,
    inconsistency,
)
from gan_modules.regularizers.weights import matrices
from tests.small_variants import FixedImages, build, sgd
from tests.test_every_variant import fit

PER_SAMPLE = [GradientPenalty(), LipschitzPenalty(), ZeroCentered(), R1(), R2(), Dragan()]


def name_of(regularizer: Regularizer) -> str:
    return type(regularizer).__name__


def quadratic(x: Tensor) -> Tensor:
    """``D(x) = |x|^2 / 2``, whose slope at x is the length of x."""
    return 0.5 * x.flatten(1).square().sum(1)


class Spy:
    """A score that remembers where it was asked."""

    def __init__(self) -> None:
        self.points = torch.empty(0)

    def __call__(self, x: Tensor) -> Tensor:
        self.points = x.detach()
        return quadratic(x)


def points(regularizer: Regularizer, real: Tensor, noise: Noise) -> Tensor:
    spy = Spy()
    regularizer.penalty(spy, real, real, noise)
    return spy.points


# -- in a game: known answers 11, 12, 16 -----------------------------------------------------------


def test_batch_normalised_scores_depend_on_the_other_samples_kat_11() -> None:
    discriminator = DCGANDiscriminator(32, 1, 4, "batch")
    x = torch.randn(4, 1, 32, 32, requires_grad=True)
    (gradient,) = torch.autograd.grad(discriminator(x)[0], x)
    assert gradient[1:].abs().max() > 1e-6


@pytest.mark.parametrize("regularizer", PER_SAMPLE, ids=name_of)
def test_per_sample_penalties_refuse_a_batch_normalised_discriminator_kat_11(
    regularizer: Regularizer,
) -> None:
    generator, plain = MLPGenerator(4, [1, 32, 32], 8), DCGANDiscriminator(32, 1, 4, "layer")
    coupled = DCGANDiscriminator(32, 1, 4, "batch")
    with pytest.raises(ValueError, match=f"mixes samples and voids .* {name_of(regularizer)}"):
        AdversarialModule(generator, coupled, NonSaturating(), [regularizer])
    AdversarialModule(generator, plain, NonSaturating(), [regularizer])


@pytest.mark.parametrize("variant", ["WGANGP", "WGANLP", "DRAGAN"])
def test_variants_with_a_penalty_refuse_batch_normalisation_kat_11(variant: str) -> None:
    with pytest.raises(ValueError, match=f"{variant}: discriminator.layers.3 is BatchNorm2d"):
        build(variant, normalization="batch")


def test_a_lazy_penalty_counts_sixteen_times_on_every_sixteenth_step_kat_12() -> None:
    real = FixedImages(4).images
    module = build("DRAGAN")
    lengths = {}
    for interval in (1, 16):
        module.regularizers = [R1(3.0, interval)]
        lengths[interval] = []
        for step in range(32):
            module.steps = {"discriminator": step, "generator": 0}
            terms = module.penalties(module.smooth_score(), real, real)
            lengths[interval].append(terms["r1"].item() if terms else 0.0)
    eager, lazy = lengths[1], lengths[16]
    assert [value > 0 for value in lazy] == [step % 16 == 0 for step in range(32)]
    assert lazy[16] == pytest.approx(16 * eager[16], rel=1e-6)
    assert sum(lazy[:16]) / 16 == pytest.approx(sum(eager[:16]) / 16, rel=1e-5)


def test_the_engine_steps_and_then_clips_kat_16() -> None:
    module = build("WGAN", clip=0.02, discriminator_steps=1)
    module.optimizer = sgd(100.0)
    fit(module, steps=1)
    weights = torch.cat([p.detach().flatten() for p in module.discriminator.parameters()])
    # Clipped before the step, a step as long would have left almost all of them outside.
    assert weights.abs().max() <= 0.02 and (weights.abs() >= 0.02 - 1e-9).double().mean() > 0.3


def test_clipping_reaches_biases_too_kat_16() -> None:
    network = nn.Sequential(nn.Linear(3, 2), nn.LayerNorm(2))
    for parameter in network.parameters():
        nn.init.constant_(parameter, -7.0)
    WeightClipping(0.5).after_step(network)
    assert all((parameter == -0.5).all() for parameter in network.parameters())


# -- consistency: known answer 13 ------------------------------------------------------------------


def test_inconsistency_of_two_looks_is_the_hand_example_kat_13() -> None:
    scores = torch.tensor([0.3]), torch.tensor([0.1])
    # Squares 0.2, 0.8, 0.5, 0.5 in four units: 0.5 on the average.
    gaps = torch.tensor([[0.2, 0.8, 0.5, 0.5]]).sqrt()
    features = torch.ones(1, 4), 1 + gaps
    assert 2.0 * inconsistency(scores, features).item() == pytest.approx(0.18, abs=1e-6)
    assert 2.0 * inconsistency(scores, features, 0.05).item() == pytest.approx(0.08, abs=1e-6)
    assert inconsistency(scores, features, 0.2).item() == 0.0


def test_the_margin_is_for_each_sample_and_not_for_their_mean_kat_13() -> None:
    scores = torch.tensor([1.0, 0.0]), torch.zeros(2)
    features = torch.zeros(2, 3), torch.zeros(2, 3)
    # Squares 1 and 0: half of (1 - 0.2), where the mean's excess would be 0.3.
    assert inconsistency(scores, features, 0.2).item() == pytest.approx(0.4)


def test_inconsistency_moves_both_looks_towards_each_other() -> None:
    one, other = torch.tensor([0.3], requires_grad=True), torch.tensor([0.1], requires_grad=True)
    f, g = torch.ones(1, 2, requires_grad=True), torch.zeros(1, 2, requires_grad=True)
    inconsistency((one, other), (f, g)).backward()
    assert one.grad is not None and other.grad is not None
    assert one.grad.item() == pytest.approx(0.4) and other.grad.item() == pytest.approx(-0.4)
    assert f.grad is not None and f.grad.tolist() == [[pytest.approx(0.1)] * 2]
    assert g.grad is not None and torch.equal(g.grad, -f.grad)


# -- DRAGAN: known answer 14 -----------------------------------------------------------------------


@pytest.mark.parametrize("symmetric", [False, True])
def test_dragan_without_noise_is_the_gradient_penalty_at_the_data_kat_14(symmetric: bool) -> None:
    network = MLPDiscriminator([1, 2, 3], hidden=5, activation="tanh").double()
    real = torch.rand(6, 1, 2, 3, dtype=torch.float64) * 2 - 1
    found = Dragan(7.0, 1.0, 0.0, symmetric).penalty(network, real, real.flip(0), Noise())
    # Between a sample and itself there is only the sample.
    expected = GradientPenalty(7.0).penalty(network, real, real, Noise())
    torch.testing.assert_close(found, expected)


def test_dragan_asks_between_a_real_sample_and_its_noisy_copy() -> None:
    real = torch.randn(50, 2, 3, 3, dtype=torch.float64) * 3 + 1
    own = Noise(8)
    moved = points(Dragan(noise_scale=0.5), real, Noise(8)) - real
    options = {"device": real.device, "dtype": real.dtype}
    drawn = own.uniform(50, 2, 3, 3, **options)  # type: ignore[arg-type]
    share = own.uniform(50, 1, 1, 1, **options)  # type: ignore[arg-type]
    torch.testing.assert_close(moved, share * 0.5 * real.std(correction=0) * drawn)
    # One sign, one standard deviation for all numbers, one share for each sample.
    assert (moved >= 0).all() and share.unique().numel() == 50


def test_symmetric_dragan_asks_at_the_noisy_copy_inside_the_range_of_images() -> None:
    real = torch.rand(40, 1, 4, 4, dtype=torch.float64) * 1.8 - 0.9
    found = points(Dragan(noise_scale=0.5, symmetric=True), real, Noise(2))
    drawn = Noise(2).uniform(40, 1, 4, 4, device=real.device, dtype=real.dtype)
    expected = real + real.std(correction=0) * (drawn - 0.5)
    torch.testing.assert_close(found, expected.clamp(-1, 1))
    assert expected.abs().max() > 1 and (found < real).any() and (found > real).any()
    plane = 5 * torch.randn(40, 2, dtype=torch.float64)
    assert points(Dragan(symmetric=True), plane, Noise()).abs().max() > 1


# -- zero-centred ----------------------------------------------------------------------------------


def test_zero_centred_penalty_is_the_mean_square_between_the_pairs() -> None:
    real, fake = torch.randn(2, 6, 3, dtype=torch.float64)
    found = ZeroCentered(4.0).penalty(quadratic, real, fake, Noise(1))
    share = Noise(1).uniform(6, 1, device=real.device, dtype=real.dtype)
    expected = 4.0 * (fake + share * (real - fake)).square().sum(1).mean()
    torch.testing.assert_close(found, expected)


# -- orthogonal: known answer 20 -------------------------------------------------------------------


def with_weight(layer: nn.Module, weight: Tensor) -> nn.Module:
    layer.get_parameter("weight").data = weight.clone()
    return layer


def rows(*lengths: float, size: int = 5) -> Tensor:
    """Rows at right angles, of these lengths."""
    basis = torch.linalg.qr(torch.randn(size, size, dtype=torch.float64)).Q[: len(lengths)]
    return basis * torch.tensor(lengths, dtype=torch.float64)[:, None]


def test_rows_at_right_angles_cost_nothing_whatever_their_lengths_kat_20() -> None:
    layer = with_weight(nn.Linear(5, 3), rows(1.0, 2.0, 3.0))
    assert Orthogonal(1.0).weight_penalty(layer).item() == pytest.approx(0.0, abs=1e-20)
    # Lengths 1, 2, 3 are 0, 3 and 8 from 1 when squared.
    assert Orthogonal(0.5, "soft").weight_penalty(layer).item() == pytest.approx(0.5 * 73)
    assert Orthogonal(0.5, "spectral", iterations=60).weight_penalty(layer).item() == pytest.approx(
        0.5 * 8
    )
    unit = with_weight(nn.Linear(5, 3), rows(1.0, 1.0, 1.0))
    for kind in ("off_diagonal", "soft", "spectral"):
        value = Orthogonal(1.0, kind).weight_penalty(unit)  # type: ignore[arg-type]
        assert value.item() == pytest.approx(0.0, abs=1e-14)
        value.backward()
        assert torch.isfinite(unit.get_parameter("weight").grad).all()  # type: ignore[arg-type]


def test_gradients_are_the_closed_forms_kat_20() -> None:
    weight = torch.randn(4, 6, dtype=torch.float64)
    gram, eye = weight @ weight.T, torch.eye(4).double()
    left, values, right = torch.linalg.svd(gram - eye)
    top = left[:, :1] @ right[:1]
    assert values[0] > 1.1 * values[1]
    for kind, expected in {
        "off_diagonal": 4 * 0.3 * (gram * (1 - eye)) @ weight,
        "soft": 4 * 0.3 * (gram - eye) @ weight,
        "spectral": 2 * 0.3 * top @ weight,
    }.items():
        layer = with_weight(nn.Linear(6, 4), weight)
        regularizer = Orthogonal(0.3, kind, iterations=400)  # type: ignore[arg-type]
        regularizer.weight_penalty(layer).backward()
        torch.testing.assert_close(layer.get_parameter("weight").grad, expected)


def test_two_rows_off_the_right_angle_pay_twice_their_squared_product_kat_20() -> None:
    layer = with_weight(nn.Linear(2, 2), torch.tensor([[1.0, 0.0], [3.0, 4.0]]))
    assert Orthogonal(0.1).weight_penalty(layer).item() == pytest.approx(0.1 * 2 * 9)
    assert Orthogonal(0.1, "soft").weight_penalty(layer).item() == pytest.approx(
        0.1 * (2 * 9 + 24**2)
    )


def test_more_outputs_than_inputs_pay_what_their_own_gram_matrix_says_kat_20() -> None:
    """These go through the smaller Gram matrix of the columns, to the same values and gradients."""
    weight = torch.randn(7, 3, dtype=torch.float64)
    gram, eye = weight @ weight.T, torch.eye(7).double()
    for kind, rest in {"off_diagonal": gram * (1 - eye), "soft": gram - eye}.items():
        layer = with_weight(nn.Linear(3, 7), weight)
        value = Orthogonal(0.3, kind).weight_penalty(layer)  # type: ignore[arg-type]
        torch.testing.assert_close(value, 0.3 * rest.square().sum())
        value.backward()
        torch.testing.assert_close(layer.get_parameter("weight").grad, 1.2 * rest @ weight)


def test_the_spectral_kind_is_the_largest_singular_value_even_where_both_signs_have_it() -> None:
    # Squared lengths 2 and 0: the eigenvalues of S - I are 1 and -1.
    layer = with_weight(nn.Linear(4, 2), torch.diag(torch.tensor([2.0**0.5, 0.0, 0, 0]))[:2])
    assert Orthogonal(1.0, "spectral").weight_penalty(layer).item() == pytest.approx(1.0)


def test_rows_are_the_outputs_of_every_kind_of_layer() -> None:
    network = nn.ModuleDict(
        {
            "linear": nn.Linear(6, 4),
            "conv": nn.Conv2d(3, 5, 2),
            "up": nn.ConvTranspose2d(7, 2, 3),
            "spectral": spectral(nn.ConvTranspose2d(8, 3, 3)),
            "equalized": EqualizedConv2d(4, 9, 3),
            "norm": nn.BatchNorm2d(5),
            "embedding": nn.Embedding(10, 4),
        }
    )
    shapes = [tuple(matrix.shape) for matrix in matrices(network)]
    assert shapes == [(4, 6), (5, 12), (2, 63), (3, 72), (9, 36)]
    up = network["up"].get_parameter("weight")
    torch.testing.assert_close(list(matrices(network))[2][1], up[:, 1].flatten())


def test_embeddings_and_vectors_are_left_alone_and_alone_cost_nothing() -> None:
    network = nn.Sequential(nn.Embedding(4, 3), nn.LayerNorm(3))
    value = Orthogonal(1.0).weight_penalty(network)
    assert value.item() == 0.0 and not value.requires_grad


def test_equalised_weights_count_as_used_and_spectrally_normalised_ones_as_stored() -> None:
    equalized = EqualizedLinear(6, 4, gain=1.0)
    plain = with_weight(nn.Linear(6, 4), equalized.weight.detach() / 6**0.5)
    soft = Orthogonal(1.0, "soft")
    torch.testing.assert_close(soft.weight_penalty(equalized), soft.weight_penalty(plain))
    normalised = spectral(nn.Linear(6, 4))
    vectors = [buffer.clone() for buffer in normalised.buffers()]
    stored = normalised.parametrizations.weight.original  # type: ignore[union-attr, index]
    plain = with_weight(nn.Linear(6, 4), stored.detach())
    found = soft.weight_penalty(normalised)
    torch.testing.assert_close(found, soft.weight_penalty(plain))
    # Looking at the weights is no power iteration.
    assert parametrize.is_parametrized(normalised)
    assert all(map(torch.equal, vectors, normalised.buffers()))


@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_it_moves_the_player_that_it_is_given_and_is_due_on_its_steps(player: Any) -> None:
    generator, discriminator = MLPGenerator(4, [1, 32, 32], 8), MLPDiscriminator([1, 32, 32], 8)
    regularizer = Orthogonal(1e-3, player=player, interval=2)
    module = AdversarialModule(generator, discriminator, NonSaturating(), [regularizer])
    module.steps = {"generator": 0, "discriminator": 1}
    batch = {"image": FixedImages(4).images}
    if player == "discriminator":
        assert "orthogonal" not in module.discriminator_losses(batch)
        module.steps = {"generator": 1, "discriminator": 0}
    losses = {
        "generator": module.generator_losses(batch),
        "discriminator": module.discriminator_losses(batch),
    }
    network = module.get_submodule(player)
    expected = 2 * regularizer.weight_penalty(network)
    torch.testing.assert_close(losses.pop(player)["orthogonal"], expected)
    assert all("orthogonal" not in terms for terms in losses.values())
    fit(module, steps=1)
    assert f"train/{player}/orthogonal" in module.last_statistics


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Orthogonal(0.0), "Orthogonal: weight must be positive and finite, got 0.0"),
        (lambda: Orthogonal(kind="hard"), "kind must be one of off_diagonal, soft, spectral, got"),
        (lambda: Orthogonal(player="critic"), "player must be one of generator, discriminator"),
        (lambda: Orthogonal(iterations=0), "iterations must be a positive integer, got 0"),
        (
            lambda: Orthogonal(interval=0),
            "interval must be a positive integer, got 0; 1 applies",
        ),
    ],
)
def test_numbers_out_of_range_are_refused_by_name_and_value(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_each_player_may_have_a_regularizer_of_one_kind() -> None:
    networks = MLPGenerator(4, (1, 32, 32), 8, 2), MLPDiscriminator((1, 32, 32), 8, 2)
    both = [Orthogonal(player="generator"), Orthogonal(player="discriminator")]
    module = AdversarialModule(*networks, NonSaturating(), both)
    assert len(module.regularizers) == 2
    with pytest.raises(ValueError, match=r"must differ, got \['orthogonal'\] twice for one player"):
        AdversarialModule(*networks, NonSaturating(), [both[0], Orthogonal(player="generator")])
