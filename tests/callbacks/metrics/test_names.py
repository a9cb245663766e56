"""Names of scores and their protocols."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from callbacks.metrics.names import Protocol, count_suffix, coverage_with_error, score_name

PROTOCOL = Protocol(
    space="rand_vgg", sha256="ab", resize="bicubic-aa-32", dim=64, n_fake=2000, n_real=4500,
    split="train", data="f00d", generator="ema", quantised=True, settings="seed=2020",
)  # fmt: skip


@pytest.mark.parametrize(
    ("n", "text"), [(2000, "2k"), (50_000, "50k"), (1500, "1500"), (1000, "1k"), (7, "7")]
)
def test_numbers_of_samples_are_short(n: int, text: str) -> None:
    assert count_suffix(n) == text


def test_no_samples_have_no_name() -> None:
    with pytest.raises(ValueError, match="at least 1, got 0"):
        count_suffix(0)


def test_published_names_need_the_published_weights() -> None:
    assert score_name("fd", "inception_v3_tf", True, 50_000) == "fid@50k"
    assert score_name("kd", "inception_v3_tf", True, 50_000) == "kid@50k"
    assert score_name("cs", "inception_v3_tf", True, 50_000) == "is@50k"
    assert score_name("fd", "inception_clean", True, 50_000) == "fid_clean@50k"
    assert score_name("kd", "inception_clean", True, 50_000) == "kid_clean@50k"
    assert score_name("cs", "inception_clean", True, 50_000) == "cs_inception_clean@50k"
    assert score_name("precision", "inception_v3_tf", True, 10) == "precision_inception_v3_tf@10"


@pytest.mark.parametrize("space", ["inception_v3_tf", "inception_clean", "rand_vgg", "cls_mnist"])
@pytest.mark.parametrize("stem", ["fd", "kd", "kd_se", "cs", "cs_sd", "precision"])
def test_without_the_published_weights_no_published_name_appears(space: str, stem: str) -> None:
    name = score_name(stem, space, False, 2000)
    assert name == f"{stem}_{space}@2k"
    assert not re.match(r"^(fid|kid|is|lpips)(\b|_)", name)


def test_protocol_survives_json() -> None:
    assert Protocol.from_dict(json.loads(json.dumps(PROTOCOL.to_dict()))) == PROTOCOL


def test_protocol_of_another_version_is_refused() -> None:
    values = PROTOCOL.to_dict()
    values["sha"] = values.pop("sha256")
    with pytest.raises(ValueError, match=r"difference in \['sha', 'sha256'\]"):
        Protocol.from_dict(values)


def test_equal_protocols_compare_and_every_difference_is_named() -> None:
    PROTOCOL.compare(replace(PROTOCOL))
    with pytest.raises(ValueError, match="n_fake 2000 and 5000; generator 'ema' and 'raw'"):
        PROTOCOL.compare(replace(PROTOCOL, n_fake=5000, generator="raw"))


@pytest.mark.parametrize("key", list(PROTOCOL.to_dict()))
def test_a_difference_in_any_entry_forbids_the_comparison(key: str) -> None:
    changed = {**PROTOCOL.to_dict(), key: "other"}
    with pytest.raises(ValueError, match=f"{key} .* and 'other'"):
        PROTOCOL.compare(Protocol.from_dict(changed))


def test_caveats_speak_of_bias_only_where_samples_are_few() -> None:
    assert PROTOCOL.caveats() == ()
    assert "127 samples in 64 dimensions" in replace(PROTOCOL, n_fake=127).caveats()[0]
    assert replace(PROTOCOL, n_fake=128).caveats() == ()
    assert "8 bits" in replace(PROTOCOL, quantised=False).caveats()[0]
    assert replace(PROTOCOL, quantised=False, resize="none").caveats() == ()


@pytest.mark.parametrize(
    ("scores", "found"),
    [
        ({"coverage_a@2k": 0.5, "coverage_b@500": 0.1}, (0.5, (0.25 / 2000) ** 0.5)),
        ({"fd_a@2k": 1.0, "coverage_a@500": 0.9}, (0.9, (0.09 / 500) ** 0.5)),
        ({"coverage_a@192/to_b": 0.25}, (0.25, (0.1875 / 192) ** 0.5)),
        ({"coverage_a": 0.5}, (0.5, 0.0)),
        ({"coverage_a@2k": 1.0}, (1.0, 0.0)),
        ({"coverage_a@2k": None}, None),
        ({"fd_a@2k": 1.0}, None),
    ],
)
def test_error_of_a_coverage_is_that_of_a_share_of_as_many(scores: Any, found: Any) -> None:
    assert coverage_with_error(scores) == (None if found is None else pytest.approx(found))
