"""One table of all variants: each gets the same images, and networks that make them."""

from typing import Any

import pytest
from pytorch_lightning.cli import instantiate_module

import gan_modules
from benchmarks import baselines
from gan_modules.engine.game import Game

ROWS = {row.name: row for row in gan_modules.CATALOGUE}


@pytest.mark.parametrize(("data", "epochs"), [("mnist5k", 5), ("openmoji", 14)])
def test_a_budget_is_counted_in_epochs_of_the_set(data: str, epochs: int) -> None:
    # 24,000 images: 5 times 4,500, or 14 times 1,723.
    found = baselines.settings(ROWS["DCGAN"], data, 24_000, 16)
    assert found["trainer"]["max_epochs"] == epochs
    assert found["data"]["init_args"] == {"size": 32, "batch_size": 16}


@pytest.mark.parametrize(("name", "fades"), [("ProgressiveGAN", 3), ("StyleGAN", 2)])
def test_growth_leaves_a_third_of_the_budget_for_the_whole_size(name: str, fades: int) -> None:
    settings = baselines.settings(ROWS[name], "mnist5k", 18_000, 16)["model"]["init_args"]
    grown = fades * (settings["stable_images"] + settings["fade_images"])
    assert grown == pytest.approx(12_000, abs=10)


@pytest.mark.parametrize(("data", "images"), [("mnist5k", 4500), ("openmoji", 1723)])
def test_glo_has_a_code_for_each_image_of_the_set(data: str, images: int) -> None:
    settings = baselines.settings(ROWS["GLO"], data, 24_000, 16)["model"]["init_args"]
    assert settings["codes"] == images


@pytest.mark.parametrize("name", ["UnrolledGAN", "VEEGAN", "PacGAN", "BigGAN"])
def test_every_network_makes_images_of_the_set(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JSONARGPARSE_DEPRECATION_WARNINGS", "off")
    settings = baselines.settings(ROWS[name], "openmoji", 24_000, 16)["model"]["init_args"]
    variant = getattr(gan_modules, name)
    path = f"{variant.__module__}.{variant.__qualname__}"
    module: Any = instantiate_module(Game, {"_class_path": path, **settings})
    images = module.sample(4)
    assert images.shape == (4, 3, 32, 32)
    packed = 2 if name == "PacGAN" else 1
    joined = images.reshape(4 // packed, 3 * packed, 32, 32)
    if name in ("UnrolledGAN", "PacGAN"):
        assert module.discriminator(joined).shape == (4 // packed,)
    if name == "VEEGAN":
        codes = module.reconstructor(images)
        assert codes.shape == (4, 64) and module.discriminator(codes, images).shape == (4,)
