from typing import Any

import numpy as np
import pytest
import torch

from datamodules.batches import from_uint8
from datamodules.coloured_shapes import (
    ColouredShapes,
    Shape,
    attribute_accuracy,
    parse_caption,
    read_shapes,
)


@pytest.fixture(scope="module", params=[32, 64])
def shapes(request: Any, tmp_path_factory: pytest.TempPathFactory) -> ColouredShapes:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANAGERIE_CACHE", str(tmp_path_factory.mktemp("shapes")))
        module = ColouredShapes(size=request.param, length=1440, batch_size=64)
        module.setup()
    return module


def test_oracle_reads_every_class_back_without_an_error(shapes: ColouredShapes) -> None:
    reference = shapes.reference("held_out")
    assert len(reference) == 240 and len({item["label"] for item in reference}) == 240
    images = from_uint8(torch.stack([item["image"] for item in reference]))
    shown = [shapes.shown(index, "held_out") for index in range(240)]
    assert attribute_accuracy(read_shapes(images), shown) == {
        **dict.fromkeys(("colour", "shape", "size", "position"), 1.0),
        "all": 1.0,
    }


def test_oracle_reads_through_noise_and_tells_a_wrong_text(shapes: ColouredShapes) -> None:
    reference = shapes.reference("held_out")
    images = from_uint8(torch.stack([reference[i]["image"] for i in range(120)]))
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(0))
    read = read_shapes((images + 0.15 * noise).clamp(-1, 1))
    shown = [shapes.shown(index, "held_out") for index in range(120)]
    assert attribute_accuracy(read, shown)["all"] > 0.95
    wrong = [one._replace(colour="red" if one.colour != "red" else "blue") for one in shown]
    accuracy = attribute_accuracy(read, wrong)
    assert accuracy["shape"] > 0.95 and accuracy["colour"] < 0.25 and accuracy["all"] < 0.25


def test_every_caption_tells_all_and_says_what_is_shown(shapes: ColouredShapes) -> None:
    labels = shapes._opened().labels
    assert labels is not None
    for row in range(240):
        kind = parse_caption(shapes.sentences()[row][0])
        assert all(parse_caption(caption) == kind for caption in shapes.sentences()[row])
        assert " ".join(kind) == (shapes.class_names or ())[labels[row]]
    assert len(set(shapes.sentences()[0])) == 5
    assert shapes.shown(7) == parse_caption(shapes.caption(7))


def test_mismatched_images_do_not_show_what_the_caption_says(shapes: ColouredShapes) -> None:
    batch = next(iter(shapes.train_dataloader()))
    told = [parse_caption(shapes.caption(int(index))) for index in batch["index"]]
    assert read_shapes(batch["image"]) == told
    assert all(a != b for a, b in zip(read_shapes(batch["mismatched_image"]), told, strict=True))


def test_left_is_left_and_the_top_is_the_top() -> None:
    data = ColouredShapes(size=16, length=240, held_out_share=0.0)
    light = data._opened().array.max(1).astype(float)
    labels = data._opened().labels
    assert labels is not None
    names = np.array(data.class_names)[labels]

    def middle(position: str, axis: int) -> float:
        own = light[[position in name for name in names]].mean(0).sum(1 - axis)
        return float((own * np.arange(16)).sum() / own.sum())

    assert middle("on the left", 1) < 6 < 9 < middle("on the right", 1)
    assert middle("at the top", 0) < 6 < 9 < middle("at the bottom", 0)


def test_black_image_is_read_as_something() -> None:
    assert len(read_shapes(-torch.ones(2, 3, 32, 32))) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 8}, "size must be at least 16, got 8"),
        ({"length": 239}, "length must be at least the 240 classes, got 239"),
        ({"mirror": True}, "mirror must be false where captions say left and right, got True"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^ColouredShapes: {message}; set "):
        ColouredShapes(**options)


def test_oracles_refuse_what_they_cannot_read() -> None:
    with pytest.raises(ValueError, match=r"^read_shapes: images must have shape .*got \(2, 1, 8"):
        read_shapes(torch.zeros(2, 1, 8, 8))
    with pytest.raises(
        ValueError, match="^parse_caption: caption must name one .*got 'a red thing"
    ):
        parse_caption("a red thing")
    with pytest.raises(ValueError, match="^attribute_accuracy: shown and told must have the same"):
        attribute_accuracy([Shape("red", "circle", "small", "on the left")], [])
