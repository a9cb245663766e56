from typing import Any

import pytest
import torch

from datamodules.number_words import NumberWords, spelled
from datamodules.two_domains import Domain, Split


def text(data: NumberWords, row: torch.Tensor) -> str:
    return " ".join(data.vocabulary[token] for token in row.tolist() if token > 2)


def test_numbers_are_spelled_without_commas_and_hyphens() -> None:
    assert " ".join(spelled(4273, "en")) == "four thousand two hundred and seventy three"
    assert " ".join(spelled(4273, "fr")) == "quatre mille deux cent soixante treize"
    assert " ".join(spelled(4273, "es")) == "cuatro mil doscientos setenta y tres"
    assert "".join(spelled(4273, "de", True)) == "viertausendzweihundertdreiundsiebzig"
    assert "".join(spelled(21, "en", True)) == "twenty_one"


def test_held_out_pairs_are_the_same_number_in_both_languages() -> None:
    data = NumberWords(numbers=400)
    pairs = data.paired_reference("held_out")
    assert pairs is not None and len(pairs) == 40
    numbers = data.reference("held_out", "a").rows.tolist()
    for number, pair in zip(numbers, (pairs[i] for i in range(40)), strict=True):
        for domain, language in (("a", "en"), ("b", "fr")):
            assert text(data, pair[domain]).split() == spelled(number, language)
    assert data.domain_titles == {"a": "English", "b": "French"}


def test_ranges_of_numbers_are_on_one_side_of_training() -> None:
    data = NumberWords(numbers=400, language_b="es")
    parts: list[tuple[Split, Domain]] = [("train", "a"), ("train", "b"), ("held_out", "a")]
    tens: list[set[int]] = []
    for split, domain in parts:
        rows = data.reference(split, domain).rows
        tens.append(set((rows // 10).tolist()))
        assert len(rows) == 10 * len(tens[-1])
        # Ranges are dealt by chance: no side has the small numbers alone.
        assert rows.min() < 150 and rows.max() >= 250
    assert [len(part) for part in tens] == [18, 18, 4] and len(set.union(*tens)) == 40


def test_one_vocabulary_holds_the_words_of_both_languages_once() -> None:
    data = NumberWords(numbers=1000)
    words = data.vocabulary[4:]
    assert len(set(words)) == len(words) and {"six", "sept", "seven", "cent"} <= set(words)
    used = {
        d: {
            word
            for item in data.reference("train", d)
            for word in text(data, item["image"]).split()
        }
        for d in data.domains
    }
    assert "six" in used["a"] & used["b"] and len(used["a"] & used["b"]) < 4
    # As many places as the longest number needs: three hundred and twenty one, and the end.
    assert data.image_shape == (7,) and NumberWords(numbers=100, length=9).image_shape == (9,)
    assert max(len(spelled(n, language)) for n in range(1000) for language in ("en", "fr")) == 6


def test_german_is_read_by_its_characters() -> None:
    data = NumberWords("de", "en", numbers=100, characters=True)
    assert all(len(word) == 1 for word in data.vocabulary[4:]) and "_" in data.vocabulary
    pair = data.paired_reference("held_out")[0]  # type: ignore[index]
    number = int(data.reference("held_out", "a").rows[0])
    assert text(data, pair["a"]).replace(" ", "") == "".join(spelled(number, "de", True))
    assert text(data, pair["b"]).replace(" ", "") == "_".join(spelled(number, "en"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"language_a": "xx"}, "language_a must be one of en, fr, es, de, got 'xx'; set langua"),
        ({"language_b": ""}, "language_b must be one of en, fr, es, de, got ''; set language_b"),
        ({"language_b": "en"}, "language_b must differ from language_a, got 'en'; set .*: fr"),
        ({"language_a": "fr"}, "language_b must differ from language_a, got 'fr'; set .*: en"),
        ({"language_b": "de"}, "characters must be true for German, .*, got False; set charact"),
        ({"numbers": 39}, r"numbers must lie in 40\.\.1000000, got 39; set numbers: 10000"),
        ({"numbers": -1}, r"numbers must lie in 40\.\.1000000, got -1; set numbers: 10000"),
        ({"length": 0}, "length must be at least 1, got 0; set length: 14"),
    ],
)
def test_sets_that_cannot_be_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^NumberWords: {message}"):
        NumberWords(**arguments)


def test_a_length_that_a_number_does_not_fit_is_refused_before_training() -> None:
    with pytest.raises(ValueError, match="length must be at least 5, the longest .*, got 4; set"):
        NumberWords(numbers=100, length=4).prepare_data()
