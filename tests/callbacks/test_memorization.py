import json
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import Trainer

from callbacks.checkpointing import Checkpointing
from callbacks.memorization import Memorization
from callbacks.run_folder import RunFolder
from callbacks.run_folder_logger import RunFolderLogger
from tests.helpers_callbacks import read_image
from tests.small_variants import SmallImages, build
from tests.test_every_variant import QUIET


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANAGERIE_CACHE", str(tmp_path / "cache"))


def fit(folder: Path, *callbacks: Any, steps: int = 6, share: float = 0.45, **options: Any) -> Any:
    torch.manual_seed(0)
    module = build("DCGAN", normalization="batch", ema_half_life_images=50.0)
    trainer = Trainer(
        max_steps=steps,
        callbacks=list(callbacks),
        default_root_dir=folder,
        **{**QUIET, "enable_checkpointing": True, **options},
    )
    trainer.fit(module, datamodule=SmallImages(batch_size=8, seed=0, held_out_share=share))
    return module


def memorization(**options: Any) -> Memorization:
    return Memorization(**{"samples": 100, "space": "rand_vgg", "augment": "flip", **options})


def test_training_with_verdicts_is_bit_identical_to_training_without(tmp_path: Path) -> None:
    plain = fit(tmp_path / "a", Checkpointing(None))
    drawn = torch.get_rng_state()
    watch = memorization(every_n_images=16, at_end=True)
    watched = fit(tmp_path / "b", watch, Checkpointing(None))
    assert torch.equal(torch.get_rng_state(), drawn)
    for name, value in plain.state_dict().items():
        assert torch.equal(value, watched.state_dict()[name]), name
    assert all(module.training for module in watched.generator.modules())


def test_verdicts_go_to_the_run_folder_and_the_loggers(tmp_path: Path) -> None:
    logger = RunFolderLogger(tmp_path)
    watch = memorization(every_n_images=20, at_end=True)
    fit(tmp_path, watch, Checkpointing(None), logger=logger)
    run = RunFolder(tmp_path)
    assert [moment for moment, _ in run.media_files("memorization")] == [24, 40, 48]
    shown = read_image(run.media_files("memorization")[-1][1])
    assert shown.size[0] > 1000 and shown.size[1] > 800

    rows = [row for row in run.read_metrics() if "memorization/level" in row]
    assert [row["images_seen"] for row in rows] == [24, 40, 48]
    record = json.loads(run.memorization_path.read_text())
    assert (record["images_seen"], record["generator"], record["samples"]) == (48, "ema", 100)
    assert record["held_out"] == 108 and record["verdict"] == "fresh" and not record["weak"]
    for space in ("pixel32", "rand_vgg"):
        rate = record["spaces"][space]["copy_rate"]
        assert rows[-1][f"memorization/{space}/copy_rate"] == rate < 0.05
    assert rows[-1]["memorization/level"] == 0
    assert rows[-1]["memorization/mifd_rand_vgg@100"] > 0


def test_it_is_off_by_default(tmp_path: Path) -> None:
    fit(tmp_path, Memorization(), Checkpointing(None), share=0.0)
    assert not RunFolder(tmp_path).memorization_path.exists()


def test_end_alone_is_judged_once(tmp_path: Path) -> None:
    fit(tmp_path, memorization(at_end=True), Checkpointing(None))
    assert [moment for moment, _ in RunFolder(tmp_path).media_files("memorization")] == [48]


def test_samples_that_are_not_finite_do_not_end_the_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gan_modules.base import AdversarialModule

    decode = AdversarialModule.decode
    monkeypatch.setattr(AdversarialModule, "decode", lambda self, *z: decode(self, *z) * torch.nan)
    module = fit(tmp_path, memorization(at_end=True), Checkpointing(None))
    assert module.images_seen == 48
    assert "at least 100 samples must be finite, got 0 of 100" in caplog.text
    assert not RunFolder(tmp_path).memorization_path.exists()


def test_too_little_held_out_is_refused_before_training(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must hold out at least 100 samples, got 24"):
        fit(tmp_path, memorization(at_end=True), share=0.1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"every_n_images": 0}, "every_n_images must be at least 1, got 0"),
        ({"samples": 50}, "samples must be at least 100, got 50"),
        ({"augment": "most"}, "kind must be full, flip or none, got 'most'"),
        ({"inception_weights": "/nowhere.pth"}, "must be a file, got /nowhere.pth"),
    ],
)
def test_numbers_out_of_range_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Memorization(**options)
