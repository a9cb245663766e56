from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import Trainer

from callbacks.checkpointing import Checkpointing
from callbacks.drawing import draw_bank
from callbacks.evaluation import Evaluation
from callbacks.metrics.rand_vgg import RandVGGSpace
from callbacks.run_folder import RunFolder
from tests.helpers_monitor import ring_data, ring_game
from tests.small_variants import SmallImages, build
from tests.test_every_variant import QUIET


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANAGERIE_CACHE", str(tmp_path / "cache"))


def fit(folder: Path, *callbacks: Any, steps: int = 6, name: str = "DCGAN") -> Any:
    torch.manual_seed(0)
    module = build(name, normalization="batch", ema_half_life_images=50.0)
    options = {**QUIET, "enable_checkpointing": True}
    trainer = Trainer(
        max_steps=steps, callbacks=list(callbacks), default_root_dir=folder, **options
    )
    trainer.fit(module, datamodule=SmallImages(batch_size=8, seed=0))
    return module


def evaluation(**options: Any) -> Evaluation:
    return Evaluation(**{"samples": 30, "space": "rand_vgg", "max_share": None, **options})


def test_training_with_evaluations_is_bit_identical_to_training_without(tmp_path: Path) -> None:
    plain = fit(tmp_path / "a", Checkpointing(None))
    watched = fit(tmp_path / "b", evaluation(every_n_images=16), Checkpointing(None))
    for name, value in plain.state_dict().items():
        assert torch.equal(value, watched.state_dict()[name]), name
    assert all(m.training for m in watched.generator.modules())


def test_it_evaluates_on_the_grid_and_at_the_end_and_ties_scores_to_checkpoints(
    tmp_path: Path,
) -> None:
    fit(tmp_path, evaluation(every_n_images=20), Checkpointing(None, keep_last=9))
    run = RunFolder(tmp_path)
    rows = run.read_evaluations()
    assert [row["images_seen"] for row in rows] == [24, 40, 48]
    entries = {row["images_seen"]: row for row in run.read_index()["checkpoints"]}
    for row in rows:
        assert entries[row["images_seen"]]["scores"] == row["scores"]
        assert row["generator"] == "ema" and row["protocol"]["n_fake"] == 30
        assert row["floor"] and "evaluation" in entries[row["images_seen"]]["reasons"]
    best = min(rows, key=lambda row: row["scores"]["fd_rand_vgg@30"])
    assert run.resolve("best")["images_seen"] == best["images_seen"]


def test_a_costly_evaluation_is_passed_over_until_it_is_affordable(tmp_path: Path) -> None:
    watch = evaluation(every_n_images=8, max_share=1e-6)
    fit(tmp_path, watch, Checkpointing(None))
    # The first has no known cost, the end is always scored.
    assert [r["images_seen"] for r in RunFolder(tmp_path).read_evaluations()] == [8, 48]


def test_sample_i_does_not_depend_on_the_number_of_samples() -> None:
    module, space = build("GAN"), RandVGGSpace()
    small, large = (draw_bank(module, space, n, seed=3).features for n in (5, 300))
    torch.testing.assert_close(small, large[:5], rtol=1e-4, atol=1e-5)
    other = draw_bank(module, space, 5, seed=4).features
    assert not torch.allclose(small, other)


@pytest.mark.parametrize(("samples", "far", "near"), [(None, "10k", "2k"), (300, "300", "300")])
def test_of_points_more_are_drawn_for_distances_than_have_neighbours(
    tmp_path: Path, samples: int | None, far: str, near: str
) -> None:
    watch = Evaluation(None, samples=samples)
    options = {**QUIET, "enable_checkpointing": True, "default_root_dir": tmp_path}
    trainer = Trainer(max_steps=2, callbacks=[watch, Checkpointing(None)], **options)
    trainer.fit(ring_game(), datamodule=ring_data(8))
    names = {name.split("@")[0]: name.split("@")[1] for name in watch.last_scores}
    assert names["fd_waves64"] == names["se_fd_waves64"] == far
    assert names["coverage_identity"] == names["precision_identity"] == near


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"every_n_images": 0}, "every_n_images must be at least 1, got 0"),
        ({"samples": 1}, "samples must be at least 6, got 1"),
        ({"max_share": 2.0}, r"max_share must lie in \(0, 1\], got 2.0"),
        ({"inception_weights": "/nowhere.pth"}, "must be a file, got /nowhere.pth"),
    ],
)
def test_numbers_out_of_range_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Evaluation(**options)
