from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from datamodules.batches import from_uint8
from datamodules.maze import ForkingMaze, branch_mass, commit_ratio
from datamodules.mnist import MNIST5k
from datamodules.moving_mnist import MovingMNIST
from datamodules.videos import VideoFolder


@pytest.fixture(scope="module")
def maze(tmp_path_factory: pytest.TempPathFactory) -> ForkingMaze:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANAGERIE_CACHE", str(tmp_path_factory.mktemp("maze")))
        module = ForkingMaze(length=2000, batch_size=16)
        module.setup()
    return module


@pytest.fixture(scope="module")
def moving(tmp_path_factory: pytest.TempPathFactory) -> MovingMNIST:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANAGERIE_CACHE", str(tmp_path_factory.mktemp("moving")))
        module = MovingMNIST(length=180, batch_size=16)
        module.setup()
    return module


def levels(clip: int, frame: int) -> np.ndarray:
    return np.full((6, 6, 3), 20 * clip + frame, np.uint8)


def clips(folder: Path, lengths: tuple[int, ...] = (12, 9), kind: str = "frames") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for clip, length in enumerate(lengths):
        frames = [Image.fromarray(levels(clip, frame)) for frame in range(length)]
        if kind == "frames":
            (folder / f"clip{clip}").mkdir()
            for frame, image in enumerate(frames):
                image.save(folder / f"clip{clip}" / f"frame{frame}.png")
        else:
            options: Any = {"lossless": True} if kind == "webp" else {}
            frames[0].save(
                folder / f"{clip}.{kind}", save_all=True, append_images=frames[1:], **options
            )
    return folder


def video(folder: Path, **options: Any) -> VideoFolder:
    given = {"size": 6, "frames": 4, "batch_size": 1, "held_out_share": 0.0, **options}
    return VideoFolder(str(folder), **given)


def test_digits_move_straight_and_stay_inside(moving: MovingMNIST) -> None:
    places = moving._opened().array.places  # type: ignore[attr-defined]
    assert places.shape == (200, 10, 2, 2) and places.min() >= 0 and places.max() <= 64 - 28
    steps = np.diff(places, axis=1)
    assert np.abs(steps).max() <= np.ceil(0.08 * 64) + 1
    moved = np.linalg.norm(steps.mean(1), axis=-1)
    assert np.median(moved) > 1.0
    # Away from the edges the speed does not change: rounding alone, at most one pixel.
    inside = ((places > 6) & (places < 30)).all((1, 3))
    assert inside.sum() > 5
    assert np.abs(np.diff(steps, axis=1)).max((1, 3))[inside].max() <= 1


def test_some_digits_bounce(moving: MovingMNIST) -> None:
    steps = np.diff(moving._opened().array.places, axis=1)  # type: ignore[attr-defined]
    turns = (np.sign(steps[:, :1]) * np.sign(steps[:, -1:]) < 0).any((1, 3))
    assert 0.3 < turns.mean() < 0.95


def test_frames_are_the_digits_at_their_places(moving: MovingMNIST) -> None:
    array: Any = moving._opened().array
    digits = MNIST5k(28).load().array
    frame = np.zeros((64, 64), np.uint8)
    for digit, (top, left) in zip(array.chosen[3], array.places[3, 7], strict=True):
        part = frame[top : top + 28, left : left + 28]
        np.maximum(part, digits[digit, 0], out=part)
    assert np.array_equal(array[37][0], frame)
    clip = moving.clips("train")[3]["frames"]
    assert clip.shape == (10, 1, 64, 64) and np.array_equal(clip[7, 0].numpy(), frame)


def test_held_out_clips_show_digits_that_no_training_clip_has(moving: MovingMNIST) -> None:
    chosen = moving._opened().array.chosen  # type: ignore[attr-defined]
    assert len(moving.clips("train")) == 180 and len(moving.clips("held_out")) == 20
    assert not set(chosen[:180].ravel()) & set(chosen[180:].ravel())
    assert len(moving.reference("train")) == 1800 and moving.image_shape == (1, 64, 64)
    assert "MNIST" in moving.attribution


def test_agent_takes_either_branch_equally_often_and_one_of_them_always(maze: ForkingMaze) -> None:
    forks = maze.forks("train", 4)
    assert len(forks.index) > 300
    share = forks.taken.float().mean().item()
    assert abs(share - 0.5) < 5 * 0.5 / np.sqrt(len(forks.taken))
    clips = maze.clips("train")
    after = from_uint8(torch.stack([clips[int(i)]["frames"][4] for i in forks.index]))
    mass = branch_mass(after, forks.branches)
    rows = torch.arange(len(mass))
    assert (mass[rows, forks.taken] > 0.999).all() and (mass[rows, 1 - forks.taken] < 1e-6).all()
    assert torch.equal(commit_ratio(mass) > 0.999, torch.ones(len(mass), dtype=torch.bool))


def test_branches_lie_beside_the_agent_and_are_empty_before(maze: ForkingMaze) -> None:
    forks = maze.forks("held_out", 5)
    clips = maze.clips("held_out")
    before = from_uint8(torch.stack([clips[int(i)]["frames"][4] for i in forks.index]))
    assert branch_mass(before, forks.branches).max() < 1e-6
    # Nor does a branch lead back to where it came from.
    earlier = from_uint8(torch.stack([clips[int(i)]["frames"][3] for i in forks.index]))
    assert branch_mass(earlier, forks.branches).max() < 1e-6
    for image, branches in zip(before, forks.branches.float(), strict=True):
        agent = (image[0] > 0.9).nonzero().amin(0)
        assert ((branches - agent).abs().sum(1) == 3).all()


def test_mean_of_both_futures_does_not_commit_and_one_of_them_does(maze: ForkingMaze) -> None:
    forks = maze.forks("train", 4)
    clips = maze.clips("train")
    floor = from_uint8(torch.stack([clips[int(i)]["frames"][3] for i in forks.index]))[:50]
    branches = forks.branches[:50]
    futures = floor.repeat(2, 1, 1, 1)
    for number, (top, left) in enumerate(branches.transpose(0, 1).reshape(100, 2).tolist()):
        futures[number, 0, top : top + 3, left : left + 3] = 1.0
    blurred = futures.reshape(2, *floor.shape).mean(0)
    half = branch_mass(blurred, branches)
    torch.testing.assert_close(half, torch.full_like(half, 0.5))
    torch.testing.assert_close(commit_ratio(half), torch.full((50,), 0.5, dtype=torch.float64))
    leaning = branch_mass(0.75 * futures[:50] + 0.25 * futures[50:], branches)
    torch.testing.assert_close(commit_ratio(leaning), torch.full((50,), 0.75, dtype=torch.float64))
    assert commit_ratio(torch.zeros(2, 2)).tolist() == [0.5, 0.5]


def test_agent_never_turns_back_nor_stands_still(maze: ForkingMaze) -> None:
    for walk in maze._walks()[:500]:
        cells = np.array(walk.cells)
        assert (np.abs(np.diff(cells, axis=0)).sum(1) == 1).all()
        assert (np.abs(cells[2:] - cells[:-2]).sum(1) > 0).all()


def test_larger_maze_is_the_same_maze() -> None:
    small, large = (ForkingMaze(size=size, length=8, frames=3)._opened().array for size in (32, 64))
    assert np.array_equal(large[:, :, ::2, ::2], small)
    assert np.array_equal(large[:, :, 1::2, 1::2], small)


def test_mismatched_clip_is_another_one(maze: ForkingMaze) -> None:
    batch = next(iter(maze.train_dataloader()))
    assert batch["frames"].shape == batch["mismatched"].shape == (16, 8, 1, 32, 32)
    assert (batch["frames"] != batch["mismatched"]).flatten(1).any(1).all()


@pytest.mark.parametrize("kind", ["frames", "gif", "webp", "png"])
def test_folder_gives_windows_of_its_videos(tmp_path: Path, kind: str) -> None:
    data = video(clips(tmp_path / "My clips", kind=kind), stride=2)
    assert data.name == "my-clips-6" and data.image_shape == (3, 6, 6)
    whole = data.clips("train")
    # Of 12 frames, windows begin at 0, 2, .. 8; of 9 frames at 0, 2, 4.
    starts = [(0, 0), (0, 2), (0, 4), (0, 6), (0, 8), (1, 0), (1, 2), (1, 4)]
    assert len(whole) == len(starts)
    for place, (clip, first) in enumerate(starts):
        got = whole[place]["frames"][:, 0, 0, 0].tolist()
        assert got == [20 * clip + first + step for step in range(4)]
    for batch in data.train_dataloader():
        ours, theirs = (
            int((batch[k][0, 0, 0, 0, 0] + 1) * 127.5 + 0.5) // 20 for k in ("frames", "mismatched")
        )
        assert ours != theirs


def test_video_lies_on_one_side_of_the_split_and_is_mirrored_as_a_whole(tmp_path: Path) -> None:
    folder = clips(tmp_path / "a", (5,) * 10)
    data = video(folder, held_out_share=0.2, mirror=True)
    assert len(data.reference("held_out")) == 10 and len(data.clips("held_out")) == 4
    families = data._opened().families
    assert families is not None
    assert not set(families[data._part("train")]) & set(families[data._part("held_out")])
    pixels = np.random.default_rng(0).integers(0, 256, (5, 6, 6, 3)).astype(np.uint8)
    for name in ("x", "y"):
        for frame in range(5):
            (tmp_path / "b" / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels[frame]).save(tmp_path / "b" / name / f"{frame}.png")
    part = video(tmp_path / "b", frames=5, mirror=True)._training_set()
    straight = from_uint8(torch.from_numpy(pixels.transpose(0, 3, 1, 2).copy()))
    seen = [part[(0, epoch)]["frames"] for epoch in range(30)]
    flips = [torch.equal(clip, straight.flip(-1)) for clip in seen]
    assert all(flip or torch.equal(clip, straight) for flip, clip in zip(flips, seen, strict=True))
    assert 5 < sum(flips) < 25


def test_folders_without_usable_videos_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="^VideoFolder: folder must be a folder of videos"):
        video(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="^VideoFolder: folder must hold videos, got .*empty"):
        video(tmp_path / "empty").setup()
    with pytest.raises(
        ValueError, match="frames must be at most the frames .*clip1 has 3.*: 3, or"
    ):
        video(clips(tmp_path / "short", (6, 3))).setup()
    with pytest.raises(ValueError, match="data must hold at least two training videos.*got 1; add"):
        video(clips(tmp_path / "single", (6,))).preview()
    broken = clips(tmp_path / "broken", kind="gif")
    (broken / "1.gif").write_bytes(b"GIF89a")
    with pytest.raises(ValueError, match="files must be readable animations, got .*1.gif") as error:
        video(broken).setup()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ForkingMaze(size=40), "ForkingMaze: size must be a multiple of 32, got 40"),
        (lambda: ForkingMaze(frames=2), "ForkingMaze: frames must be at least 3, got 2"),
        (lambda: ForkingMaze(frames=1), "ForkingMaze: frames must be at least 2, got 1"),
        (lambda: ForkingMaze(length=1), "ForkingMaze: length must be at least 2, got 1"),
        (lambda: ForkingMaze(dequantize=True), "ForkingMaze: dequantize must be false for clips"),
        (lambda: MovingMNIST(size=8), "MovingMNIST: size must be at least 16, got 8"),
        (lambda: MovingMNIST(digits=0), "MovingMNIST: digits must be at least 1, got 0"),
        (lambda: MovingMNIST(speed=(0.2, 0.1)), r"MovingMNIST: speed must rise within 0\.\.0\.5"),
        (lambda: MovingMNIST(mirror=True), "MovingMNIST: mirror must be false for digits"),
        (lambda: VideoFolder(".", stride=0), "VideoFolder: stride must be at least 1, got 0"),
        (lambda: VideoFolder(".", channels=2), "VideoFolder: channels must be 1 or 3, got 2"),
        (lambda: VideoFolder(".", size=0), "VideoFolder: size must be at least 1, got 0"),
        (lambda: ForkingMaze().forks("train", 8), r"ForkingMaze: frame must lie in 2\.\.7, got 8"),
    ],
)
def test_options_out_of_range_are_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}.*; "):
        make()


def test_mass_of_frames_that_do_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^branch_mass: .*got \(2, 3, 8, 8\) and \(2, 2, 2\)"):
        branch_mass(torch.zeros(2, 3, 8, 8), torch.zeros(2, 2, 2))
