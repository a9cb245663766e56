import itertools
import re

import pytest
import torch

from datamodules.arithmetic import SYMBOLS, Arithmetic, random_share, strings, valid, valid_share


def numbers(*texts: str) -> torch.Tensor:
    return torch.tensor([[SYMBOLS.index(symbol) for symbol in text] for text in texts])


def test_the_grammar_decides_what_is_valid() -> None:
    good = ("x___", "x+x_", "x/x_")
    bad = ("____", "_x__", "x_x_", "xx__", "x+__", "x+xx", "x+x+", "+x__", "x__x", "x++x", "-x-_")
    assert valid(numbers(*good, *bad)).tolist() == [True] * len(good) + [False] * len(bad)
    assert valid_share(numbers(*good, *bad)) == 3 / 14
    assert Arithmetic().valid(numbers(*good, *bad)).sum() == 3
    assert valid(numbers("x*x", "x_x", "xxx")).tolist() == [True, False, False]
    assert valid(torch.tensor([[1, 6, 1], [1, -1, 1], [7, 0, 0]])).tolist() == [False] * 3


@pytest.mark.parametrize("length", [3, 4, 5])
def test_membership_is_what_enumeration_of_the_grammar_says(length: int) -> None:
    made = {"x"}
    while True:
        longer = {f"{a}{o}{b}" for a in made for b in made for o in "+-*/" if len(a + b) < length}
        if longer <= made:
            break
        made |= longer
    texts = ["".join(text) for text in itertools.product(SYMBOLS, repeat=length)]
    expected = [text in {string.ljust(length, "_") for string in made} for text in texts]
    assert valid(numbers(*texts)).tolist() == expected
    assert sum(expected) == strings(length)
    assert random_share(length) == pytest.approx(sum(expected) / len(texts), rel=1e-12)


def test_there_are_1365_strings_of_up_to_12_symbols() -> None:
    assert (strings(12), strings(11), strings(13)) == (1365, 1365, 5461)
    assert random_share(12) == pytest.approx(1365 / 6**12, rel=1e-12)
    data = Arithmetic(samples=1365, batch_size=1, held_out_share=0.2)
    rows = torch.from_numpy(data.load().array)
    assert valid_share(rows) == 1.0 and len(torch.unique(rows, dim=0)) == 1365
    operators = torch.bincount((rows >= 2).sum(1))
    assert operators.tolist() == [1, 4, 16, 64, 256, 1024]
    assert data.image_shape == (12,) and data.vocabulary == SYMBOLS
    assert all(re.fullmatch(r"x([-+*/]x)*_+", "".join(SYMBOLS[i] for i in r)) for r in rows[:99])


def test_fewer_strings_are_drawn_evenly_and_leave_some_that_are_new() -> None:
    rows = torch.from_numpy(Arithmetic(samples=1000).load().array)
    assert valid_share(rows) == 1.0 and len(torch.unique(rows, dim=0)) == 1000
    longest = int(((rows != 0).sum(1) == 11).sum())
    assert abs(longest - 750) < 40
    symbols = torch.bincount(rows.flatten(), minlength=6)
    assert symbols[2:].float().std() / symbols[2:].float().mean() < 0.05


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"length": 2}, r"length must lie in 3\.\.21, got 2; set length: 12"),
        ({"length": 22}, r"length must lie in 3\.\.21, got 22; set length: 12"),
        ({"samples": -1}, r"samples must lie in 2\.\.1365, the .* 12 symbols, got -1; set samples"),
        ({"length": 5, "samples": 22}, r"samples must lie in 2\.\.21, .*, got 22; set samples: 21"),
    ],
)
def test_sets_that_cannot_be_are_refused(arguments: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=f"^Arithmetic: {message}"):
        Arithmetic(**arguments)


@pytest.mark.parametrize("tokens", [torch.zeros(2, 3), torch.zeros(0, 3).long(), torch.tensor([1])])
def test_what_is_no_strings_is_refused(tokens: torch.Tensor) -> None:
    with pytest.raises(ValueError, match=r"^valid: tokens must be integers \(N, T\), .*, got"):
        valid(tokens)
