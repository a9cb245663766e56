"""Resizing, hashing and the spaces that need no weights file."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.testing import assert_close

from callbacks.metrics.efflite import EffLiteSpace
from callbacks.metrics.features import FeatureSpace, IdentitySpace, resize, weights_hash
from callbacks.metrics.rand_vgg import RandomVGG, RandVGGSpace


@pytest.fixture(scope="module")
def efflite() -> EffLiteSpace:
    return EffLiteSpace()


def noise(n: int, channels: int = 3, side: int = 32, seed: int = 0) -> Tensor:
    draws = torch.Generator().manual_seed(seed)
    shape = (n, channels, side, side)
    return torch.randint(0, 256, shape, generator=draws, dtype=torch.uint8)


@pytest.mark.parametrize("size", [17, 32, 64, 299])
def test_resizing_a_constant_gives_the_constant(size: int) -> None:
    image = torch.full((1, 3, 64, 64), 201, dtype=torch.uint8)
    assert_close(resize(image, size), torch.full((1, 3, size, size), 201.0), rtol=0, atol=1e-3)


def test_shrunken_checkerboard_is_grey_and_would_not_be_without_antialias() -> None:
    board = ((torch.arange(64)[:, None] + torch.arange(64)[None]) % 2 * 255.0)[None, None]
    grey = resize(board, 32)[..., 2:-2, 2:-2]
    assert_close(grey, torch.full_like(grey, 127.5), rtol=0, atol=1.0)
    stripes = (torch.arange(64) % 4 < 2).float().mul(255.0).expand(1, 1, 64, 64)
    aliased = torch.nn.functional.interpolate(stripes, size=(16, 16), mode="nearest")
    assert aliased.std() == 0.0 and abs(float(aliased.mean()) - 127.5) > 100
    clean = resize(stripes, 16)[..., 2:-2, 2:-2]
    assert_close(clean, torch.full_like(clean, 127.5), rtol=0, atol=1.0)


@pytest.mark.parametrize("sizes", [(64, 32), (32, 64), (50, 299), (300, 96)])
def test_resizing_follows_pillow(sizes: tuple[int, int]) -> None:
    source, target = sizes
    # Away from black and white: Pillow cuts off overshoot after either direction, and rounds.
    images = noise(20, side=source) // 2 + 64
    ours = resize(images, target)
    for image, mine in zip(images, ours, strict=True):
        pillow = Image.fromarray(image.permute(1, 2, 0).numpy())
        pillow = pillow.resize((target, target), resample=Image.Resampling.BICUBIC)
        theirs = torch.from_numpy(np.array(pillow)).permute(2, 0, 1).float()
        assert (mine - theirs).abs().max() <= 1.5


def test_resizing_equals_the_unrounded_resize_of_clean_fid() -> None:
    from cleanfid.resize import build_resizer

    for image in noise(4, side=50):
        theirs = torch.from_numpy(build_resizer("clean")(image.permute(1, 2, 0).numpy()))
        assert_close(resize(image[None], 299)[0].permute(1, 2, 0), theirs, rtol=0, atol=0.01)


def test_resizing_to_the_same_size_changes_nothing() -> None:
    images = noise(2)
    assert torch.equal(resize(images, 32), images.float())


def test_hash_sees_every_change_of_the_weights() -> None:
    state = {"a": torch.zeros(2, 3), "b": torch.ones(3, dtype=torch.int64)}
    known = weights_hash(state)
    assert weights_hash(dict(reversed(state.items()))) == known
    changes = [
        {**state, "a": torch.zeros(3, 2)},
        {**state, "a": torch.zeros(2, 3).double()},
        {**state, "a": torch.tensor([[0, 0, 0], [0, 0, 1e-30]])},
        {"c": state["a"], "b": state["b"]},
    ]
    assert len({known, *map(weights_hash, changes)}) == 5


def test_points_are_their_own_features() -> None:
    space = IdentitySpace()
    points = torch.randn(5, 2)
    found = space(points.double())
    assert torch.equal(found.features, points)
    assert found.logits is None
    assert (space.takes_images, space.has_logits, space.dim) == (False, False, 2)
    with pytest.raises(ValueError, match="float points"):
        space(noise(2))


def test_random_network_is_the_same_bits_on_every_machine() -> None:
    known = "72b9c0b747a590648de735a7785e558acb49395823b9b7815ab1626ccd1363cf"
    assert RandVGGSpace().sha256 == known
    assert RandVGGSpace(64).sha256 == known
    assert RandVGGSpace(channels=4).sha256 != known


def test_random_network_is_he_initialised() -> None:
    for name, parameter in RandomVGG().named_parameters():
        if name.endswith("bias"):
            assert parameter.abs().max() == 0
            continue
        fan_in = parameter[0].numel()
        expected = (1.0 if name.startswith("projection") else 2.0) / fan_in
        assert float(parameter.detach().var()) == pytest.approx(expected, rel=0.15)


def test_random_features_tell_images_apart_by_content() -> None:
    space = RandVGGSpace()
    flat = torch.full((4, 3, 32, 32), 128, dtype=torch.uint8)
    a, b = space(noise(4, seed=1)).features, space(noise(4, seed=2)).features
    within = (a - b).norm(dim=1).mean()
    assert (a - space(flat).features).norm(dim=1).mean() > 5 * within > 0


@pytest.mark.parametrize("space", [RandVGGSpace(), RandVGGSpace(64), EffLiteSpace()])
def test_features_do_not_depend_on_the_company_of_a_sample(space: FeatureSpace) -> None:
    images = noise(70, side=40)
    whole = space(images).features
    parts = torch.cat([space(part).features for part in images.split([1, 3, 66])])
    assert whole.shape == (70, space.dim)
    assert whole.dtype == torch.float32
    assert_close(whole, parts, rtol=1e-4, atol=1e-5)


def test_grey_images_equal_their_rgb_copies() -> None:
    grey = noise(3, channels=1)
    space = RandVGGSpace()
    assert torch.equal(space(grey).features, space(grey.repeat(1, 3, 1, 1)).features)


def test_features_stay_exact_under_autocast_and_carry_no_gradient() -> None:
    space = RandVGGSpace()
    expected = space(noise(4)).features
    with torch.autocast("cpu", dtype=torch.bfloat16), torch.enable_grad():
        found = space(noise(4)).features
    assert torch.equal(found, expected)
    assert not found.requires_grad


def test_spaces_leave_the_global_generator_alone() -> None:
    before = torch.random.get_rng_state()
    for space in (RandVGGSpace(), EffLiteSpace()):
        space(noise(2))
    assert torch.equal(before, torch.random.get_rng_state())


def test_efficientnet_comes_with_its_published_hash_and_says_nothing(
    efflite: EffLiteSpace, capfd: pytest.CaptureFixture
) -> None:
    # The file carries the head of its hash in its name.
    assert efflite.sha256.startswith("57934424")
    EffLiteSpace(32)
    assert capfd.readouterr() == ("", "")
    assert not efflite.comparable_to_literature


def test_efficientnet_logits_belong_to_its_features(efflite: EffLiteSpace) -> None:
    found = efflite(noise(3))
    assert found.logits is not None
    assert found.features.shape == (3, 1280) and found.logits.shape == (3, 1000)
    assert_close(efflite._head(found.features), found.logits, rtol=1e-4, atol=1e-4)


def test_efficientnet_knows_a_daisy() -> None:
    from sklearn.datasets import load_sample_image

    flower = torch.from_numpy(load_sample_image("flower.jpg").copy()).permute(2, 0, 1)[None]
    logits = EffLiteSpace(224)(flower[..., 100:527]).logits
    assert logits is not None
    assert int(logits.argmax()) == 985


@pytest.mark.parametrize("space", [RandVGGSpace(), EffLiteSpace(32)])
def test_unreadable_samples_are_refused_with_the_remedy(space: FeatureSpace) -> None:
    with pytest.raises(ValueError, match=r"uint8 images .* torch.float32.*to_uint8"):
        space(torch.zeros(1, 3, 32, 32))
    with pytest.raises(ValueError, match="must have 3 channels, got 4"):
        space(noise(1, channels=4))
    with pytest.raises(ValueError, match="at least 1 image, got 0"):
        space(noise(1)[:0])
    with pytest.raises(ValueError, match="uint8 images"):
        space(noise(1)[0])


def test_too_small_inputs_are_refused() -> None:
    with pytest.raises(ValueError, match="size must be at least 32, got 16"):
        RandVGGSpace(16)
    with pytest.raises(ValueError, match="size must be at least 32, got 16"):
        EffLiteSpace(16)
