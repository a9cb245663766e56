"""The latent game: what each side minimises, and whose gradient it is."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from gan_modules.domain_confusion import fooled, require_fool, told_apart


class Fixed(nn.Module):
    """The same scores for every code, whatever it is; moved by its own weight alone."""

    def __init__(self, *scores: float) -> None:
        super().__init__()
        self.scores = nn.Parameter(torch.tensor(scores, dtype=torch.float64))

    def forward(self, codes: Tensor) -> Tensor:
        return self.scores + 0 * codes.flatten(1).sum(1, keepdim=True)


def codes(grad: bool = True) -> tuple[Tensor, Tensor]:
    own = torch.Generator().manual_seed(3)
    drawn = torch.randn(2, 3, 4, generator=own, dtype=torch.float64)
    a, b = (drawn[i].clone().requires_grad_(grad) for i in range(2))
    return a, b


def linear() -> nn.Linear:
    torch.manual_seed(4)
    return nn.Linear(4, 2).double()


def test_at_chance_every_way_costs_log_two_k30() -> None:
    for fool in ("flip", "uniform", "reverse"):
        value = fooled(Fixed(0.0, 0.0), *codes(), fool, 1.0)  # type: ignore[arg-type]
        assert value.item() == pytest.approx(math.log(2))
    own, accuracy = told_apart(Fixed(0.0, 0.0), *codes())
    assert own.item() == pytest.approx(math.log(2)) and accuracy.item() == 0.5


class Knowing(nn.Module):
    """Knows domains by the sign of the first number of a code: b is positive."""

    def forward(self, codes: Tensor) -> Tensor:
        score = 9.0 * codes[:, 0].sign()
        return torch.stack([-score, score], 1) / 2


def test_flip_wants_the_other_domain_and_uniform_none_k30() -> None:
    a, b = -torch.ones(3, 4), torch.ones(5, 4)
    own, accuracy = told_apart(Knowing(), a, b)
    sure = math.log1p(math.exp(-9))
    assert own.item() == pytest.approx(sure, rel=1e-3) and accuracy.item() == 1.0
    assert fooled(Knowing(), a, b, "flip", 2.0).item() == pytest.approx(2 * (9 + sure))
    assert fooled(Knowing(), b, a, "flip", 2.0).item() == pytest.approx(2 * sure, rel=1e-3)
    for first, second in ((a, b), (b, a)):
        value = fooled(Knowing(), first, second, "uniform", 2.0).item()
        assert value == pytest.approx(2 * (4.5 + sure)) and value > 2 * math.log(2)


def test_unlike_numbers_of_codes_keep_their_owners() -> None:
    weights = Fixed(1.0, 0.0)
    own, accuracy = told_apart(weights, torch.zeros(3, 4), torch.zeros(1, 4))
    p = math.log1p(math.exp(-1))
    assert own.item() == pytest.approx((3 * p + 1 * (1 + p)) / 4) and accuracy.item() == 0.75


def test_reversed_gradients_are_those_of_the_classifier_times_minus_the_weight_k31() -> None:
    a, b = codes()
    classifier = linear()
    own = cross_entropy(classifier(torch.cat([a, b])), torch.tensor([0, 0, 0, 1, 1, 1]))
    ordinary = torch.autograd.grad(own, [a, b, classifier.weight])
    value = fooled(classifier, a, b, "reverse", 0.3)
    assert value.item() == pytest.approx(own.item())
    found = torch.autograd.grad(value, [a, b])
    for reverse, plain in zip(found, ordinary[:2], strict=True):
        torch.testing.assert_close(reverse, -0.3 * plain)
    told = told_apart(classifier, a, b)[0]
    assert told.item() == pytest.approx(own.item())
    torch.testing.assert_close(torch.autograd.grad(told, classifier.weight)[0], ordinary[2])


def test_the_classifiers_own_side_does_not_reach_the_encoders_k30() -> None:
    a, b = codes()
    told_apart(linear(), a, b)[0].backward()
    assert a.grad is None and b.grad is None


@pytest.mark.parametrize(
    ("fool", "classifier", "message"),
    [
        ("hide", nn.Identity(), "Identity: fool must be one of flip, uniform, reverse, got hide"),
        ("flip", Fixed(0.0, 0.0), None),
    ],
)
def test_other_ways_are_refused(fool: str, classifier: nn.Module, message: Any) -> None:
    if message is None:
        return require_fool(nn.Identity(), fool, classifier)
    with pytest.raises(ValueError, match=message):
        require_fool(nn.Identity(), fool, classifier)
