import pickle
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from datamodules.base import DataModule, held_out_mask
from datamodules.batches import from_uint8, to_uint8
from datamodules.cache import LabelledImages, content_hash


class Squares(DataModule):
    """Images that are all different: row i is constant i, but for one bright left column."""

    def __init__(
        self, count: int = 100, dtype: str = "uint8", labels: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(**{"batch_size": 8, **kwargs})
        self.count, self.dtype, self.labels = count, dtype, labels

    def slug(self) -> str:
        return "squares"

    def load(self) -> LabelledImages:
        images = np.zeros((self.count, 3, 4, 4)) + np.arange(self.count).reshape(-1, 1, 1, 1)
        images[..., 0] = 255
        images = images / 127.5 - 1.0 if self.dtype == "float32" else images
        labels = np.arange(self.count) % 4 if self.labels else None
        names = ("a", "b", "c", "d") if self.labels else None
        array = images.astype(self.dtype)
        return LabelledImages(array, labels, names, None, None, content_hash(array, labels))


def rows(module: DataModule, split: Any) -> NDArray[np.int64]:
    return np.array([int(item["image"][0, 0, 1]) for item in module.reference(split)])


def epoch(module: DataModule, number: int = 0) -> torch.Tensor:
    loader = module.train_dataloader()
    loader.ranked.set_epoch(number)
    return torch.cat([batch["image"] for batch in loader])


def test_split_is_disjoint_complete_and_stratified() -> None:
    module = Squares()
    train, held_out = rows(module, "train"), rows(module, "held_out")
    assert np.array_equal(np.sort(np.concatenate([train, held_out])), np.arange(100))
    assert np.bincount(held_out % 4).tolist() == [2, 2, 2, 2]  # round(0.1 x 25) of each class
    plain = Squares(labels=False)
    assert len(plain.reference("held_out")) == 10
    assert "label" not in plain.reference("train")[0] and plain.class_names is None


def test_split_is_the_same_for_every_seed_and_run() -> None:
    assert np.array_equal(rows(Squares(seed=0), "held_out"), rows(Squares(seed=5), "held_out"))
    # Fixed for good: a changed split would make published scores and running studies unlike.
    fixed = [4, 8, 12, 55, 61, 79, 80, 87, 89, 92]
    assert rows(Squares(labels=False), "held_out").tolist() == fixed


def test_families_stay_together_and_give_the_share() -> None:
    families = np.repeat(np.arange(40), 5)
    mask = held_out_mask(200, 0.2, families=families)
    assert mask.sum() == 40
    assert set(mask.reshape(40, 5).sum(1)) == {0, 5}


def test_family_of_two_classes_is_not_torn_apart() -> None:
    mask = held_out_mask(8, 0.5, np.array([0, 1] * 4), np.repeat(np.arange(4), 2))
    assert mask.sum() == 4 and set(mask.reshape(4, 2).sum(1)) == {0, 2}


def test_held_out_images_are_never_trained_on() -> None:
    module = Squares()
    seen = {
        int(level) for number in range(5) for level in to_uint8(epoch(module, number))[:, 0, 0, 1]
    }
    assert seen <= set(rows(module, "train").tolist())
    assert len(seen) == len(module.reference("train"))


def test_reference_items_are_bytes_with_their_label() -> None:
    module = Squares(mirror=True, dequantize=True)
    item = module.reference("train")[3]
    row = rows(module, "train")[3]
    assert item["image"].dtype == torch.uint8 and item["image"].shape == module.image_shape
    assert item["image"][:, :, 0].unique().tolist() == [255]
    assert item["label"] == row % 4 and module.class_names == ("a", "b", "c", "d")


@pytest.mark.parametrize(("dtype", "top"), [("uint8", 255), ("uint16", 65535)])
def test_training_images_keep_the_precision_of_the_source(dtype: str, top: int) -> None:
    module = Squares(dtype=dtype, labels=False)
    images = epoch(module)
    assert images.dtype == torch.float32
    row = torch.round((images[:, 0, 0, 1] + 1) * top / 2)
    torch.testing.assert_close(images[:, 0, 0, 1].double(), row.double() / top * 2 - 1)
    assert len(row.unique()) == len(images)


def test_deep_images_become_bytes_for_the_reference_by_rounding() -> None:
    module = Squares(dtype="uint16", labels=False)
    images = np.array([[[128, 129, 65535, 40000]]], np.uint16)[None]
    module._images = LabelledImages(images.repeat(8, 0), None, None, None, None, "x")
    assert module.reference("train")[0]["image"].flatten().tolist() == [0, 1, 255, 156]


def test_labels_travel_with_their_images() -> None:
    for batch in Squares().train_dataloader():
        levels = to_uint8(batch["image"])[:, 0, 0, 1].long()
        assert batch["label"].dtype == torch.int64
        assert torch.equal(batch["label"], levels % 4)


def test_mirror_flips_half_of_the_images_anew_in_every_epoch() -> None:
    module = Squares(count=240, labels=False, mirror=True, held_out_share=0.0)
    flips = []
    for number in (0, 1):
        images = to_uint8(epoch(module, number))
        bright = images[:, 0, 0] == 255
        assert (bright.sum(1) == 1).all() and (bright[:, 0] | bright[:, 3]).all()
        order = images[:, 0, 0, 1].argsort()
        flips.append(bright[order, 3])
    for flip in flips:
        assert abs(flip.float().mean().item() - 0.5) < 0.17
    assert 0.3 < (flips[0] == flips[1]).float().mean().item() < 0.7
    assert torch.equal(epoch(module, 1), epoch(module, 1))


def test_without_mirror_no_image_is_flipped() -> None:
    assert (to_uint8(epoch(Squares()))[..., 0] == 255).all()


def test_dequantized_levels_fill_their_width_and_keep_their_bytes() -> None:
    module = Squares(count=128, labels=False, dequantize=True, held_out_share=0.0)
    images = epoch(module)
    assert images.min() >= -1.0 and images.max() < 1.0
    level = torch.floor((images[:, 0, 0, 1] + 1) * 128)
    noise = (images[..., 1:] + 1) * 128 - level[:, None, None, None]
    assert noise.min() >= 0.0 and noise.max() < 1.0
    assert abs(noise.mean().item() - 0.5) < 0.01
    assert abs(noise.var().item() - 1 / 12) < 0.005
    assert sorted(level.tolist()) == list(range(128))
    assert not torch.equal(epoch(module, 0)[0], epoch(module, 1)[0])


def test_augmentation_depends_on_seed_epoch_and_index_and_not_on_the_batch() -> None:
    options: Any = {"mirror": True, "dequantize": True, "labels": False}
    sets = [Squares(**options).train_dataloader().dataset for _ in range(2)]
    together = sets[0].__getitems__([(i, 4) for i in range(20)])["image"]  # type: ignore[attr-defined]
    alone = torch.stack([sets[1][(i, 4)]["image"] for i in range(20)])
    assert torch.equal(together, alone)
    other = Squares(seed=1, **options).train_dataloader().dataset
    assert not torch.equal(other[(3, 4)]["image"], alone[3])
    assert not torch.equal(sets[0][(3, 5)]["image"], alone[3])


def test_workers_and_ranks_give_the_same_images() -> None:
    options: Any = {"mirror": True, "dequantize": True}
    one = list(Squares(**options).train_dataloader())
    two = list(Squares(num_workers=2, **options).train_dataloader())
    for mine, theirs in zip(one, two, strict=True):
        assert torch.equal(mine["image"], theirs["image"])
        assert torch.equal(mine["label"], theirs["label"])


def test_rank_comes_from_the_process_group(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = epoch(Squares(batch_size=8))
    parts = []
    for rank in (0, 1):
        monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
        monkeypatch.setattr(torch.distributed, "get_rank", lambda rank=rank: rank)
        monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 2)
        parts.append(epoch(Squares(batch_size=4)).split(4))
    joined = [half for pair in zip(*parts, strict=True) for half in pair]
    assert torch.equal(torch.cat(joined), whole)


def test_stored_images_are_not_changed_by_the_augmentation() -> None:
    module = Squares(mirror=True, dequantize=True)
    before = module._opened().array.copy()
    epoch(module)
    assert np.array_equal(module._opened().array, before)


def test_fingerprint_follows_content_and_split_but_not_the_order() -> None:
    same = Squares().fingerprint()
    assert same == Squares(seed=3, batch_size=4, mirror=True).fingerprint() and len(same) == 16
    others = [Squares(count=99), Squares(held_out_share=0.2), Squares(labels=False)]
    assert len({same, *(other.fingerprint() for other in others)}) == 4


def test_training_set_travels_to_a_spawned_worker() -> None:
    part = Squares(mirror=True).train_dataloader().dataset
    again = pickle.loads(pickle.dumps(part))
    assert torch.equal(again[(2, 1)]["image"], part[(2, 1)]["image"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"num_workers": -1}, "num_workers must be at least 0, got -1"),
        ({"seed": -2}, "seed must be at least 0, got -2"),
        ({"held_out_share": 1.0}, r"held_out_share must lie in \[0, 1\), got 1.0"),
        ({"held_out_share": -0.1}, r"held_out_share must lie in \[0, 1\), got -0.1"),
        ({"held_out_share": float("nan")}, "held_out_share must lie in .*got nan"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^Squares: {message}; set "):
        Squares(**options)


def test_batch_larger_than_the_data_is_refused_before_training() -> None:
    module = Squares(batch_size=93)
    with pytest.raises(ValueError, match="at most 92 for 92 training images on 1 rank.*got 93"):
        module.setup("fit")


def test_reference_to_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="held_out_share must hold out some of the 100.*0.0; set"):
        Squares(held_out_share=0.0).reference("held_out")
    with pytest.raises(ValueError, match="split must be train or held_out, got 'test'"):
        Squares().reference("test")  # type: ignore[arg-type]


def test_dequantizing_what_has_no_levels_is_refused() -> None:
    with pytest.raises(ValueError, match="dequantize must be false for data without levels"):
        Squares(dtype="float32", dequantize=True).setup()


def test_float_images_train_as_they_are() -> None:
    module = Squares(dtype="float32", labels=False)
    levels = to_uint8(epoch(module))[:, 0, 0, 1]
    torch.testing.assert_close(epoch(module)[:, 0, 0, 1], from_uint8(levels))
