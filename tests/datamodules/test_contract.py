import inspect
from collections.abc import Callable
from typing import Any

import pytest
import torch
from typing_extensions import NotRequired, TypedDict

from datamodules import batches, contract
from datamodules.batches import (
    CaptionedImages,
    DomainImages,
    Images,
    LabelSets,
    PairedImages,
    Points,
    Sequences,
    SoundImages,
    SpeechAndText,
    TalkingHeads,
    UnpairedImages,
    UnpairedSequences,
    Videos,
    WordVectors,
)
from datamodules.contract import validate_batch

N = 4


def images(*shape: int) -> torch.Tensor:
    return torch.rand(N, *(shape or (3, 8, 8))) * 2 - 1


def numbers(first: int = 0) -> torch.Tensor:
    return torch.arange(first, first + N)


def flags() -> torch.Tensor:
    return torch.eye(N)


def sentences(length: int = 5) -> torch.Tensor:
    return torch.arange(N * length).view(N, length)


GOOD: dict[type, Callable[[], dict[str, Any]]] = {
    Images: lambda: {"image": images(), "label": numbers(), "index": numbers()},
    Points: lambda: {"image": torch.randn(N, 2) * 9, "label": numbers(), "index": numbers()},
    PairedImages: lambda: {"a": images(1, 8, 8), "b": images(), "index": numbers()},
    UnpairedImages: lambda: {
        "a": images(1, 8, 8),
        "b": images(3, 4, 4),
        "label_a": numbers(),
        "label_b": numbers(),
        "index_a": numbers(),
        "index_b": numbers(),
    },
    DomainImages: lambda: {
        "image": images(),
        "domain": numbers(),
        "attributes": flags(),
        "attribute_mask": torch.ones(N, N),
        "index": numbers(),
    },
    CaptionedImages: lambda: {
        "image": images(),
        "text": torch.randn(N, 16) * 5,
        "mismatched_image": images(),
        "label": numbers(),
        "mismatched_label": numbers(1),
        "index": numbers(),
    },
    SoundImages: lambda: {
        "image": images(),
        "sound": torch.randn(N, 1, 6, 7) * 5,
        "label": numbers(),
        "index": numbers(),
    },
    LabelSets: lambda: {"image": images(), "labels": flags(), "index": numbers()},
    TalkingHeads: lambda: {
        "support": images(2, 3, 8, 8),
        "support_landmarks": images(2, 3, 8, 8),
        "target": images(),
        "target_landmarks": images(),
        "video": numbers(),
        "index": numbers(),
    },
    Videos: lambda: {
        "frames": images(5, 1, 8, 8),
        "mismatched": images(5, 1, 8, 8),
        "index": numbers(),
    },
    Sequences: lambda: {"tokens": sentences(), "label": numbers(), "index": numbers()},
    UnpairedSequences: lambda: {
        "tokens_a": sentences(),
        "tokens_b": sentences(7),
        "index_a": numbers(),
        "index_b": numbers(),
    },
    SpeechAndText: lambda: {
        "speech": torch.randn(N, 6, 5),
        "speech_mask": torch.ones(N, 6, dtype=torch.bool),
        "tokens": sentences(),
        "token_mask": torch.ones(N, 5, dtype=torch.bool),
        "index_a": numbers(),
        "index_b": numbers(),
    },
    WordVectors: lambda: {
        "a": torch.randn(N, 5) * 9,
        "b": torch.randn(N, 5) * 9,
        "index_a": numbers(),
        "index_b": numbers(),
    },
}
SCHEMAS = sorted(GOOD, key=lambda schema: schema.__name__)


def refusal(batch: dict[str, Any], schema: type) -> str:
    with pytest.raises(ValueError, match="^validate_batch: ") as caught:
        validate_batch(batch, schema)
    message = str(caught.value)
    assert "\n" not in message and ", got " in message and "; " in message
    return message


def test_every_schema_of_the_library_is_covered_k51() -> None:
    found = {
        value
        for _, value in inspect.getmembers(batches, inspect.isclass)
        if hasattr(value, "__required_keys__")
    }
    assert found == set(GOOD)
    for schema in found:
        assert set(GOOD[schema]()) == set(schema.__annotations__)


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.__name__)
def test_good_batch_is_accepted_with_and_without_its_optional_keys_k51(schema: Any) -> None:
    batch = GOOD[schema]()
    validate_batch(batch, schema)
    validate_batch({key: batch[key] for key in schema.__required_keys__}, schema)


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.__name__)
def test_broken_batch_is_refused_whatever_key_is_broken_k51(schema: Any) -> None:
    for key in schema.__annotations__:
        good = GOOD[schema]()
        value = good[key]
        faults = [
            value.double() if value.is_floating_point() else value.int(),
            value[None],
            value[:-1],
            value[:0],
            value.tolist(),
        ]
        if value.is_floating_point():
            spoilt = value.clone()
            spoilt.view(-1)[0] = float("nan")
            faults += [spoilt, torch.full_like(value, float("inf"))]
        elif value.dtype != torch.bool:
            faults.append(value - 9)
        for fault in faults:
            message = refusal({**good, key: fault}, schema)
            assert schema.__name__ in message
        if key in schema.__required_keys__:
            without = {name: part for name, part in good.items() if name != key}
            assert f"must have {key}, got " in refusal(without, schema)


@pytest.mark.parametrize("key", ["image", "mismatched_image"])
def test_range_of_images_ends_a_thousandth_beyond_one(key: str) -> None:
    for edge in (1.0009, -1.0009):
        batch = GOOD[CaptionedImages]()
        batch[key][0, 0, 0, 0] = edge
        validate_batch(batch, CaptionedImages)
    for edge in (1.0011, -1.0011, 127.0):
        batch[key][0, 0, 0, 0] = edge
        assert f"CaptionedImages.{key} must lie in [-1, 1], got " in refusal(batch, CaptionedImages)


def test_points_texts_and_sounds_are_not_bounded() -> None:
    for schema, key in ((Points, "image"), (CaptionedImages, "text"), (SoundImages, "sound")):
        batch = GOOD[schema]()
        batch[key] = batch[key] * 100
        validate_batch(batch, schema)


def test_mismatched_label_equal_to_the_label_is_refused_k51() -> None:
    batch = GOOD[CaptionedImages]()
    batch["mismatched_label"][2] = batch["label"][2]
    assert "must differ from label, got 2 for both of sample 2; draw" in refusal(
        batch, CaptionedImages
    )


def test_halves_of_a_pair_share_their_size_but_not_their_channels() -> None:
    batch = {**GOOD[PairedImages](), "a": images(1, 8, 9)}
    assert "PairedImages.b must have the shape of a (4, 1, 8, 9) from axis 2" in refusal(
        batch, PairedImages
    )


@pytest.mark.parametrize(
    ("schema", "key", "value", "message"),
    [
        (DomainImages, "attributes", torch.eye(N).flip(0), "must be one-hot of domain, got "),
        (DomainImages, "domain", numbers(1), "must lie below the 4 attributes, got 4"),
        (DomainImages, "attribute_mask", torch.ones(N, 2), "must have the shape of attributes"),
        (LabelSets, "labels", torch.full((N, 3), 0.5), "must hold 0 and 1 alone, got 0.5 to 0.5"),
        (LabelSets, "labels", torch.full((N, 3), 2.0), r"must lie in [0, 1], got 2 to 2"),
        (Images, "label", numbers(-1), "Images.label must not be negative, got -1 to 2"),
        (SoundImages, "sound", images(2, 6, 7), "must have shape (N, 1, M, F), got (4, 2, 6, 7)"),
        (Points, "image", torch.zeros(N, 3), "must have shape (N, 2), got (4, 3)"),
        (Videos, "mismatched", images(5, 1, 8, 9), "must have the shape of frames"),
        (WordVectors, "b", torch.zeros(N, 4), "must have the shape of a (4, 5) from axis 1 on"),
        (Images, "image", images().half(), "must be float32, got float16; convert it"),
    ],
)
def test_what_is_wrong_is_named(schema: Any, key: str, value: Any, message: str) -> None:
    assert message in refusal({**GOOD[schema](), key: value}, schema)


def test_key_that_the_schema_does_not_have_is_refused() -> None:
    batch = {**GOOD[Images](), "lable": numbers()}
    assert "Images must have only image, label, index, got lable; remove it" in refusal(
        batch, Images
    )
    assert "must have image, got no key" in refusal({}, Images)


def test_schema_without_a_rule_is_refused() -> None:
    class Smells(TypedDict):
        image: torch.Tensor
        smell: NotRequired[torch.Tensor]

    batch = {"image": images(), "smell": images()}
    assert "Smells.smell must have a rule in contract.py" in refusal(batch, Smells)
    assert "smell" not in contract._RULES
