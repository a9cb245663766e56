"""The Inception space: its weights file, its names, its refusals."""

import hashlib
import os
import pickle
from pathlib import Path

import pytest
import torch

from callbacks.metrics import inception
from callbacks.metrics.inception import CleanInceptionSpace, InceptionSpace
from callbacks.metrics.names import score_name


def test_another_file_works_but_may_not_be_called_fid(inception_weights: Path) -> None:
    before = torch.random.get_rng_state()
    space, clean = InceptionSpace(inception_weights), CleanInceptionSpace(inception_weights)
    assert torch.equal(before, torch.random.get_rng_state())
    assert space.sha256 == hashlib.sha256(inception_weights.read_bytes()).hexdigest()
    assert not space.comparable_to_literature and not clean.comparable_to_literature
    assert (space.id, clean.id) == ("inception_unverified", "inception_clean_unverified")
    name = score_name("fd", space.id, space.comparable_to_literature, 50_000)
    assert name == "fd_inception_unverified@50k"
    assert space.resize_id != clean.resize_id
    assert (space.mixed_sizes, clean.mixed_sizes) == (False, True)


def test_the_file_with_the_published_hash_is_called_fid(
    inception_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = hashlib.sha256(inception_weights.read_bytes()).hexdigest()[:8]
    assert inception.PUBLISHED_HASH == "6726825d"
    monkeypatch.setattr(inception, "PUBLISHED_HASH", head)
    for kind, name in ((InceptionSpace, "fid@50k"), (CleanInceptionSpace, "fid_clean@50k")):
        space = kind(inception_weights)
        assert score_name("fd", space.id, space.comparable_to_literature, 50_000) == name


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"must be a file, got .*none\.pth; give the path"):
        InceptionSpace(tmp_path / "none.pth")


def test_files_that_are_no_weights_are_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    for content in (b"", b"no weights", pickle.dumps({"a": 1})):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="file of tensors") as caught:
            InceptionSpace(path)
        assert "\n" not in str(caught.value)
    for value in ({"a": torch.zeros(1)}, [1, 2]):
        torch.save(value, path)
        with pytest.raises(ValueError, match="layout of the published file") as caught:
            InceptionSpace(path)
        assert "\n" not in str(caught.value)


class _Code:
    def __reduce__(self) -> tuple:
        return os.mkdir, ("executed",)


def test_code_in_a_weights_file_is_not_executed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"a": _Code()}, tmp_path / "weights.pth")
    with pytest.raises(ValueError, match="file of tensors"):
        InceptionSpace(tmp_path / "weights.pth")
    assert not (tmp_path / "executed").exists()
