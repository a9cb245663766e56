"""AdaLIN and the class activation of U-GAT-IT, domain norms and shared layers of UNIT."""

import copy
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_modules.networks.adalin import LIN, AdaLIN, clip_rho
from gan_modules.networks.class_activation import ClassActivation
from gan_modules.networks.domain_norm import CondInstanceNorm
from gan_modules.networks.ugatit import UGATITDiscriminator, UGATITGenerator
from gan_modules.networks.unit import UNITDecoder, UNITEncoder, share_head, share_tail


def maps(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64) * 2 + 1


def test_adalin_is_instance_norm_at_one_layer_norm_at_zero_and_linear_between_k19() -> None:
    x, gain, bias = maps(3, 4, 6, 6), maps(3, 4), maps(3, 4)
    outputs = {}
    for rho in (0.0, 0.3, 1.0):
        norm = AdaLIN(4, rho).double()
        outputs[rho] = norm(x, gain, bias)
    shape = (3, 4, 1, 1)
    for rho, normed in ((1.0, F.instance_norm(x)), (0.0, F.group_norm(x, 1))):
        expected = gain.view(shape) * normed + bias.view(shape)
        torch.testing.assert_close(outputs[rho], expected, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(outputs[0.3], 0.3 * outputs[1.0] + 0.7 * outputs[0.0])
    assert (outputs[1.0] - outputs[0.0]).abs().max() > 0.1


def test_rho_is_of_each_map_and_learns() -> None:
    norm, x = AdaLIN(2, 0.5).double(), maps(2, 2, 5, 5)
    with torch.no_grad():
        norm.rho[0], norm.rho[1] = 1.0, 0.0
    output = norm(x, torch.ones(1, 2).double(), torch.zeros(1, 2).double())
    torch.testing.assert_close(output[:, 0], F.instance_norm(x)[:, 0])
    torch.testing.assert_close(output[:, 1], F.group_norm(x, 1)[:, 1])
    (output * torch.randn_like(output)).sum().backward()
    assert norm.rho.grad is not None and norm.rho.grad.all()


def test_rho_starts_at_09_and_0_and_lin_has_its_own_gain_and_bias() -> None:
    assert AdaLIN(3).rho.unique().item() == pytest.approx(0.9)
    lin, x = LIN(3).double(), maps(2, 3, 4, 4)
    assert not lin.rho.any()
    torch.testing.assert_close(lin(x), F.group_norm(x, 1))
    with torch.no_grad():
        lin.gain.fill_(2.0)
        lin.bias.fill_(-1.0)
    torch.testing.assert_close(lin(x), 2 * F.group_norm(x, 1) - 1)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_rho_is_clipped_after_a_huge_step_and_nothing_else_is_k20(sign: float) -> None:
    generator = UGATITGenerator(1, 1, width=2, blocks=1)
    optimizer = torch.optim.SGD(generator.parameters(), lr=1.0)
    for parameter in generator.parameters():
        parameter.grad = torch.full_like(parameter, 1e6 * sign)
    optimizer.step()
    others = {k: v.clone() for k, v in generator.named_parameters() if not k.endswith("rho")}
    clip_rho(generator)
    rhos = [value for key, value in generator.named_parameters() if key.endswith("rho")]
    assert len(rhos) == 2 + 2
    assert all(bool((rho == (0.0 if sign > 0 else 1.0)).all()) for rho in rhos)
    assert all(torch.equal(generator.get_parameter(key), value) for key, value in others.items())


def test_rho_inside_its_range_is_left_alone_k20() -> None:
    generator = UGATITGenerator(1, 1, width=2, blocks=1)
    before = copy.deepcopy(generator.state_dict())
    clip_rho(generator)
    assert all(torch.equal(before[key], value) for key, value in generator.state_dict().items())


@pytest.mark.parametrize("rho", [-0.1, 1.1])
def test_rho_out_of_range_is_refused(rho: float) -> None:
    with pytest.raises(ValueError, match=rf"AdaLIN: rho must lie in \[0, 1\], got {rho}"):
        AdaLIN(3, rho)


def test_constant_maps_give_both_classifiers_the_same_score_and_a_flat_heatmap_k21() -> None:
    layer = ClassActivation(4, nn.ReLU(), shared=True, normalized=False).double()
    x = maps(2, 4, 1, 1).expand(-1, -1, 5, 5)
    mixed, scores, heatmap = layer(x)
    torch.testing.assert_close(scores[:, 0], scores[:, 1])
    torch.testing.assert_close(heatmap, heatmap[:, :, :1, :1].expand_as(heatmap))
    assert mixed.shape == (2, 4, 5, 5) and heatmap.shape == (2, 1, 5, 5)
    uneven = maps(2, 4, 5, 5)
    _, scores, heatmap = layer(uneven)
    assert (scores[:, 0] - scores[:, 1]).abs().min() > 1e-6 and heatmap.std() > 1e-6
    _, scores, _ = ClassActivation(4, nn.ReLU(), shared=False, normalized=False).double()(x)
    assert (scores[:, 0] - scores[:, 1]).abs().min() > 1e-6


@pytest.mark.parametrize("normalized", [False, True])
def test_class_activation_weighs_maps_by_its_classifiers(normalized: bool) -> None:
    layer = ClassActivation(3, nn.ReLU(), shared=False, normalized=normalized).double().eval()
    x = maps(2, 3, 4, 4)
    mixed, scores, heatmap = layer(x)
    classifiers: Any = layer.classifiers
    means, maxima = (classifier.weight[0] for classifier in classifiers)
    torch.testing.assert_close(scores[:, 0], (x.mean((2, 3)) * means).sum(1))
    torch.testing.assert_close(scores[:, 1], (x.flatten(2).max(2).values * maxima).sum(1))
    both = torch.cat([x * means.view(3, 1, 1), x * maxima.view(3, 1, 1)], 1)
    expected = layer.mix(both).relu()
    torch.testing.assert_close(mixed, expected)
    torch.testing.assert_close(heatmap[:, 0], expected.sum(1))
    if normalized:
        # Of a vector the spectral norm is the length: it is this weight that counts.
        assert means.norm().item() == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize(
    ("size", "layers", "side"),
    [(256, 5, 30), (256, 7, 6), (128, 5, 14), (128, 7, 2), (64, 4, 14), (64, 6, 2)],
)
def test_local_and_global_discriminators_have_the_papers_maps(
    size: int, layers: int, side: int
) -> None:
    with torch.device("meta"):
        network = UGATITDiscriminator(1, width=1, layers=layers).eval()
    assert network(torch.empty(1, 1, size, size, device="meta")).shape == (1, 1, side, side)


def test_every_weight_of_the_discriminator_but_the_mix_is_spectrally_normalised() -> None:
    network = UGATITDiscriminator(1, width=2, layers=4).eval()
    norms = {
        name: torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item()
        for name, layer in network.named_modules()
        if isinstance(layer, (nn.Conv2d, nn.Linear))
    }
    free = [name for name, norm in norms.items() if norm != pytest.approx(1.0, abs=0.1)]
    assert free == ["attention.mix"] and len(norms) == 3 + 2 + 1 + 1


def test_attended_has_the_image_of_the_forward_and_what_it_is_made_with() -> None:
    generator, x = UGATITGenerator(1, 3, width=2, blocks=1), torch.rand(2, 1, 16, 16)
    attended = generator.attended(x)
    torch.testing.assert_close(attended.output, generator(x))
    assert attended.cam_scores.shape == (2, 2) and attended.heatmap.shape == (2, 1, 4, 4)
    attended.cam_scores.sum().backward()
    assert generator.encoder[0].get_parameter("weight").grad is not None
    assert generator.decoder[-2].get_parameter("weight").grad is None


# -- the domain's norm, and UNIT -------------------------------------------------------------------


def test_domain_norm_starts_as_instance_norm_and_has_gains_of_each_domain() -> None:
    norm, x = CondInstanceNorm(3, 2).double(), maps(4, 3, 5, 5)
    domain = torch.tensor([0, 1, 0, 1])
    torch.testing.assert_close(norm(x, domain), F.instance_norm(x))
    with torch.no_grad():
        norm.norm.gain.weight[:, 1] = 0.5
        norm.norm.bias.weight[:, 1] = -2.0
    output = norm(x, domain)
    torch.testing.assert_close(output[::2], F.instance_norm(x)[::2])
    torch.testing.assert_close(output[1::2], 1.5 * F.instance_norm(x)[1::2] - 2)
    halfway = norm(x, torch.full((4, 2), 0.5, dtype=torch.float64))
    torch.testing.assert_close(halfway, 1.25 * F.instance_norm(x) - 1)


def test_domain_reaches_codes_and_images_through_reflected_borders() -> None:
    encoder = UNITEncoder(1, width=2, blocks=1, num_domains=2).double()
    decoder = UNITDecoder(1, width=2, blocks=1, num_domains=2).double()
    x, a, b = maps(1, 1, 16, 16), torch.tensor([0]), torch.tensor([1])
    torch.testing.assert_close(encoder(x, a), encoder(x, b))
    for network in (encoder, decoder):
        for layer in network.modules():
            if isinstance(layer, CondInstanceNorm):
                nn.init.normal_(layer.norm.gain.weight)
    assert (encoder(x, a) - encoder(x, b)).abs().max() > 1e-3
    code = encoder(x, a)
    assert (decoder(code, a) - decoder(code, b)).abs().max() > 1e-3


def test_unit_s_images_of_a_batch_do_not_mix() -> None:
    encoder, decoder = UNITEncoder(1, width=2, blocks=1), UNITDecoder(1, width=2, blocks=1)
    x = torch.rand(3, 1, 16, 16)
    assert encoder(x).shape == (3, encoder.code_channels, 4, 4)
    torch.testing.assert_close(decoder(encoder(x))[1:2], decoder(encoder(x[1:2])))


@pytest.mark.parametrize("network", ["unit", "ugatit"])
def test_residual_blocks_without_weights_are_the_identity(network: str) -> None:
    x = maps(2, 8, 4, 4)
    if network == "unit":
        block: Any = UNITEncoder(1, width=2, blocks=1).double().blocks[0]
        told: Any = (None,)
    else:
        block = UGATITGenerator(1, 1, width=2, blocks=1).double().blocks[0]
        told = (maps(2, 8), torch.zeros(2, 8).double())
    assert not torch.equal(block(x, *told), x)
    for layer in block.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.zeros_(layer.weight)
    torch.testing.assert_close(block(x, *told), x)


def ids(network: nn.Module) -> set[int]:
    return {id(parameter) for parameter in network.parameters()}


def test_shared_blocks_are_one_module_with_the_sum_of_both_gradients() -> None:
    one, other = (UNITEncoder(1, width=2, blocks=3).double() for _ in range(2))
    assert not ids(one) & ids(other)
    share_tail(one, other)
    assert one.blocks[-1] is other.blocks[-1] and one.blocks[-2] is not other.blocks[-2]
    assert ids(one) & ids(other) == ids(one.blocks[-1])
    x = maps(2, 1, 16, 16)
    direction = maps(2, 8, 4, 4)
    (weight, *_) = one.blocks[-1].parameters()
    gradients = []
    for parts in ([one], [other], [one, other]):
        loss = torch.stack([(part(x) * direction).sum() for part in parts]).sum()
        gradients.append(torch.autograd.grad(loss, weight)[0])
    torch.testing.assert_close(gradients[2], gradients[0] + gradients[1])
    both = nn.ModuleDict({"a": one, "b": other})
    assert len(list(both.parameters())) == len(ids(one) | ids(other))


def test_shared_head_stays_shared_through_copies_loads_and_casts() -> None:
    pair = nn.ModuleDict({key: UNITDecoder(1, width=2, blocks=3) for key in "ab"})
    one, other = pair["a"], pair["b"]
    assert isinstance(one, UNITDecoder) and isinstance(other, UNITDecoder)
    share_head(one, other, blocks=2)
    assert [one.blocks[i] is other.blocks[i] for i in range(3)] == [True, True, False]
    twin: Any = copy.deepcopy(pair)
    twin.load_state_dict(pair.state_dict())
    twin.double()
    assert twin["a"].blocks[0] is twin["b"].blocks[0]
    weights = [twin[key].blocks[0].first.convolution.weight for key in "ab"]
    assert weights[0].data_ptr() == weights[1].data_ptr() and weights[0].dtype == torch.float64


def test_networks_that_cannot_share_are_refused() -> None:
    with pytest.raises(ValueError, match="blocks to share must be at most .* got 3 of 2 and 2"):
        share_tail(UNITEncoder(1, 1, blocks=2), UNITEncoder(1, 1, blocks=2), blocks=3)
    with pytest.raises(ValueError, match="got 1 of 2 and 1; build both with equal blocks"):
        share_tail(UNITEncoder(1, 1, blocks=2), UNITEncoder(1, 1, blocks=1))
    with pytest.raises(ValueError, match="got 4 and 8 code channels; build both alike"):
        share_head(UNITDecoder(1, 1), UNITDecoder(1, 2))
