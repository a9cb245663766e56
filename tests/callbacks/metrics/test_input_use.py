"""Input use: what is said of translators that are known to copy, mirror, negate or ignore."""

import math
from collections.abc import Callable
from itertools import count

import pytest
import torch
from torch import Tensor

from callbacks.metrics.alignment import fits_of
from callbacks.metrics.dependence import distance_correlation, retrieval
from callbacks.metrics.input_use import InputUse, grey_grid, input_use
from tests.small.batches import smooth

Way = Callable[[Tensor], Tensor]


def images(n: int = 256, seed: int = 0, channels: int = 1) -> Tensor:
    """Smooth ones of 64 x 64 pixels, with enough detail that all of them differ."""
    own = torch.Generator().manual_seed(seed)
    coarse = torch.rand(n, channels, 8, 8, generator=own) * 2 - 1
    return torch.nn.functional.interpolate(coarse, size=64, mode="bilinear")


def independent() -> Way:
    """Other images at every call, whatever the input."""
    seeds = count(10)
    return lambda x: images(len(x), next(seeds))


def noisy(x: Tensor) -> Tensor:
    own = torch.Generator().manual_seed(3)
    return x + 0.1 * torch.randn(x.shape, generator=own)


def constant(x: Tensor) -> Tensor:
    return images(1, 9).expand_as(x)


@pytest.mark.parametrize(
    ("forward", "verdict", "numbers"),
    [
        (lambda x: x, "aligned", {"spread": 1.0, "information": 5.50, "top1": 1.0}),
        (lambda x: x.flip(3), "mirrored", {"spread": 1.0, "dependence": 1.0, "p": 1 / 101}),
        (lambda x: -x, "negated", {"spread": 1.0, "dependence": 1.0, "top1": 0.0}),
        (constant, "constant", {"spread": 0.0, "dependence": 0.0, "information": 0.0}),
        (independent(), "ignoring", {"spread": 1.0, "dependence": 0.0, "top1": 1 / 256}),
        (noisy, "aligned", {"spread": 1.0, "dependence": 1.0, "information": 5.49, "top1": 1.0}),
    ],
    ids=["identity", "mirror", "negate", "constant", "independent", "input+noise"],
)
def test_the_verdicts_on_translators_that_are_known_k45(
    forward: Way, verdict: str, numbers: dict[str, float]
) -> None:
    found = input_use(images(), forward, permutations=100)
    assert found.verdict == verdict
    for name, value in numbers.items():
        assert getattr(found, name) == pytest.approx(value, abs=0.04), name
    assert (found.p < 0.01) == (verdict not in ("constant", "ignoring"))


def test_the_rest_of_the_table_k45() -> None:
    found = {
        name: input_use(images(), way, permutations=100)
        for name, way in {
            "identity": lambda x: x,
            "mirror": lambda x: x.flip(3),
            "negate": lambda x: -x,
            "constant": constant,
            "noise": noisy,
        }.items()
    }
    # Retrieval is blind to a mirrored copy, and worse than chance on a negated one.
    assert found["mirror"].information < 0.5 and found["mirror"].top1 < 0.1
    assert found["negate"].information < -10
    assert found["constant"].top1 == pytest.approx(1 / 256)
    for name, transformation in (("identity", "id"), ("mirror", "hflip"), ("negate", "id")):
        one = found[name]
        assert one.fits[transformation] == pytest.approx(1.0)
        assert max(v for k, v in one.fits.items() if k != transformation) < 0.25
        assert 0.05 < one.chance < 0.2
        assert one.transformation == transformation
    assert found["negate"].signed["id"] == pytest.approx(-1.0) and found["negate"].negated
    assert not found["identity"].negated and not found["mirror"].negated
    assert 0.9 < found["noise"].fits["id"] < 0.99
    # Outputs that are all alike have nothing of their own that could fit.
    assert set(found["constant"].fits.values()) == {0.0}
    assert all(math.isfinite(value) for value in found["constant"].numbers().values())


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("vflip", lambda x: x.flip(2)),
        ("rot180", lambda x: x.flip(2, 3)),
        ("transpose", lambda x: x.transpose(2, 3)),
        ("channels_210", lambda x: x.flip(1)),
        ("channels_120", lambda x: x.roll(-1, 1)),
    ],
)
@pytest.mark.parametrize("sign", [1, -1])
def test_which_transformation_was_learned_is_told(name: str, way: Way, sign: int) -> None:
    found = input_use(images(64, channels=3), lambda x: sign * way(x))
    assert (found.verdict, found.transformation) == ("mirrored", name)
    assert found.negated == (sign < 0)
    assert found.fits[name] == pytest.approx(1.0)


def test_what_all_images_share_does_not_hide_a_mirrored_translation() -> None:
    """Centred figures on white: two of them have more in common than a figure and its mirror."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, 64), torch.linspace(-1, 1, 64), indexing="ij")
    shape = torch.where(x**2 + y**2 < 0.5, -1.0, 1.0)
    inputs = torch.where(shape < 0, -0.6 + 0.4 * images(128), shape)
    assert input_use(inputs, lambda x: x.flip(3)).transformation == "hflip"
    found = input_use(inputs, lambda x: x.roll(1, 0))
    assert found.verdict == "ignoring" and found.fits["id"] < 0.25


def test_a_use_without_a_name_is_dependent() -> None:
    # A quarter turn with a mirror image is the transpose; a quarter turn alone is none of them.
    found = input_use(images(), lambda x: x.rot90(1, (2, 3)))
    assert (found.verdict, found.transformation) == ("dependent", "id")
    assert found.dependence == pytest.approx(1.0) and found.numbers()["uses_input"] == 1.0


def test_symmetric_pictures_are_aligned_and_not_mirrored() -> None:
    half = images(128)
    found = input_use((half + half.flip(3)) / 2, lambda x: x + 0.01 * noisy(x))
    assert found.fits["hflip"] == pytest.approx(found.fits["id"], abs=0.01)
    assert found.verdict == "aligned"
    # Nobody can see that these are mirrored, though the mirror image fits a little better.
    nearly = (half + half.flip(3)) / 2 + 0.1 * half
    found = input_use(nearly, lambda x: x.flip(3))
    assert found.fits["hflip"] > found.fits["id"] + 0.001 and found.verdict == "aligned"


def test_domains_of_other_channels_and_sizes_are_compared_in_grey_at_the_smaller_size() -> None:
    def shrink(x: Tensor) -> Tensor:
        return torch.nn.functional.avg_pool2d(x.mean(1, keepdim=True).flip(3), 2)

    found = input_use(images(64, channels=3), shrink)
    assert (found.verdict, found.transformation) == ("mirrored", "hflip")
    assert not any(name.startswith("channels") for name in found.fits)
    wide = images(64)[:, :, :32]
    assert "transpose" not in input_use(wide, lambda x: x).fits


def test_equivariance_is_zero_for_what_commutes_and_large_for_what_does_not() -> None:
    ramp = torch.linspace(0.5, 1, 64)
    assert input_use(images(32), lambda x: x.abs()).equivariance == {"hflip": 0.0, "vflip": 0.0}
    found = input_use(images(32), lambda x: x * ramp).equivariance
    assert found["vflip"] == 0.0 and 0.2 < found["hflip"] < 0.5
    assert input_use(images(32), lambda x: x * 0).equivariance["hflip"] == 0.0


@pytest.mark.parametrize(("weight", "share"), [(0.0, 0.0), (0.5, 0.5), (1.0, 1.0)])
def test_the_noise_share_goes_from_noise_ignored_to_input_ignored(
    weight: float, share: float
) -> None:
    def made(x: Tensor, seed: int) -> Tensor:
        noise = images(len(x), seed)
        return math.sqrt(1 - weight) * x + math.sqrt(weight) * noise

    seeds, others = count(20), count(40)
    found = input_use(images(), lambda x: made(x, next(seeds)), lambda x: made(x, next(others)))
    assert found.noise_share == pytest.approx(share, abs=0.05)
    assert input_use(images(32), lambda x: x).noise_share == 0.0
    assert input_use(images(32), lambda x: x * 0, lambda x: x * 0).noise_share == 0.0


@pytest.mark.parametrize(
    ("inputs", "forward"),
    [(images(32), lambda x: x * torch.nan), (images(1).expand(32, -1, -1, -1), lambda x: x)],
    ids=["not finite", "inputs alike"],
)
def test_what_cannot_be_judged_is_undecided(inputs: Tensor, forward: Way) -> None:
    found = input_use(inputs, forward)
    assert found.verdict == "undecided" and not found.negated
    assert found.to_dict()["verdict"] == "undecided"


def test_the_shuffle_gap_tells_whether_the_discriminator_looks_at_the_input() -> None:
    def looks(x: Tensor, y: Tensor) -> Tensor:
        return -(x - y).abs().mean((1, 2, 3))

    inputs = images(130)
    found = input_use(inputs, lambda x: x, judge=looks)
    # Its own input is 0 away from it, the one that is half of all images further is so far.
    apart = float((inputs - inputs.roll(65, 0)).abs().mean())
    assert found.shuffle_gap == pytest.approx(apart, rel=1e-5) and apart > 0.1
    assert found.numbers()["shuffle_gap"] == found.shuffle_gap
    assert input_use(images(32), lambda x: x, judge=lambda x, y: y[:, 0, 0, 0]).shuffle_gap == 0
    for judge in (None, lambda x, y: None):
        unseen = input_use(images(32), lambda x: x, judge=judge)
        assert unseen.shuffle_gap is None and "shuffle_gap" not in unseen.numbers()


def test_few_inputs_are_refused() -> None:
    with pytest.raises(ValueError, match="inputs must be at least 16, got 15; 256 are the default"):
        input_use(images(15), lambda x: x)


def test_features_may_be_of_another_kind() -> None:
    def mean(x: Tensor) -> Tensor:
        return x.mean((1, 2, 3))[:, None]

    own = torch.linspace(-1, 1, 64)[:, None, None, None]
    found = input_use(images(64), lambda x: x * 0 + own, feature=mean)
    assert isinstance(found, InputUse) and found.verdict == "ignoring"
    assert grey_grid(images(2, channels=3)).shape == (2, 256)
    assert grey_grid(smooth(2)[:, :, :8, :8]).shape == (2, 64)
    assert fits_of(images(8), images(8))[0]["id"] == pytest.approx(1.0)


# -- dependence ------------------------------------------------------------------------------------


def plain_correlation(left: Tensor, right: Tensor) -> float:
    """The squared distance correlation as first published: from double-centred distances."""
    centred = []
    for rows in (left, right):
        d = torch.cdist(rows, rows)
        centred.append(d - d.mean(0) - d.mean(1, keepdim=True) + d.mean())
    a, b = centred
    return float((a * b).mean() / ((a * a).mean() * (b * b).mean()).sqrt())


def slow_correlation(left: Tensor, right: Tensor) -> float:
    """The unbiased estimate, written out."""
    centred = []
    for rows in (left, right):
        d, n = torch.cdist(rows, rows), len(rows)
        u = torch.zeros(n, n, dtype=d.dtype)
        for i in range(n):
            for j in range(n):
                if i != j:
                    u[i, j] = d[i, j] - d[i].sum() / (n - 2) - d[j].sum() / (n - 2)
                    u[i, j] += d.sum() / ((n - 1) * (n - 2))
        centred.append(u)
    a, b = centred
    return float((a * b).sum() / ((a * a).sum() * (b * b).sum()).sqrt())


def test_the_unbiased_correlation_equals_its_formula() -> None:
    left = torch.randn(12, 3, dtype=torch.float64)
    right = left[:, :2] ** 2 + 0.3 * torch.randn(12, 2, dtype=torch.float64)
    assert distance_correlation(left, right).correlation == pytest.approx(
        slow_correlation(left, right), abs=1e-12
    )


def test_the_plain_estimate_is_far_from_zero_for_independence_and_the_unbiased_one_is_not() -> None:
    left, right = torch.randn(64, 256).double(), torch.randn(64, 256).double()
    assert math.sqrt(plain_correlation(left, right)) > 0.8
    found = distance_correlation(left, right)
    assert abs(found.correlation) < 0.1 and found.p > 0.05


def test_a_dependence_without_correlation_is_seen() -> None:
    angle = torch.rand(200, 1, dtype=torch.float64) * 6.28
    circle = distance_correlation(angle.cos(), angle.sin(), permutations=99)
    assert circle.p == 0.01 and circle.correlation > 0.02


def test_p_is_uniform_where_nothing_depends_on_anything() -> None:
    found = [distance_correlation(torch.randn(20, 2), torch.randn(20, 2), 19).p for _ in range(100)]
    assert 0.42 < sum(found) / 100 < 0.64 and min(found) >= 0.05


def test_no_spread_is_no_dependence() -> None:
    assert distance_correlation(torch.ones(20, 3), torch.randn(20, 3)) == (0.0, 1.0)
    assert distance_correlation(torch.randn(20, 3), torch.full((20, 3), 0.1)) == (0.0, 1.0)


@pytest.mark.parametrize(("n", "m"), [(3, 3), (8, 7)])
def test_rows_that_do_not_suffice_or_belong_together_are_refused(n: int, m: int) -> None:
    with pytest.raises(ValueError, match=f"same 4 rows or more, got {n} and {m}"):
        distance_correlation(torch.randn(n, 2), torch.randn(m, 2))


def test_retrieval_of_orthogonal_features_is_the_closed_form() -> None:
    eye = torch.eye(64)
    # Centred rows of the identity have cosine -1/63.
    expected = math.log(64) - math.log(1 + 63 * math.exp((-1 / 63 - 1) / 0.1))
    found = retrieval(eye, eye)
    assert found.information == pytest.approx(expected) and found.top1 == 1.0
    assert retrieval(eye, eye.roll(1, 0)).top1 == 0.0
    assert retrieval(eye, torch.ones(64, 64)) == pytest.approx((0.0, 1 / 64))
