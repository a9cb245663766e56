"""Latent tools on generators whose answers are known."""

from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from experiments import latents, mix, project
from experiments.errors import CommandError
from experiments.image_input import files_of, read_images
from experiments.latents import WSpace, ZSpace, space_of


class Linear(nn.Module):
    """Latents to images of four pixels, without a loss: every image has one latent."""

    latent_dim = 4

    def __init__(self) -> None:
        super().__init__()
        own = torch.Generator().manual_seed(3)
        matrix = torch.randn(4, 4, generator=own) + 2 * torch.eye(4)
        self.matrix = nn.Parameter(0.1 * matrix)

    def forward(self, z: Tensor) -> Tensor:
        return (z @ self.matrix.T).unflatten(1, (1, 2, 2))


class Styled(nn.Module):
    """Three styles, each written into its own channel."""

    latent_dim, num_layers = 2, 3

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("w_avg", torch.tensor([5.0, -5.0]))

    def mapping(self, z: Tensor) -> Tensor:
        return 10.0 * z

    def synthesis(self, ws: Tensor) -> Tensor:
        return 0.1 * ws[..., :1].unsqueeze(-1).expand(-1, -1, 2, 2)

    def forward(self, z: Tensor) -> Tensor:
        return self.synthesis(self.mapping(z)[:, None].expand(-1, 3, -1))


class Module:
    """The part of a module that the tools ask for."""

    num_classes = 0
    latent = "normal"
    device = torch.device("cpu")

    def __init__(self, network: nn.Module) -> None:
        self.network = network

    def sampler(self) -> nn.Module:
        return self.network

    def draw_latents(self, n: int, *, generator: torch.Generator) -> Tensor:
        return torch.randn(n, self.network.latent_dim, generator=generator)


def opened(network: nn.Module):
    return SimpleNamespace(module=Module(network))


def test_styles_are_chosen_where_there_are_any() -> None:
    assert space_of(opened(Styled())).name == "w"
    assert space_of(opened(Styled()), "z").name == "z"
    assert space_of(opened(Linear())).name == "z"
    with pytest.raises(CommandError, match="--space must be z for Module, got w"):
        space_of(opened(Linear()), "w")


def test_truncation_in_w_goes_to_the_mean_style_kat_33() -> None:
    space = WSpace(Module(Styled()))
    points = space.draw(6, torch.Generator().manual_seed(0))
    torch.testing.assert_close(space.truncated(points, 0.0), space.average.expand(6, 2))
    torch.testing.assert_close(space.truncated(points, 1.0), points)
    half = space.truncated(points, 0.5)
    torch.testing.assert_close(half, 0.5 * (points + space.average))


def test_truncation_in_z_gives_one_image_at_0_and_all_at_infinity() -> None:
    space = ZSpace(Module(Linear()))
    points = space.draw(6, torch.Generator().manual_seed(0))
    images = space.images(space.truncated(points, 0.0))
    assert torch.equal(images, images[:1].expand_as(images))
    torch.testing.assert_close(space.truncated(points, float("inf")), points)
    with pytest.raises(CommandError, match="normal latents to be truncated, got uniform"):
        module = Module(Linear())
        module.latent = "uniform"
        ZSpace(module).truncated(points, 1.0)


def test_mixing_takes_the_first_styles_from_the_left_and_the_rest_from_above() -> None:
    space = WSpace(Module(Styled()))
    left, above = torch.tensor([[1.0, 0.0], [2.0, 0.0]]), torch.tensor([[7.0, 0.0]] * 3)
    cells = mix.mixing_grid(space, left, above, cutoff=1).mean(dim=(2, 3)).unflatten(0, (3, 4))
    assert cells[0, 0].tolist() == [1.0, 1.0, 1.0]
    for row, column, expected in (
        (0, 1, [0.7, 0.7, 0.7]),
        (2, 0, [0.2, 0.2, 0.2]),
        (1, 2, [0.1, 0.7, 0.7]),
        (2, 3, [0.2, 0.7, 0.7]),
    ):
        torch.testing.assert_close(cells[row, column], torch.tensor(expected))


def test_projection_finds_the_latent_of_an_image_of_the_generator() -> None:
    network = Linear()
    space = ZSpace(Module(network))
    truth = torch.nn.functional.normalize(torch.randn(2, 4), dim=1) * 2.0
    targets = network(truth).detach()

    def distance(first: Tensor, second: Tensor) -> Tensor:
        return (first - second).square().mean(dim=(1, 2, 3))

    own = torch.Generator().manual_seed(0)
    start = project.project(space, targets, distance, 1, 1e-6, own)
    own = torch.Generator().manual_seed(0)
    found = project.project(space, targets, distance, 400, 0.1, own)
    before, after = (distance(network(points), targets) for points in (start, found))
    assert (after <= before).all() and after.max() < 0.2 * before.max()
    # The search stays on the sphere of the draw that it began at.
    torch.testing.assert_close(found.norm(dim=1), start.norm(dim=1), rtol=1e-4, atol=1e-5)


def test_projection_in_w_is_free_of_the_sphere_and_exact() -> None:
    space = WSpace(Module(Styled()))
    targets = torch.full((1, 3, 2, 2), 0.325)

    def distance(first: Tensor, second: Tensor) -> Tensor:
        return (first - second).square().mean(dim=(1, 2, 3))

    found = project.project(space, targets, distance, 300, 0.1, torch.Generator().manual_seed(0))
    assert float(found[0, 0]) == pytest.approx(3.25, abs=1e-2)


def test_images_are_read_as_the_runs_own(tmp_path) -> None:
    from PIL import Image

    Image.new("RGB", (50, 40), (255, 255, 255)).save(tmp_path / "a.png")
    Image.new("L", (8, 8), 0).save(tmp_path / "b.png")
    files = files_of([tmp_path])
    images = read_images(files, (1, 16, 16))
    assert images.shape == (2, 1, 16, 16)
    assert float(images[0].min()) == pytest.approx(1.0) and float(images[1].max()) == pytest.approx(
        -1.0
    )
    with pytest.raises(CommandError, match="must hold images, got none"):
        (tmp_path / "empty").mkdir()
        files_of([tmp_path / "empty"])
    with pytest.raises(CommandError, match="got no such file"):
        files_of([tmp_path / "missing.png"])
    with pytest.raises(CommandError, match="1 to 4 channels"):
        read_images(files, (5, 16, 16))


def test_walks_of_styles_are_straight() -> None:
    assert latents.WAYS[WSpace.way] is latents.lerp and latents.WAYS[ZSpace.way] is latents.slerp
