import sys
import types
from typing import Any

import pytest
import torch

from datamodules.text_encoders import CallableEncoder, HashingEncoder, TextEncoder


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module that embeds a sentence as its length and its number of words."""
    module: Any = types.ModuleType("sentence_library")
    module.calls = []

    def encode(sentences: list[str]) -> Any:
        module.calls.append(len(sentences))
        return [[float(len(one)), float(len(one.split()))] for one in sentences]

    module.model = types.SimpleNamespace(encode=encode)
    module.flat = lambda sentences: [1.0] * len(sentences)
    module.broken = lambda sentences: torch.full((len(sentences), 3), float("nan"))
    module.number = 3
    monkeypatch.setitem(sys.modules, "sentence_library", module)
    return module


def test_hashing_is_the_same_on_every_machine() -> None:
    vector = HashingEncoder(dim=4).embed(["a small red circle"])[0]
    # Fixed for good: a changed encoder would make the texts of stored models unreadable.
    torch.testing.assert_close(
        vector, torch.tensor([-0.0988182, -0.6991194, -0.6307582, -0.3218868]), atol=1e-6, rtol=0
    )


def test_vectors_have_length_one_and_do_not_depend_on_their_neighbours() -> None:
    encoder = HashingEncoder()
    sentences = ["red apple", "Green  apple", "locomotive", "green apple"]
    vectors = encoder.embed(sentences)
    assert vectors.shape == (4, 256) and vectors.dtype == torch.float32
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(4))
    assert torch.equal(encoder.embed(sentences[2:3])[0], vectors[2])
    assert torch.equal(vectors[1], vectors[3])
    assert isinstance(encoder, TextEncoder)


def test_sentences_that_share_words_lie_near_each_other() -> None:
    vectors = HashingEncoder().embed(["red apple", "green apple", "apples", "steam locomotive"])
    near = vectors @ vectors.T
    assert near[0, 1] > 0.4 and near[0, 2] > 0.3 and near[0, 3].abs() < 0.2


def test_sentence_without_a_word_is_zero_and_no_sentence_is_no_row() -> None:
    assert not HashingEncoder(dim=8).embed(["  "]).any()
    assert HashingEncoder(dim=8).embed([]).shape == (0, 8)


def test_any_function_embeds_in_pieces(library: Any) -> None:
    encoder = CallableEncoder("sentence_library:model.encode", batch_size=2)
    vectors = encoder.embed(["a b", "abc", "a b c"])
    assert vectors.tolist() == [[3, 2], [3, 1], [5, 3]] and vectors.dtype == torch.float32
    assert library.calls == [2, 1] and isinstance(encoder, TextEncoder)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("nowhere_at_all:encode", "must be an import path module:name, got 'nowhere_at_all:encod"),
        ("sentence_library:model.missing", "must be an import path .*missing"),
        ("sentence_library", "must be an import path"),
        ("sentence_library:number", "must be callable, got .*int"),
    ],
)
def test_paths_that_lead_nowhere_are_refused(library: Any, function: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^CallableEncoder: function {message}.*; "):
        CallableEncoder(function)


def test_functions_that_do_not_embed_are_refused(library: Any) -> None:
    with pytest.raises(ValueError, match=r"must return one vector for each of 2.*got shape \(2,\)"):
        CallableEncoder("sentence_library:flat").embed(["a", "b"])
    with pytest.raises(ValueError, match="must return finite numbers, got NaN or infinity"):
        CallableEncoder("sentence_library:broken").embed(["a"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dim": 0}, "dim must be at least 1, got 0"),
        ({"buckets": 0}, "buckets must be at least 1, got 0"),
        ({"ngrams": (0, 2)}, r"ngrams must rise from at least 1, got \(0, 2\)"),
        ({"ngrams": (3, 2)}, r"ngrams must rise from at least 1, got \(3, 2\)"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^HashingEncoder: {message}; set "):
        HashingEncoder(**options)


def test_batches_of_no_sentence_are_refused(library: Any) -> None:
    with pytest.raises(ValueError, match="^CallableEncoder: batch_size must be at least 1, got 0"):
        CallableEncoder("sentence_library:flat", batch_size=0)
