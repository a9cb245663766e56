"""Words, characters and learned pieces of words: their numbers, and the way back."""

import sys
from typing import Any

import pytest
import torch

from datamodules.batches import EOS, PAD, UNK
from datamodules.sequences import SPECIAL, padded
from datamodules.sub_word_tokens import SubWordTokens
from datamodules.text_tokens import CharacterTokens, Tokens, WordTokens

TEXT = ["the cat sat on the mat.", "the dog, the cat!", "a dog sat"]


def built(tokens: Tokens, text: list[str] = TEXT) -> Tokens:
    normal = [tokens.normal(one) for one in text]
    tokens.learn(normal)
    tokens.build([tokens.pieces(one) for one in normal])
    return tokens


@pytest.mark.parametrize(
    ("sentence", "pieces"),
    [
        ("He doesn't.", ["he", "doesn't", "."]),
        ("a peace-offering, 'so'", ["a", "peace-offering", ",", "'", "so", "'"]),
        ("wait... ''what''?!", ["wait", "...", "''", "what", "''", "?", "!"]),
        ("Über  naïve\tcafé 3.5", ["über", "naïve", "café", "3", ".", "5"]),
        ("the <unk> said", ["the", "<unk>", "said"]),
    ],
)
def test_words_and_marks_are_cut_apart(sentence: str, pieces: list[str]) -> None:
    tokens = WordTokens()
    assert tokens.pieces(tokens.normal(sentence)) == pieces


def test_numbers_go_by_count_and_ties_by_letter() -> None:
    words = built(WordTokens()).vocabulary
    assert words == (*SPECIAL, "the", "cat", "dog", "sat", "!", ",", ".", "a", "mat", "on")
    assert built(WordTokens(vocabulary_size=7)).vocabulary == (*SPECIAL, "the", "cat", "dog")
    assert built(WordTokens(least_count=2)).vocabulary == words[:8]


def test_unknown_words_and_special_words_in_the_text_are_unknown() -> None:
    tokens = built(WordTokens(), [*TEXT, "<unk> <unk> <unk>"])
    assert "<unk>" not in tokens.vocabulary[len(SPECIAL) :]
    assert tokens.encode("The zebra <unk> sat") == [4, UNK, UNK, 7]


def test_lower_is_an_option() -> None:
    assert built(WordTokens(lower=False), ["The the THE"]).vocabulary[4:] == ("THE", "The", "the")


@pytest.mark.parametrize("tokens", [WordTokens(), CharacterTokens(), SubWordTokens(60, 1)])
def test_decoding_a_row_gives_the_sentence_up_to_its_end(tokens: Tokens) -> None:
    sentence = "the cat (a dog) sat on the mat."
    row = padded([built(tokens, [*TEXT, sentence]).encode(sentence)], 40)[0]
    assert EOS in row and row[-1] == PAD
    assert tokens.decode(row) == sentence == tokens.decode(torch.from_numpy(row))
    row[-1] = 5  # behind the end
    assert tokens.decode(row.tolist()) == sentence


def test_decoding_shows_what_is_unknown() -> None:
    assert built(WordTokens()).decode([4, UNK, 7]) == "the <unk> sat"
    assert built(CharacterTokens()).decode(built(CharacterTokens()).encode("cz")) == "c<unk>"


def test_characters_keep_spaces() -> None:
    tokens = built(CharacterTokens())
    assert tokens.pieces("a b") == ["a", " ", "b"]
    assert tokens.vocabulary[4] == " "


def test_pieces_of_words_are_learned_and_reach_across_no_space_and_no_mark() -> None:
    tokens = built(SubWordTokens(80), ["lower, lowest newer newest"] * 20)
    pieces = tokens.pieces("lowest newer, slow")
    assert "▁lowest" in pieces and "▁newer" in pieces and "," in pieces
    assert all("▁" not in piece[1:] for piece in tokens.vocabulary)
    assert tokens.encode("lowest") == [tokens.vocabulary.index("▁lowest")]
    assert UNK in tokens.encode("zebra")


def test_pieces_of_words_are_the_same_every_time_and_no_more_than_asked() -> None:
    text = [f"number {n} of {n * n} is {n % 7} and {n:b}" for n in range(300)]
    one, other = built(SubWordTokens(50), text), built(SubWordTokens(50), text)
    assert one.vocabulary == other.vocabulary and 20 < len(one.vocabulary) <= 50
    assert [one.encode(s) for s in text] == [other.encode(s) for s in text]


@pytest.mark.parametrize("kind", [WordTokens, CharacterTokens, SubWordTokens])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"vocabulary_size": 5}, "vocabulary_size must be at least 6, two .*, got 5; set"),
        ({"least_count": 0}, "least_count must be at least 1, got 0; set least_count: 1"),
    ],
)
def test_options_out_of_range_are_refused(kind: Any, options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{kind.__name__}: {message}"):
        kind(**options)


def test_missing_package_is_told_with_the_way_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(ValueError, match=r"SubWordTokens: .* package tokenizers.*; pip install"):
        SubWordTokens().learn(TEXT)
