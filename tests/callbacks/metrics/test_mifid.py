import pytest
import torch
from torch import Tensor, nn
from torchmetrics.image.mifid import MemorizationInformedFrechetInceptionDistance

from callbacks.metrics.frechet import frechet_from_features
from callbacks.metrics.mifid import InformedFrechet, training_distance
from callbacks.metrics.names import score_name


def features(n: int, seed: int, dim: int = 32) -> Tensor:
    """Positive, as pooled activations are."""
    return torch.randn(n, dim, generator=torch.Generator().manual_seed(seed)).exp()


TRAIN = features(600, 1)


def ours(fake: Tensor, train: Tensor, threshold: float) -> InformedFrechet:
    score = frechet_from_features(train, fake).value
    return InformedFrechet(score, training_distance(fake, train), threshold)


def theirs(first: Tensor, second: Tensor, threshold: float) -> float:
    metric = MemorizationInformedFrechetInceptionDistance(
        feature=nn.Identity(), cosine_distance_eps=threshold
    )
    metric.update(first.double(), real=True)
    metric.update(second.double(), real=False)
    return float(metric.compute())


@pytest.mark.parametrize("threshold", [0.1, 0.5])
def test_it_equals_torchmetrics_with_the_two_sides_swapped(threshold: float) -> None:
    """torchmetrics seeks the nearest fake of each real, so its reals must be our fakes."""
    fake = features(400, 2) * 1.2
    mine = ours(fake, TRAIN, threshold)
    assert mine.penalised == (threshold == 0.5)
    assert mine.value == pytest.approx(theirs(fake, TRAIN, threshold), rel=1e-4)


def test_copies_of_one_image_are_penalised_unlike_in_torchmetrics() -> None:
    fake = TRAIN[3:4].expand(500, -1) + 1e-4 * features(500, 4)
    mine = ours(fake, TRAIN, 0.1)
    assert mine.distance < 1e-6 and mine.penalised
    assert mine.value == pytest.approx(mine.frechet / mine.distance, rel=1e-3)
    # As shipped, it finds most training images far from the only one that is shown.
    assert theirs(TRAIN, fake, 0.1) == pytest.approx(mine.frechet, rel=1e-4)


def test_distance_is_the_mean_over_the_samples_of_the_smallest_angle() -> None:
    train = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    fake = torch.tensor([[5.0, 0.0], [1.0, 1.0], [-3.0, 0.0]])
    expected = (0.0 + 1 - 2**-0.5 + 0.0) / 3
    assert training_distance(fake, train) == pytest.approx(expected, rel=1e-12)


def test_rows_of_zeros_have_no_direction() -> None:
    train = torch.tensor([[1.0, 0.0], [0.0, 0.0]])
    fake = torch.tensor([[0.0, 1.0], [0.0, 0.0]])
    assert training_distance(fake, train) == 1.0
    assert training_distance(fake[1:], train) == 1.0


def test_pieces_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = features(50, 2)
    whole = training_distance(fake, TRAIN)
    monkeypatch.setattr("callbacks.metrics.mifid._BLOCK", 350)
    assert training_distance(fake, TRAIN) == pytest.approx(whole, rel=1e-12)


def test_no_penalty_from_the_threshold_on() -> None:
    assert InformedFrechet(4.0, 0.1, 0.1).value == 4.0
    assert InformedFrechet(4.0, 0.08, 0.1).value == pytest.approx(50.0)


def test_only_the_published_weights_make_a_mifid() -> None:
    assert score_name("mifd", "inception_v3_tf", True, 5000) == "mifid@5k"
    assert score_name("mifd", "inception_v3_tf", False, 5000) == "mifd_inception_v3_tf@5k"
    assert score_name("mifd", "rand_vgg", True, 1000) == "mifd_rand_vgg@1k"
