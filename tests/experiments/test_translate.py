"""``ganagerie translate`` on one small run of the user's own folders, and what it is made of."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from callbacks.run_folder import RunFolder
from experiments.errors import CommandError
from experiments.tiling import tiled
from experiments.translate import names_of, to_domain, with_alpha
from experiments.ways import Domains
from tests.command_server import CommandServer

SIZE = 16
CONFIG = """
trainer: {max_steps: 3, accelerator: cpu, log_every_n_steps: 1}
loggers: {wandb: disabled}
evaluation: {space: rand_vgg, samples: 40}
model:
  class_path: CycleGAN
  init_args:
    generator_ab: &translator
      class_path: gan_modules.networks.resnet_translator.ResnetTranslator
      init_args: {in_channels: 3, out_channels: 3, width: 4, blocks: 1, downs: 1}
    generator_ba: *translator
    discriminator_a: &judge
      class_path: gan_modules.networks.patchgan.PatchDiscriminator
      init_args: {channels: 3, width: 4, layers: 1}
    discriminator_b: *judge
data:
  class_path: UnpairedFolders
  init_args: {folder_a: A, folder_b: B, size: 16, channels_a: 3, channels_b: 3, batch_size: 2}
"""


def photo(seed: int, size: tuple[int, int] = (20, 24), mode: str = "RGB") -> Image.Image:
    own = np.random.default_rng(seed)
    coarse = own.integers(0, 256, (5, 5, len(mode)), dtype=np.uint8)
    return Image.fromarray(coarse.squeeze(), mode).resize(size, Image.Resampling.BICUBIC)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandServer]:
    with CommandServer(tmp_path_factory.mktemp("commands")) as server:
        yield server


@pytest.fixture(scope="module")
def run(server: CommandServer, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    home = tmp_path_factory.mktemp("mine")
    for folder, first in (("A", 0), ("B", 1000)):
        (home / folder).mkdir()
        for number in range(60):
            photo(first + number).save(home / folder / f"{number:03d}.jpg")
    text = CONFIG.replace("folder_a: A", f"folder_a: {home / 'A'}")
    (home / "mine.yaml").write_text(text.replace("folder_b: B", f"folder_b: {home / 'B'}"))
    words = ("--config", home / "mine.yaml", "--run_dir", home / "run")
    code, output = server.run("fit", *words, timeout=300)
    assert code == 0, output
    assert "use it      ganagerie translate" in output
    return RunFolder.open(home / "run")


def test_files_keep_their_size_name_and_alpha(
    server: CommandServer, run: RunFolder, tmp_path: Path
) -> None:
    given = tmp_path / "given"
    given.mkdir()
    photo(1, (50, 37)).save(given / "wide.jpg")
    photo(2, (9, 30), "RGBA").save(given / "cut out.png")
    photo(3, (16, 16)).convert("L").save(given / "grey.png")
    out = tmp_path / "out"
    code, output = server.run("translate", run.path, given, "--to", "b", "--out", out)
    assert code == 0, output
    assert "3 images, " in output and sorted(file.name for file in out.iterdir()) == [
        "cut out.png",
        "grey.png",
        "wide.png",
    ]
    for name, size, mode in (
        ("wide.png", (50, 37), "RGB"),
        ("cut out.png", (9, 30), "RGBA"),
        ("grey.png", (16, 16), "RGB"),
    ):
        with Image.open(out / name) as image:
            assert (image.size, image.mode) == (size, mode)
    with Image.open(given / "cut out.png") as before, Image.open(out / "cut out.png") as after:
        assert np.array_equal(np.asarray(before)[..., 3], np.asarray(after)[..., 3])


def test_the_folders_of_the_training_may_be_gone(
    server: CommandServer, run: RunFolder, tmp_path: Path
) -> None:
    photo(1, (50, 37)).save(tmp_path / "mine.png")
    folders = [run.path.parent / name for name in ("A", "B")]
    for folder in folders:
        folder.rename(folder.with_suffix(".away"))
    out = tmp_path / "out"
    code, output = server.run(
        "translate", run.path, tmp_path / "mine.png", "--to", "b", "--out", out
    )
    for folder in folders:
        folder.with_suffix(".away").rename(folder)
    assert code == 0, output
    with Image.open(out / "mine.png") as image:
        assert image.size == (50, 37)


def test_translated_again_below_the_run_leaves_no_image_of_before(
    server: CommandServer, run: RunFolder, tmp_path: Path
) -> None:
    for name in ("first", "second"):
        photo(7).save(tmp_path / f"{name}.png")
        code, output = server.run("translate", run.path, tmp_path / f"{name}.png", "--to", "b")
        assert code == 0, output
        assert [file.name for file in (run.path / "translated").iterdir()] == [f"{name}.png"]


def test_a_refusal_leaves_the_translations_of_before_and_inputs_are_never_cleared(
    server: CommandServer, run: RunFolder, tmp_path: Path
) -> None:
    photo(7).save(tmp_path / "first.png")
    (tmp_path / "more").mkdir()
    photo(8).save(tmp_path / "more" / "first.jpg")
    code, output = server.run("translate", run.path, tmp_path / "first.png", "--to", "b")
    assert code == 0, output
    made = run.path / "translated" / "first.png"
    before = made.read_bytes()
    twice = (tmp_path / "first.png", tmp_path / "more")
    code, output = server.run("translate", run.path, *twice, "--to", "b")
    assert code == 2 and "differ in their names" in output
    code, output = server.run("translate", run.path, run.path / "translated", "--to", "a")
    assert code == 2 and "images must lie elsewhere than" in output and "--out" in output
    assert made.read_bytes() == before
    out = tmp_path / "back"
    code, output = server.run("translate", run.path, made, "--to", "a", "--out", out)
    assert code == 0 and (out / "first.png").is_file(), output


def test_scores_and_pictures_are_of_both_directions(run: RunFolder) -> None:
    scores = run.read_evaluations()[-1]["scores"]
    first = next(iter(scores))
    assert first.startswith("fd_rand_vgg@") and first.endswith("/mean")
    stem = first.removesuffix("/mean")
    assert scores[first] == pytest.approx((scores[f"{stem}/to_a"] + scores[f"{stem}/to_b"]) / 2)
    assert scores["cycle_l1/a"] > 0 and scores["cycle_l1/b"] > 0
    assert run.read_index()["best"] is not None
    with Image.open(run.media_files("samples")[-1][1]) as image:
        # Two directions of the six that are held out; input, translation and way back.
        assert image.size == (2 + 3 * (SIZE + 2), 2 * (2 + 6 * (SIZE + 2) + 6))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere.png"], "nowhere.png must be an image or a folder of them"),
        (["FILE"], "--to must be given where there are several ways: A to B, B to A"),
        (["FILE", "--to", "c"], "--to must be a domain of the run, got 'c'; there is a"),
        (["FILE", "--to", "a", "--from", "a"], "--to must be a direction of the run"),
        (["FILE", "--to", "b", "--tile", "0"], "--tile: must be a whole number of at least 1"),
    ],
)
def test_what_cannot_be_translated_is_one_line(
    server: CommandServer, run: RunFolder, tmp_path: Path, words: list[str], message: str
) -> None:
    photo(5).save(tmp_path / "file.png")
    given = [str(tmp_path / "file.png") if word == "FILE" else word for word in words]
    code, output = server.run("translate", run.path, *given, "--out", tmp_path / "out")
    assert code == 2 and message in output and len(output.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", ["sample", "interpolate", "memorization", "project"])
def test_commands_that_need_latents_say_what_to_use(
    server: CommandServer, run: RunFolder, tmp_path: Path, command: str
) -> None:
    photo(5).save(tmp_path / "file.png")
    more = [tmp_path / "file.png"] if command == "project" else []
    code, output = server.run(command, run.path, *more)
    assert code == 2 and "run must draw from latents, got CycleGAN; use ganagerie transl" in output


def test_evaluate_scores_a_translation_again(server: CommandServer, run: RunFolder) -> None:
    code, output = server.run(
        "evaluate", run.path, "--space", "rand_vgg", "--samples", 40, "--json", timeout=200
    )
    assert code == 0 and "/to_a" in output and "cycle_l1/b" in output, output


@pytest.mark.parametrize("shape", [(16, 16), (7, 40), (33, 50), (64, 17)])
def test_tiles_of_a_pixelwise_map_join_without_a_seam(shape: tuple[int, int]) -> None:
    image = torch.rand(3, *shape, generator=torch.Generator().manual_seed(0)) * 2 - 1
    seen = []

    def translate(tiles: torch.Tensor) -> torch.Tensor:
        seen.append(tiles.shape[2:])
        return -tiles[:, :1]

    made = tiled(image, translate, edge=16, overlap=4)
    torch.testing.assert_close(made, -image[:1])
    assert set(seen) == {(16, 16)}


def test_neighbouring_tiles_fade_into_each_other() -> None:
    numbers = iter(range(100))

    def translate(tiles: torch.Tensor) -> torch.Tensor:
        return torch.stack([torch.full_like(tile[:1], next(numbers)) for tile in tiles])

    made = tiled(torch.zeros(1, 16, 28), translate, edge=16, overlap=4)[0, 8]
    assert made[0] == 0 and made[-1] == 1
    assert (made.diff() >= 0).all() and made.diff().max() < 0.3


def test_titles_and_names_of_domains_are_both_understood() -> None:
    module = SimpleNamespace(directions=(("a", "b"), ("b", "a")))
    shapes = {"a": (1, 16, 16), "b": (5, 16, 16)}
    domains = Domains(module, {"a": "line art", "b": "colour"}, shapes)
    assert domains.chosen(None, "Colour") == domains.chosen("a", None) == ("a", "b")
    assert domains.edge == 16 and domains.channels("a") == 1
    with pytest.raises(CommandError, match="domain b must have 1 to 4 channels to be given files"):
        domains.channels("b")
    one_way = Domains(SimpleNamespace(directions=(("a", "b"),)), domains.titles, shapes)
    assert one_way.chosen(None, None) == ("a", "b")
    with pytest.raises(CommandError, match="got any to a; there is line art to colour"):
        one_way.chosen(None, "a")


def test_of_many_domains_the_target_is_enough() -> None:
    names = ("dark", "light", "pale")
    ways = tuple((s, t) for s in names for t in names if s != t)
    domains = Domains(SimpleNamespace(directions=ways), {n: n for n in names}, {})
    assert domains.chosen(None, "pale")[1] == "pale"
    with pytest.raises(CommandError, match="--to must be given"):
        domains.chosen("dark", None)


def test_files_of_one_name_or_of_strange_channels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"images must differ in their names, got a.png twice"):
        names_of([Path("x/a.jpg"), Path("y/a.png")])
    with pytest.raises(CommandError, match="must have 1 to 4 channels, got 5"):
        to_domain(np.zeros((4, 4, 5), np.uint8), 3, Path("x.npy"))
    with pytest.raises(CommandError, match=r"must lie in \[-1, 1\], got values up to 7"):
        to_domain(np.full((4, 4, 1), 7.0, np.float32), 3, Path("x.npy"))


def test_alpha_is_kept_for_grey_and_for_colour_and_16_bits() -> None:
    grey = with_alpha(torch.zeros(1, 2, 2), np.full((2, 2, 4), 65535, np.uint16))
    assert grey.mode == "LA" and grey.getpixel((0, 0))[1] == 255
    colour = with_alpha(torch.zeros(3, 2, 2), np.zeros((2, 2, 2), np.uint8))
    assert colour.mode == "RGBA" and colour.getpixel((0, 0))[3] == 0
    assert with_alpha(torch.zeros(3, 2, 2), np.zeros((2, 2, 3), np.uint8)).mode == "RGB"
