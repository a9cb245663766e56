import math
import pickle

import numpy as np
import pytest
import torch

from datamodules.mnist import MNIST5k
from datamodules.stacked_mnist import StackedMNIST, count_stacked_modes, triple_labels


@pytest.fixture(scope="module")
def stacked(tmp_path_factory: pytest.TempPathFactory) -> StackedMNIST:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANAGERIE_CACHE", str(tmp_path_factory.mktemp("stacked")))
        module = StackedMNIST(length=4500, batch_size=100)
        module.setup()
    return module


def test_each_channel_is_a_real_digit_and_the_label_reads_them(stacked: StackedMNIST) -> None:
    images = stacked._opened()
    grey = stacked.digits.load()
    assert grey.labels is not None and images.labels is not None
    triples = images.array.triples  # type: ignore[attr-defined]
    for row in (0, 17, 4999):
        for channel in range(3):
            source = triples[row, channel]
            assert np.array_equal(images.array[row][channel], grey.array[source, 0])
            assert int(f"{images.labels[row]:03}"[channel]) == grey.labels[source]
    assert images.class_names is not None and images.class_names[7] == "007"
    assert (stacked.name, stacked.image_shape) == ("stacked-mnist-32", (3, 32, 32))
    assert "MNIST" in stacked.attribution


def test_batches_are_the_images_that_the_rows_name(stacked: StackedMNIST) -> None:
    batch = next(iter(stacked.train_dataloader()))
    assert batch["image"].shape == (100, 3, 32, 32) and batch["image"].dtype == torch.float32
    assert batch["image"].min() == -1.0 and batch["image"].max() == 1.0
    again = stacked._training_set().__getitems__([(int(i), 0) for i in batch["index"]])
    assert torch.equal(again["image"], batch["image"])
    assert torch.equal(again["label"], batch["label"]) and batch["label"].unique().numel() > 80
    item = stacked.reference("train")[3]
    assert item["image"].shape == (3, 32, 32) and item["image"].dtype == torch.uint8


def test_all_thousand_triples_are_about_equally_likely() -> None:
    labels = StackedMNIST(length=128_000, held_out_share=0.0).load().labels
    assert labels is not None and len(labels) == 128_000
    counts = np.bincount(labels, minlength=1000)
    # Five standard deviations of a Poisson count of 128.
    assert len(counts) == 1000 and np.abs(counts - 128).max() < 5 * math.sqrt(128)


def test_triples_that_are_held_out_share_no_digit_with_those_for_training(
    stacked: StackedMNIST,
) -> None:
    triples = stacked._opened().array.triples  # type: ignore[attr-defined]
    train, held_out = (set(triples[stacked._part(p)].ravel()) for p in ("train", "held_out"))
    assert not train & held_out
    assert len(stacked._part("train")) == 4500 and len(stacked._part("held_out")) == 500
    assert held_out <= set(MNIST5k()._part("held_out"))


def test_the_draw_is_fixed_and_known_by_its_fingerprint(stacked: StackedMNIST) -> None:
    same = StackedMNIST(length=4500, seed=5)
    assert same.fingerprint() == stacked.fingerprint()
    assert StackedMNIST(length=4501).fingerprint() != stacked.fingerprint()
    assert StackedMNIST(length=4500, size=28).fingerprint() != stacked.fingerprint()
    assert StackedMNIST(length=4500, size=28).image_shape == (3, 28, 28)


def test_triples_cost_no_memory_and_travel_to_a_worker(stacked: StackedMNIST) -> None:
    held = pickle.dumps(stacked._opened())
    # 5,000 triples of row numbers and labels; as images they would be 15 MB.
    assert len(held) < 300_000
    again = pickle.loads(held)
    assert np.array_equal(again.array[[5, 6]], stacked._opened().array[[5, 6]])


def test_fewer_triples_than_modes_are_refused() -> None:
    with pytest.raises(ValueError, match="^StackedMNIST: length must be at least the 1000 modes"):
        StackedMNIST(length=999)


def test_uniform_digits_cover_all_modes_at_the_known_divergence_kat_46() -> None:
    counts = []
    for seed in range(10):
        draw = torch.randint(10, (26_000, 3), generator=torch.Generator().manual_seed(seed))
        counts.append(count_stacked_modes(draw))
    assert {count.modes for count in counts} == {1000}
    mean = sum(count.reverse_kl for count in counts) / 10
    assert mean == pytest.approx(999 / 52_000, rel=0.03)
    assert mean == pytest.approx(0.019, abs=0.001)


def test_one_triple_is_one_mode_and_a_half_of_them_costs_log_two() -> None:
    one = count_stacked_modes(torch.tensor([[3, 1, 4]]).expand(50, 3))
    assert one.modes == 1 and one.reverse_kl == pytest.approx(6.907755, abs=1e-6)
    every = torch.cartesian_prod(*[torch.arange(10)] * 3)
    assert count_stacked_modes(every).reverse_kl == pytest.approx(0.0, abs=1e-12)
    half = count_stacked_modes(every[every[:, 2] < 5])
    assert half.modes == 500 and half.reverse_kl == pytest.approx(math.log(2), rel=1e-12)


def test_triples_are_read_red_first() -> None:
    assert triple_labels(torch.tensor([[1, 2, 3], [0, 0, 9]])).tolist() == [123, 9]
    swapped = torch.tensor([[1, 2, 3], [3, 2, 1]])
    assert count_stacked_modes(swapped).modes == 2


@pytest.mark.parametrize(
    ("digits", "message"),
    [
        (torch.zeros(0, 3), r"must have shape \(N, 3\), got \(0, 3\)"),
        (torch.zeros(4, 10), r"must have shape \(N, 3\), got \(4, 10\)"),
        (torch.full((2, 3), 10), r"must lie in 0\.\.9, got 10\.\.10"),
        (torch.full((2, 3), -1), r"must lie in 0\.\.9, got -1\.\.-1"),
    ],
)
def test_what_are_no_digits_is_refused(digits: torch.Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=f"^count_stacked_modes: digits {message}"):
        count_stacked_modes(digits)
