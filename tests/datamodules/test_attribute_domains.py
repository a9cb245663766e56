"""Attributes as domains: what a translation among them is tried and scored on."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from datamodules.domains import AttributeFolder

ROWS = {"a": "1,0,0", "b": "1,,0", "c": "0,1,0", "d": ",0,0"}


@pytest.fixture
def data(tmp_path: Path) -> AttributeFolder:
    """Four pictures, whose level is their number."""
    for number, name in enumerate(ROWS):
        pixels = np.full((4, 4, 3), 40 * number, np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    lines = [f"{name}.png,{row}" for name, row in ROWS.items()]
    (tmp_path / "table.csv").write_text("\n".join(["image,red,round,tall", *lines]) + "\n")
    return AttributeFolder(
        str(tmp_path), str(tmp_path / "table.csv"), held_out_share=0.0, batch_size=2
    )


def levels(images: object) -> list[int]:
    return [int(item["image"][0, 0, 0]) for item in images]  # type: ignore[attr-defined]


def test_a_domain_is_the_images_that_are_known_to_have_the_attribute(
    data: AttributeFolder,
) -> None:
    assert data.domains == data.attributes == ("red", "round", "tall")
    assert levels(data.reference("train", domain="red")) == [0, 40]
    # Of the second picture nobody knows whether it is round.
    assert levels(data.reference("train", domain="round")) == [80]
    assert levels(data.reference("train")) == [0, 40, 80, 120]


def test_attributes_that_nothing_has_or_nobody_knows_are_refused(data: AttributeFolder) -> None:
    with pytest.raises(ValueError, match="column tall must hold 1 for some training images, got"):
        data.reference("train", domain="tall")
    with pytest.raises(ValueError, match="domain must be one of red, round, tall, got 'blue'"):
        data.reference("train", domain="blue")
