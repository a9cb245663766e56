"""``ganagerie memorization`` on small runs, as a user calls it."""

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from callbacks.run_folder import RunFolder
from tests.bad_inputs.conftest import IMAGES
from tests.command_server import CommandServer
from tests.helpers_bad_inputs import TOY, Place, pictures

FEW = ("--samples", 100, "--augment", "flip", "--space", "rand_vgg")


@pytest.fixture(scope="module")
def runs(server: CommandServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs, ``images`` with 104 images held out and ``points``."""
    root = tmp_path_factory.mktemp("memorization")
    pictures(count=260)(Place(root, {}, root / "cache"))
    (root / "images.yaml").write_text(IMAGES)
    for name, config, share in (("images", root / "images.yaml", 0.4), ("points", TOY, 0.5)):
        held_out = f"--data.init_args.held_out_share={share}"
        words = ("--config", config, held_out, "--trainer.max_steps", 2, "--run_dir", root / name)
        code, output = server.run("fit", *words, cwd=root)
        assert code == 0, output
    return root


def judge(server: CommandServer, runs: Path, *words: object) -> tuple[str, str]:
    code, output = server.run("memorization", *words, cwd=runs)
    assert code == 0, output
    return output, output.splitlines()[-1]


def test_it_prints_a_table_and_writes_the_record_and_the_picture(
    server: CommandServer, runs: Path
) -> None:
    output, _ = judge(server, runs, "images", *FEW)
    lines = output.splitlines()
    assert lines[0] == "fresh: 100 samples against 104 held-out ones, 16 images seen"
    # An untrained generator is grey, and grey lies nearer to noise than noise does.
    assert lines[1].startswith("  near the training set, but not copies of single images")
    assert ["pixel32", "rand_vgg"] in [line.split() for line in lines]
    for row in ("twin_rate", "copy_rate", "ct_with_changes", "authentic", "mifd_rand_vgg@100"):
        assert any(line.split()[0] == row for line in lines)
    run = RunFolder.open(runs / "images")
    record = json.loads(run.memorization_path.read_text())
    assert record["verdict"] == "fresh" and record["spaces"]["pixel32"]["twin_rate"] < 0.05
    ((moment, picture),) = run.media_files("memorization")
    assert moment == record["images_seen"] == 16 and runs / "images" / record["picture"] == picture
    assert f"picture: images/{record['picture']}" in lines
    with Image.open(picture) as image:
        assert image.size[0] > 1000


def test_json_is_one_object_and_the_same_for_one_seed(server: CommandServer, runs: Path) -> None:
    lines = [judge(server, runs, "images", *FEW, "--json", "--seed", seed)[1] for seed in (3, 3, 4)]
    first, again, other = (json.loads(line) for line in lines)
    assert first == again
    assert (
        first["spaces"]["pixel32"]["nearest_ratio"] != other["spaces"]["pixel32"]["nearest_ratio"]
    )
    assert not any("mifid" in name for name in first["spaces"]["rand_vgg"])


def test_out_leaves_the_run_as_it_is(server: CommandServer, runs: Path, tmp_path: Path) -> None:
    shutil.copytree(runs / "images", tmp_path / "run")
    before = sorted((tmp_path / "run").rglob("*"))
    judge(server, runs, tmp_path / "run", *FEW, "--out", tmp_path / "out")
    assert sorted((tmp_path / "run").rglob("*")) == before
    assert json.loads((tmp_path / "out" / "memorization.json").read_text())["samples"] == 100
    assert len(RunFolder(tmp_path / "out").media_files("memorization")) == 1


def test_without_held_out_images_it_says_that_it_is_weak(
    server: CommandServer, runs: Path, tmp_path: Path
) -> None:
    words = ("images", *FEW, "--no-holdout", "--out", tmp_path)
    output, _ = judge(server, runs, *words)
    assert "fresh (weak: nothing was held out): 100 samples against no held-out ones" in output
    assert "note: nothing was held out, so only wholesale copying would be seen" in output
    assert "copy_rate" not in output and "authentic" in output


def test_points_are_judged_in_their_own_space(
    server: CommandServer, runs: Path, tmp_path: Path
) -> None:
    _, line = judge(server, runs, "points", "--samples", 200, "--json", "--out", tmp_path)
    found = json.loads(line)
    assert list(found["spaces"]) == ["identity"] and found["verdict"] == "fresh"
