"""What the tests of scores share: a random Inception network, small labelled data, a cache."""

from pathlib import Path

import pytest

from tests.callbacks.metrics.helpers_data import StripeData
from tests.callbacks.metrics.helpers_inception import write_random_inception


@pytest.fixture(scope="session")
def inception_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights in the layout of the published file."""
    return write_random_inception(tmp_path_factory.mktemp("inception") / "weights.pth")


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder that tests share when they do not care about training."""
    return tmp_path_factory.mktemp("trained")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder for each test."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("GANAGERIE_CACHE", str(folder))
    return folder


@pytest.fixture
def stripes() -> StripeData:
    return StripeData()
