"""``ganagerie timelapse``: the pictures of a run as one moving picture."""

import shutil
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image

from callbacks.run_folder import RunFolder
from experiments.__main__ import main
from experiments.timelapse import frames_of

COLOURS = ((250, 0, 0), (0, 250, 0), (0, 0, 250))


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run folder with three pictures of one colour each, the first smaller, and a stranger."""
    run = RunFolder.create(tmp_path / "run", name="run", variant="v", data="d", config="a: 1\n")
    for moment, (colour, edge) in enumerate(zip(COLOURS, (20, 40, 40), strict=True)):
        file = run.media_file("samples", 1000 * moment)
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (edge, edge // 2), colour).save(file)
    run.media_file("samples", 5, ".gif").write_bytes(b"a walk, no picture of a moment")
    return run


def colours_of(frames: list[np.ndarray]) -> list[int]:
    """Which channel is the brightest, frame by frame, without repetitions."""
    found = [int(frame.reshape(-1, 3).mean(0).argmax()) for frame in frames]
    return [one for place, one in enumerate(found) if place == 0 or found[place - 1] != one]


def test_a_gif_shows_all_moments_in_order_and_rests_on_the_last(
    run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(run.path.rglob("*"))
    assert main(["timelapse", str(run.path), "--fps", "4"]) == 0
    out = run.path / "training.gif"
    assert f"3 pictures of {run.path / 'media' / 'samples'}: {out}" in capsys.readouterr().err
    assert sorted(run.path.rglob("*")) == sorted([*before, out])
    with Image.open(out) as film:
        assert film.size == (40, 20)
        frames, durations = [], []
        for number in range(film.n_frames):
            film.seek(number)
            frames.append(np.asarray(film.convert("RGB"), dtype=float))
            durations.append(film.info["duration"])
    assert colours_of(frames) == [0, 1, 2]
    assert durations[:2] == [250, 250] and sum(durations[2:]) == 1000


def test_an_mp4_of_another_key(run: RunFolder, tmp_path: Path) -> None:
    shutil.copytree(run.media_path / "samples", run.media_path / "walks" / "slow")
    out = tmp_path / "new" / "film.mp4"
    words = ["--key", "walks/slow", "--fps", "2.5", "--out", str(out)]
    assert main(["timelapse", str(run.path), *words]) == 0
    with av.open(str(out)) as film:
        rate = film.streams.video[0].average_rate
        frames = [frame.to_ndarray(format="rgb24").astype(float) for frame in film.decode(video=0)]
    assert rate is not None and float(rate) == 2.5
    # Three moments, and the last one again to the end of its second.
    assert colours_of(frames) == [0, 1, 2] and len(frames) == 4


def test_small_pictures_grow_by_copies_and_large_ones_shrink(tmp_path: Path) -> None:
    checks = np.zeros((2, 2), np.uint8)
    checks[0, 0] = 255
    Image.fromarray(checks).save(tmp_path / "0.png")
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(tmp_path / "1.png")
    Image.new("RGB", (4, 8), (9, 9, 9)).save(tmp_path / "2.png")
    files = [tmp_path / f"{n}.png" for n in range(3)]
    frames = frames_of(files, edge=100)
    assert frames.shape == (3, 3, 8, 8) and frames.dtype == torch.uint8
    grown = torch.from_numpy(checks).repeat_interleave(4, 0).repeat_interleave(4, 1)
    assert frames[0].equal(grown.expand(3, -1, -1))
    # What is clear is white, and so is what a narrow picture does not cover.
    assert (frames[1] == 255).all()
    assert (frames[2, :, :, 2:6] == 9).all() and (frames[2, :, :, [0, 1, 6, 7]] == 255).all()
    assert frames_of(files, edge=4).shape == (3, 3, 4, 4)
