"""The contract of batches as a check: what a data module hands out is what ``batches.py`` says.

Which keys there are, and which may be absent, is read from the TypedDict; what a key holds stands
in the table below. For tests and for the first batch of a run: it reads every value.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from typing_extensions import get_type_hints

from datamodules.batches import Points, WordVectors

#: Rounding may carry a resized image so far beyond [-1, 1].
_TOLERANCE = 1e-3


@dataclass(frozen=True)
class _Rule:
    """What a key of a batch holds."""

    dtype: torch.dtype
    shape: str
    low: float = float("-inf")
    high: float = float("inf")
    whole: bool = False

    @property
    def rank(self) -> int:
        return len(self.shape.split(", "))


_IMAGE = _Rule(torch.float32, "N, C, H, W", -1.0 - _TOLERANCE, 1.0 + _TOLERANCE)
_FRAMES = _Rule(torch.float32, "N, T, C, H, W", -1.0 - _TOLERANCE, 1.0 + _TOLERANCE)
_NUMBER = _Rule(torch.int64, "N", low=0.0)
_FLAGS = _Rule(torch.float32, "N, K", 0.0, 1.0, whole=True)
_RULES: dict[str, _Rule] = {
    **dict.fromkeys(("image", "a", "b", "mismatched_image", "target", "target_landmarks"), _IMAGE),
    **dict.fromkeys(("support", "support_landmarks", "frames", "mismatched"), _FRAMES),
    **dict.fromkeys(("index", "index_a", "index_b", "domain", "video"), _NUMBER),
    **dict.fromkeys(("label", "label_a", "label_b", "mismatched_label"), _NUMBER),
    **dict.fromkeys(("attributes", "attribute_mask", "labels"), _FLAGS),
    **dict.fromkeys(("tokens", "tokens_a", "tokens_b"), _Rule(torch.int64, "N, T", low=0.0)),
    **dict.fromkeys(("speech_mask", "token_mask"), _Rule(torch.bool, "N, T")),
    "speech": _Rule(torch.float32, "N, S, F"),
    "text": _Rule(torch.float32, "N, E"),
    "sound": _Rule(torch.float32, "N, 1, M, F"),
}
_POINTS = _Rule(torch.float32, "N, 2")
_WORDS = _Rule(torch.float32, "N, d")
#: Pairs of keys that have the same shape, from the axis on that is given.
_SAME_SHAPE = (
    ("a", "b", 2, "PairedImages"),
    ("a", "b", 1, "WordVectors"),
    ("image", "mismatched_image", 1, ""),
    ("support", "support_landmarks", 1, ""),
    ("target", "target_landmarks", 1, ""),
    ("frames", "mismatched", 1, ""),
    ("attributes", "attribute_mask", 1, ""),
    ("tokens", "token_mask", 1, ""),
)


def validate_batch(batch: Mapping[str, Any], schema: type) -> None:
    """Refuse a batch that is not what its schema says.

    Checks the keys, types, ranks, one length for all, finite values and their range: images in
    [-1, 1] with a tolerance of 1e-3, numbers not negative, flags 0 or 1. A mismatched image has
    another label than the image; ``attributes`` are one-hot where there is a ``domain``.

    Args:
        batch: what a loader yields.
        schema: a TypedDict of ``batches.py``, such as ``PairedImages``.

    Raises:
        ValueError: for the first fault, with schema, key and value.
    """
    name = schema.__name__
    fields = get_type_hints(schema)
    required: frozenset[str] = schema.__required_keys__  # type: ignore[attr-defined]
    if missing := sorted(required - set(batch)):
        raise _fault(f"{name} must have {', '.join(missing)}", _keys(batch), "add what is missing")
    if unknown := sorted(set(batch) - set(fields)):
        raise _fault(
            f"{name} must have only {', '.join(fields)}",
            ", ".join(unknown),
            "remove it, or declare it in batches.py",
        )
    for key, value in batch.items():
        _check_value(f"{name}.{key}", value, _rule(schema, key))
    _check_lengths(name, batch)
    for key, other, axis, only in _SAME_SHAPE:
        if key in batch and other in batch and only in ("", name):
            _check_same(f"{name}.{other}", batch[other], key, batch[key], axis)
    _check_meaning(name, batch)


def _rule(schema: type, key: str) -> _Rule:
    if schema is Points and key == "image":
        return _POINTS
    if schema is WordVectors and key in ("a", "b"):
        return _WORDS
    if key not in _RULES:
        raise _fault(
            f"{schema.__name__}.{key} must have a rule in contract.py", "none", "add one there"
        )
    return _RULES[key]


def _check_value(place: str, value: Any, rule: _Rule) -> None:
    if not isinstance(value, Tensor):
        raise _fault(f"{place} must be a tensor", type(value).__name__, "collate it")
    if value.dtype != rule.dtype:
        raise _fault(f"{place} must be {_plain(rule.dtype)}", _plain(value.dtype), "convert it")
    shape, exact = tuple(value.shape), rule.shape.split(", ")
    fits = value.ndim == rule.rank and all(
        not axis.isdigit() or int(axis) == length for axis, length in zip(exact, shape, strict=True)
    )
    if not fits:
        raise _fault(f"{place} must have shape ({rule.shape})", shape, "reshape it")
    if not value.numel():
        raise _fault(f"{place} must not be empty", shape, "leave out empty batches")
    if not torch.isfinite(value).all():
        raise _fault(f"{place} must be finite", "NaN or infinity", "repair the data")
    low, high = float(value.min()), float(value.max())
    if low < rule.low or high > rule.high:
        wanted = "not be negative" if rule.dtype == torch.int64 else f"lie in {_span(rule)}"
        raise _fault(f"{place} must {wanted}", f"{low:g} to {high:g}", "rescale it")
    if rule.whole and not ((value == 0) | (value == 1)).all():
        raise _fault(f"{place} must hold 0 and 1 alone", f"{low:g} to {high:g}", "round it")


def _check_lengths(name: str, batch: Mapping[str, Any]) -> None:
    lengths = {key: len(value) for key, value in batch.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{key} {length}" for key, length in lengths.items())
        raise _fault(f"{name} must have one N", told, "give every key the same samples")


def _check_same(place: str, value: Tensor, key: str, other: Tensor, axis: int) -> None:
    if value.shape[axis:] != other.shape[axis:]:
        raise _fault(
            f"{place} must have the shape of {key} {tuple(other.shape)} from axis {axis} on",
            tuple(value.shape),
            "prepare both alike",
        )


def _check_meaning(name: str, batch: Mapping[str, Any]) -> None:
    """Check what one key says about another."""
    if "mismatched_label" in batch:
        same = torch.nonzero(batch["label"] == batch["mismatched_label"]).flatten()
        if len(same):
            raise _fault(
                f"{name}.mismatched_label must differ from label",
                f"{int(batch['label'][same[0]])} for both of sample {int(same[0])}",
                "draw the mismatched image from another class",
            )
    if "domain" in batch:
        attributes, domain = batch["attributes"], batch["domain"]
        if int(domain.max()) >= attributes.shape[1]:
            raise _fault(
                f"{name}.domain must lie below the {attributes.shape[1]} attributes",
                int(domain.max()),
                "give an attribute to every domain",
            )
        expected = torch.nn.functional.one_hot(domain, attributes.shape[1]).to(attributes.dtype)
        wrong = torch.nonzero((attributes != expected).any(1)).flatten()
        if len(wrong):
            raise _fault(
                f"{name}.attributes must be one-hot of domain",
                f"{attributes[wrong[0]].tolist()} for domain {int(domain[wrong[0]])}",
                "leave out domain where attributes do not exclude each other",
            )


def _span(rule: _Rule) -> str:
    return f"[{round(rule.low):d}, {round(rule.high):d}]"


def _plain(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _keys(batch: Mapping[str, Any]) -> str:
    return ", ".join(batch) or "no key"


def _fault(rule: str, value: object, remedy: str) -> ValueError:
    return ValueError(f"validate_batch: {rule}, got {value}; {remedy}")
