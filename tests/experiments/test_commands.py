"""The commands on one small run of images, as a user calls them."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from callbacks.run_folder import RunFolder
from experiments import sample
from experiments.errors import CommandError
from tests.command_server import ROOT, CommandServer

TINY = [
    "--trainer.accelerator=cpu",
    "--trainer.max_steps=3",
    "--trainer.log_every_n_steps=1",
    "--data.init_args.batch_size=8",
    "--evaluation.samples=40",
    "--evaluation.space=rand_vgg",
    "--loggers.wandb=disabled",
]
CONFIG = "experiments/configs/unconditional/dcgan.yaml"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandServer]:
    with CommandServer(tmp_path_factory.mktemp("commands")) as server:
        yield server


@pytest.fixture(scope="module")
def run(server: CommandServer, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    path = tmp_path_factory.mktemp("runs") / "digits"
    # Uniform latents, the variant's own, have nothing to truncate.
    words = (*TINY, "--model.init_args.latent=normal")
    code, output = server.run("fit", "--config", CONFIG, "--run_dir", path, *words, timeout=300)
    assert code == 0, output
    return RunFolder.open(path)


def test_fit_says_where_to_look(server: CommandServer, run: RunFolder) -> None:
    log = next(server.folder.glob("command1.log")).read_text()
    for wanted in (f"run folder: {run.path}", "last grid", "report", "scores", "draw more"):
        assert wanted in log


def test_a_run_may_train_on_all_that_there_is(server: CommandServer, tmp_path: Path) -> None:
    words = (*TINY, "--data.init_args.held_out_share=0")
    code, output = server.run("fit", "--config", CONFIG, "--run_dir", tmp_path / "all", *words)
    assert code == 0, output
    last = RunFolder.open(tmp_path / "all").read_evaluations()[-1]
    # Without held-out images the floor is that of one part of the reals against the rest.
    assert last["scores"] and last["floor"]


def test_sample_draws_the_same_images_whatever_their_number(
    server: CommandServer, run: RunFolder, tmp_path: Path
) -> None:
    for n in (3, 5):
        code, output = server.run("sample", run.path, "--n", n, "--out", tmp_path / str(n))
        assert code == 0, output
    names = sorted(file.name for file in (tmp_path / "3").iterdir())
    # The grid is beside them: among them it would be scored as one of the images.
    assert names == ["000000.png", "000001.png", "000002.png"]
    assert (tmp_path / "3-grid.png").is_file()
    for name in names:
        assert (tmp_path / "3" / name).read_bytes() == (tmp_path / "5" / name).read_bytes()
    with Image.open(tmp_path / "3" / "000000.png") as image:
        assert image.size == (32, 32) and image.mode == "L"


def test_sample_writes_one_grid_where_a_picture_is_asked_for(
    server: CommandServer, run: RunFolder, tmp_path: Path
) -> None:
    out = tmp_path / "new" / "drawn.png"
    for n in (2, 3):
        words = ("--n", n, "--columns", 3, "--out", out)
        code, output = server.run("sample", run.path, *words)
        assert code == 0 and f"{n} images of " in output, output
    assert [file.name for file in out.parent.iterdir()] == ["drawn.png"]
    words = ("--n", 3, "--columns", 3, "--out", tmp_path / "folder")
    assert server.run("sample", run.path, *words)[0] == 0
    assert out.read_bytes() == (tmp_path / "folder-grid.png").read_bytes()
    with Image.open(out) as grid:
        assert grid.size == (2 + 3 * 34, 2 + 34)


def test_points_are_no_picture(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="--out must be a folder for points, got .*p.png"):
        sample.write_grid(iter([torch.zeros(4, 2)]), tmp_path / "p.png", 2)
    assert not list(tmp_path.iterdir())


def test_another_seed_draws_other_images(
    server: CommandServer, run: RunFolder, tmp_path: Path
) -> None:
    for seed in (0, 1):
        words = ("--n", 1, "--seed", seed, "--out", tmp_path / str(seed))
        assert server.run("sample", run.path, *words)[0] == 0
    a, b = ((tmp_path / str(seed) / "000000.png").read_bytes() for seed in (0, 1))
    assert a != b


def test_sample_again_below_the_run_leaves_no_image_of_before(
    server: CommandServer, run: RunFolder
) -> None:
    for n in (5, 2):
        assert server.run("sample", run.path, "--n", n)[0] == 0
    assert sorted(file.name for file in (run.path / "samples").iterdir()) == [
        "000000.png",
        "000001.png",
    ]


def test_sample_writes_each_stack_before_it_draws_the_next(tmp_path: Path) -> None:
    """However many there are, only one stack is in memory."""
    there = []

    def stacks() -> Iterator[torch.Tensor]:
        for number in range(3):
            there.append(len(list(tmp_path.glob("drawn/*.png"))))
            yield torch.full((2, 1, 4, 4), number / 2 - 0.5)

    assert sample.write(stacks(), tmp_path / "drawn", 2) == "6 images"
    assert there == [0, 2, 4]


def test_interpolate_writes_a_grid_a_gif_and_an_mp4(
    server: CommandServer, run: RunFolder, tmp_path: Path
) -> None:
    for name in ("walk.png", "walk.gif", "walk.mp4"):
        words = ("--out", tmp_path / name, "--walks", 2, "--steps", 4)
        code, output = server.run("interpolate", run.path, *words)
        assert code == 0, output
    with Image.open(tmp_path / "walk.png") as grid:
        assert grid.size == (4 * 34 + 2, 2 * 34 + 2)
    with Image.open(tmp_path / "walk.gif") as moving:
        assert moving.n_frames == 6
    import av

    with av.open(str(tmp_path / "walk.mp4")) as film:
        assert sum(1 for _ in film.decode(video=0)) == 6


def test_lerp_and_slerp_share_their_ends_and_differ_between(
    server: CommandServer, run: RunFolder, tmp_path: Path
) -> None:
    grids = []
    for way in ("lerp", "slerp"):
        words = ("--out", tmp_path / f"{way}.png", "--way", way, "--walks", 1, "--steps", 3)
        assert server.run("interpolate", run.path, *words)[0] == 0
        with Image.open(tmp_path / f"{way}.png") as grid:
            pixels = torch.from_numpy(np.array(grid.convert("L")))
        grids.append(pixels[2:34])
    first, second = grids
    assert first[:, 2:34].equal(second[:, 2:34]) and first[:, 70:102].equal(second[:, 70:102])
    assert not first[:, 36:68].equal(second[:, 36:68])


def test_evaluate_prints_one_object_with_scores_floor_and_protocol(
    server: CommandServer, run: RunFolder
) -> None:
    words = ("--samples", 50, "--space", "rand_vgg", "--json")
    code, output = server.run("evaluate", run.path, *words, timeout=300)
    assert code == 0, output
    found = json.loads(output.splitlines()[-1])
    assert found["scores"]["fd_rand_vgg@50"] > found["floor"]["fd_rand_vgg@50"] > 0
    assert found["protocol"]["n_fake"] == 50 and found["protocol"]["n_real"] == 4500
    assert not any(name.startswith(("fid", "kid", "is")) for name in found["scores"])


def test_evaluate_scores_two_folders(server: CommandServer, run: RunFolder, tmp_path: Path) -> None:
    for seed in (0, 1):
        words = ("--n", 24, "--seed", seed, "--out", tmp_path / str(seed))
        assert server.run("sample", run.path, *words)[0] == 0
    folders = ("--real", tmp_path / "0", "--fake", tmp_path / "1")
    code, output = server.run("evaluate", *folders, "--space", "rand_vgg", "--json")
    assert code == 0, output
    found = json.loads(output.splitlines()[-1])
    assert found["n_real"] == found["n_fake"] == 24 and found["protocol"]["generator"] == "files"
    same = ("--real", tmp_path / "0", "--fake", tmp_path / "0")
    equal = json.loads(
        server.run("evaluate", *same, "--space", "rand_vgg", "--json")[1].splitlines()[-1]
    )
    assert abs(equal["scores"]["fd_rand_vgg@24"]) < 1e-6 < found["scores"]["fd_rand_vgg@24"]


def test_resume_with_a_change_forks_and_names_its_parent(
    server: CommandServer, run: RunFolder
) -> None:
    before = {file: file.read_bytes() for file in run.path.rglob("*") if file.is_file()}
    change = "model.init_args.generator_lr=1e-5"
    words = ("--from", "best", "--set", change, "--set", "trainer.max_steps=5", "--seed", "+1")
    code, output = server.run("resume", run.path, *words, timeout=300)
    assert code == 0, output
    child = RunFolder.open(run.path.with_name("digits-fork1"))
    record = child.read_run()
    assert record["parent"]["run"] == str(run.path)
    assert record["parent"]["checkpoint"] == run.read_index()["best"]
    assert child.resolve("last")["generator_step"] == 5
    settings = child.config_path.read_text()
    assert "generator_lr: 1.0e-05" in settings and "seed_everything: 1" in settings
    assert {file: file.read_bytes() for file in before} == before


def test_a_new_seed_takes_another_path_from_the_same_checkpoint(
    server: CommandServer, run: RunFolder, tmp_path: Path
) -> None:
    ends = []
    for seed in ("7", "7", "8"):
        out = tmp_path / f"fork{len(ends)}"
        words = ("--set", "trainer.max_steps=4", "--seed", seed, "--out", out)
        assert server.run("resume", run.path, *words, timeout=300)[0] == 0
        child = RunFolder(out)
        content = torch.load(child.file_of(child.resolve("last")), weights_only=True)
        weights = content["state_dict"]
        ends.append(next(v for name, v in weights.items() if name.startswith("generator.")))
    assert torch.equal(ends[0], ends[1]) and not torch.equal(ends[0], ends[2])


def test_list_and_help_answer_without_torch() -> None:
    for words in (["--help"], ["list"], ["list", "--json"]):
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-X", "importtime", "-m", "experiments", *words],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        assert " torch" not in done.stderr and "lightning" not in done.stderr
        assert time.perf_counter() - began < 30
        assert done.stdout


def test_list_json_has_one_object_a_variant(server: CommandServer) -> None:
    code, output = server.run("list", "--json")
    rows = [json.loads(line) for line in output.splitlines()]
    assert code == 0 and {"GAN", "DCGAN", "WGANGP", "SNGAN"} <= {row["name"] for row in rows}
    keys = {"name", "family", "chapter", "paper", "arxiv", "config", "batch", "data"}
    assert all(set(row) == keys for row in rows)
    assert all((ROOT / row["config"]).is_file() for row in rows)


def test_any_combination_trains_from_yaml_alone(server: CommandServer, tmp_path: Path) -> None:
    code, output = server.run(
        "fit",
        "--config",
        CONFIG,
        "--run_dir",
        tmp_path / "run",
        *TINY,
        "--model",
        "AdversarialModule",
        "--model.objective",
        "LeastSquares",
        "--model.regularizers+",
        "R1",
        "--model.regularizers.interval",
        "2",
        "--model.discriminator.init_args.normalization",
        "layer",
        timeout=300,
    )
    assert code == 0, output
    columns = set(RunFolder(tmp_path / "run").read_metrics()[0])
    assert "train/discriminator/r1" in columns


def test_latent_tools_write_their_pictures_and_numbers(
    server: CommandServer, run: RunFolder, tmp_path: Path
) -> None:
    code, output = server.run(
        "truncation",
        run.path,
        "--n",
        2,
        "--psi",
        0,
        1,
        "--standing",
        2,
        "--out",
        tmp_path / "t.png",
    )
    assert code == 0, output
    with Image.open(tmp_path / "t.png") as grid:
        assert grid.size == (2 * 34 + 2, 2 * 34 + 2)
        # The first column is at truncation 0: one image.
        pixels = np.asarray(grid)
        assert (pixels[2:34, 2:34] == pixels[36:68, 2:34]).all()
        assert (pixels[2:34, 36:68] != pixels[36:68, 36:68]).any()
    server.run("sample", run.path, "--n", 1, "--out", tmp_path / "one")
    code, output = server.run(
        *("project", run.path, tmp_path / "one" / "000000.png", "--steps", 3),
        *("--out", tmp_path / "p.png"),
    )
    assert code == 0, output
    assert np.load(tmp_path / "p.npz")["points"].shape == (1, 64)
    (found,) = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    assert found["mean_squared_error"] >= 0 and found["image"].endswith("000000.png")
    code, output = server.run("path-length", run.path, "--samples", 12)
    assert code == 0, output
    (record,) = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    assert record["path_length_z_full_rand_vgg"] > 0 and record["ways"] == 12


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("mix",), "--space must be z for DCGAN, got w"),
        (("interpolate", "--space", "w"), "--space must be z for DCGAN, got w"),
        (("reconstruct",), "run must be of a model with an encoder, got DCGAN"),
        (("sample", "--class", 3), "--class must be a class of the run, got 3, it has none"),
        (("truncation", "--psi", -1), "--psi must be at least 0, got -1"),
        (("truncation", "--out", "grid.jpg"), "--out must end in .png"),
        (("path-length", "--step", 0), "--step must lie in"),
        (("project", "nowhere.png"), "got no such file"),
    ],
)
def test_latent_tools_refuse_what_the_run_cannot_give(
    server: CommandServer, run: RunFolder, words: tuple[object, ...], message: str
) -> None:
    code, output = server.run(words[0], run.path, *words[1:])
    assert code == 2 and message in output and "Traceback" not in output
