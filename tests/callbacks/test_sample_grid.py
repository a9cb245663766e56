import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from callbacks.rng import reseed
from callbacks.run_folder import RunFolder
from callbacks.sample_grid import SampleGrid, scatter
from tests.helpers_callbacks import Data, ToyGan, make_trainer, parameters, read_image


def fit(folder: Path, *callbacks: Any, max_steps: int = 6, **options: Any) -> ToyGan:
    reseed(1, 0, 0)
    module = ToyGan(**options)
    make_trainer(folder, callbacks, max_steps=max_steps).fit(module, datamodule=Data())
    return module


def moments(folder: Path) -> list[int]:
    return [moment for moment, _ in RunFolder(folder).media_files("samples")]


def test_pictures_fall_on_the_grid_the_start_and_the_end(tmp_path: Path) -> None:
    fit(tmp_path, SampleGrid(every_n_images=10), image_shape=(3, 4, 4))
    assert moments(tmp_path) == [0, 12, 20, 24]


def test_without_a_grid_there_is_a_first_and_a_last_picture(tmp_path: Path) -> None:
    fit(tmp_path, SampleGrid(every_n_images=None), image_shape=(1, 4, 4))
    assert moments(tmp_path) == [0, 24]


@pytest.mark.parametrize("shape", [(2,), (3, 4, 4)], ids=["points", "images"])
def test_training_is_bit_identical_with_and_without(tmp_path: Path, shape: Any) -> None:
    without = fit(tmp_path / "a", image_shape=shape)
    drawn = [torch.rand(1).item(), random.random(), float(np.random.rand())]
    with_grid = fit(tmp_path / "b", SampleGrid(every_n_images=4), image_shape=shape)
    assert drawn == [torch.rand(1).item(), random.random(), float(np.random.rand())]
    expected = parameters(without)
    for name, tensor in parameters(with_grid).items():
        assert torch.equal(tensor, expected[name]), name


def test_grid_has_the_images_of_the_fixed_latents_in_rows(tmp_path: Path) -> None:
    module = fit(tmp_path, SampleGrid(samples=6, columns=3, seed=5), image_shape=(1, 2, 2))
    image = np.asarray(read_image(RunFolder(tmp_path).media_files("samples")[-1][1]))
    assert image.shape == (2 + 2 * 4, 2 + 3 * 4)
    module.eval()
    latents = module.draw_latents(6, generator=torch.Generator().manual_seed(5))
    tones = ((module.decode(latents)[:, 0, 0, 0] + 1) * 127.5).round().int().tolist()
    assert image[2::4, 2::4].flatten().tolist() == tones
    assert image[0].tolist() == [255] * 14


def test_noise_inside_the_generator_is_the_same_each_time(tmp_path: Path) -> None:
    class Noisy(ToyGan):
        def decode(self, z: Any) -> Any:
            return (torch.randn(len(z), 1, 1, 1) * 0.3).expand(-1, 1, 2, 2)

    trainer, module = make_trainer(tmp_path), Noisy()
    for module.images_seen in (1, 2):
        SampleGrid().publish(trainer, module)
        torch.rand(3)
    files = [file for _, file in RunFolder(tmp_path).media_files("samples")]
    first, second = [np.asarray(read_image(file)) for file in files]
    assert np.array_equal(first, second) and first.std() > 10


def test_every_module_keeps_its_own_mode(tmp_path: Path) -> None:
    module = ToyGan(image_shape=(1, 2, 2))
    module.train()
    module.discriminator.eval()
    before = [part.training for part in module.modules()]
    SampleGrid().publish(make_trainer(tmp_path), module)
    assert [part.training for part in module.modules()] == before
    assert before.count(False) == 1


def test_resumed_run_does_not_repeat_the_first_picture(tmp_path: Path) -> None:
    module = ToyGan(image_shape=(1, 2, 2))
    module.images_seen = 40
    make_trainer(tmp_path, [SampleGrid(every_n_images=None)], max_steps=1).fit(module, Data())
    assert moments(tmp_path) == [44]


def test_points_are_drawn_over_the_real_ones(tmp_path: Path) -> None:
    fit(tmp_path, SampleGrid(every_n_images=None))
    image = read_image(RunFolder(tmp_path).media_files("samples")[-1][1])
    assert image.size == (500, 500) and image.mode == "RGB"


def test_extent_of_the_plot_is_that_of_the_real_points() -> None:
    real = torch.tensor([[-1.0, 0.0], [3.0, 8.0]])
    figure = scatter(torch.full((5, 2), 100.0), real, "title")
    (axes,) = figure.axes
    assert axes.get_xlim() == (-2.0, 4.0)
    assert axes.get_ylim() == (-2.0, 10.0)


@pytest.mark.parametrize("name", ["every_n_images", "samples", "columns"])
def test_numbers_out_of_range_are_refused(name: str) -> None:
    options: Any = {name: 0}
    with pytest.raises(ValueError, match=f"SampleGrid: {name} must be at least 1, got 0"):
        SampleGrid(**options)
