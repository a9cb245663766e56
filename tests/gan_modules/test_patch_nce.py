"""Contrast of patches: its value, its gradient, its places and its vectors."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from gan_modules.engine.noise import Noise
from gan_modules.networks.resnet_translator import ResnetTranslator
from gan_modules.patch_nce import PatchProjector, draw_places, patch_nce


def orthonormal(n: int) -> Tensor:
    square = torch.randn(n, n, dtype=torch.float64)
    return torch.linalg.qr(square)[0][None]


def unit(*shape: int) -> Tensor:
    return F.normalize(torch.randn(*shape, dtype=torch.float64), dim=2)


def test_orthonormal_features_have_the_closed_form_k49() -> None:
    vectors = orthonormal(64)
    loss = patch_nce(vectors, vectors)
    assert loss.item() == pytest.approx(math.log(1 + 63 * math.exp(-1 / 0.07)), rel=1e-6)
    assert loss.item() == pytest.approx(3.9e-5, rel=0.02)
    order = torch.randperm(64)
    torch.testing.assert_close(patch_nce(vectors[:, order], vectors[:, order]), loss)


def test_another_place_s_key_is_the_wrong_answer_k49() -> None:
    vectors = orthonormal(64)
    rolled = patch_nce(vectors, vectors.roll(1, dims=1))
    expected = 1 / 0.07 + math.log(1 + 63 * math.exp(-1 / 0.07))
    assert rolled.item() == pytest.approx(expected, rel=1e-9)


def test_equal_keys_leave_the_logarithm_of_the_number_of_places() -> None:
    keys = unit(2, 1, 8).expand(-1, 5, -1)
    assert patch_nce(unit(2, 5, 8), keys).item() == pytest.approx(math.log(5))


def test_loss_is_the_cross_entropy_over_the_places_of_the_same_image() -> None:
    queries, keys = unit(3, 4, 6), unit(3, 4, 6)
    expected = 0.0
    for n in range(3):
        for p in range(4):
            scores = [(queries[n, p] @ keys[n, k] / 0.5).item() for k in range(4)]
            expected += math.log(sum(map(math.exp, scores))) - scores[p]
    assert patch_nce(queries, keys, 0.5).item() == pytest.approx(expected / 12)


def test_gradient_pulls_queries_to_keys_which_are_constants() -> None:
    queries, keys = unit(1, 4, 6).requires_grad_(True), unit(1, 4, 6).requires_grad_(True)
    patch_nce(queries, keys).backward()
    assert keys.grad is None and queries.grad is not None
    with torch.no_grad():
        stepped = F.normalize(queries - 0.01 * queries.grad, dim=2)
        assert patch_nce(stepped, keys) < patch_nce(queries, keys)


def test_autocast_does_not_round_the_scores() -> None:
    queries, keys = unit(2, 16, 8).float(), unit(2, 16, 8).float()
    expected = patch_nce(queries, keys)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(patch_nce(queries, keys), expected)
        assert patch_nce(queries.bfloat16(), keys.bfloat16()).dtype == torch.float32


def test_places_differ_between_images_and_do_not_repeat() -> None:
    features = [torch.zeros(3, 2, 8, 8), torch.zeros(3, 4, 2, 3)]
    wide, narrow = draw_places(features, 16, Noise(1))
    assert wide.shape == (3, 16) and narrow.shape == (3, 6)
    assert all(len(row.unique()) == 16 for row in wide) and 0 <= wide.min() <= wide.max() < 64
    assert not torch.equal(wide[0], wide[1])
    assert torch.equal(narrow.sort(1).values, torch.arange(6).expand(3, -1))


def test_places_of_an_image_are_the_same_on_any_number_of_ranks() -> None:
    whole = draw_places([torch.zeros(4, 1, 6, 6)], 5, Noise(3))[0]
    halves = [draw_places([torch.zeros(2, 1, 6, 6)], 5, Noise(3, rank))[0] for rank in (0, 1)]
    assert torch.equal(whole, torch.cat(halves))


def test_projector_reads_the_pixels_that_places_name() -> None:
    projector = PatchProjector([2, 3], dim=4).double()
    features = [torch.randn(2, 2, 3, 4).double(), torch.randn(2, 3, 2, 2).double()]
    places = [torch.tensor([[0, 5, 11], [7, 1, 2]]), torch.tensor([[3], [0]])]
    vectors = projector(features, places)
    assert [v.shape for v in vectors] == [(2, 3, 4), (2, 1, 4)]
    for vector in vectors:
        torch.testing.assert_close(vector.norm(dim=2), torch.ones(vector.shape[:2]).double())
    row, column = divmod(7, 4)
    expected = projector.layers[0](features[0][1, :, row, column])
    torch.testing.assert_close(vectors[0][1, 0], F.normalize(expected, dim=0))


def test_projector_is_built_before_it_sees_a_batch() -> None:
    translator = ResnetTranslator(1, 1, width=2, blocks=2)
    layers = [0, 2, 4]
    projector = PatchProjector([translator.encoder_channels[layer] for layer in layers], dim=8)
    before = set(projector.state_dict())
    x = torch.rand(2, 1, 16, 16)
    features = translator.features(x, layers)
    fake = translator.features(translator(x), layers)
    places = draw_places(features, 4, Noise())
    pairs = zip(projector(fake, places), projector(features, places), strict=True)
    torch.stack([patch_nce(*pair) for pair in pairs]).sum().backward()
    assert set(projector.state_dict()) == before and len(before) == 12
    for network in (translator, projector):
        for key, parameter in network.named_parameters():
            assert parameter.grad is not None and torch.isfinite(parameter.grad).all(), key
            # A bias before an instance normalisation is taken out again: it has no slope.
            assert parameter.dim() == 1 or parameter.grad.any(), key


def test_shapes_and_numbers_out_of_range_are_refused() -> None:
    with pytest.raises(
        ValueError, match=r"must both be \(N, P, D\), got \(1, 2, 3\) and \(1, 3, 3"
    ):
        patch_nce(unit(1, 2, 3), unit(1, 3, 3))
    with pytest.raises(ValueError, match="temperature must be positive, got 0"):
        patch_nce(unit(1, 2, 3), unit(1, 2, 3), 0)
    with pytest.raises(ValueError, match="channels must name at least one layer, got none"):
        PatchProjector([])
    with pytest.raises(ValueError, match=r"channels\[1\] must be a positive integer, got 0"):
        PatchProjector([2, 0])
    with pytest.raises(ValueError, match=r"must have \[2\] channels, got \[3\]; build it for the"):
        PatchProjector([2])([torch.zeros(1, 3, 2, 2)], [torch.zeros(1, 1, dtype=torch.int64)])
