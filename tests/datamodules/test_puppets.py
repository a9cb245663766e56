from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from datamodules.batches import from_uint8
from datamodules.faces import (
    LANDMARKS,
    Person,
    Pose,
    draw_person,
    read_person,
    read_pose,
    render,
    render_landmarks,
)
from datamodules.puppets import PuppetFaces

SOMEBODY = Person(1, 0, 2, 1, 0, 0, 0.23, 0.3, 0.44, 0.27, 0.45)
STILL = Pose(0.0, 0.2, 1.0)


@pytest.fixture(scope="module")
def puppets(tmp_path_factory: pytest.TempPathFactory) -> PuppetFaces:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANAGERIE_CACHE", str(tmp_path_factory.mktemp("puppets")))
        module = PuppetFaces(persons=40, frames=8, support=4, batch_size=32)
        module.setup()
    return module


def images(*pixels: np.ndarray) -> torch.Tensor:
    return from_uint8(torch.from_numpy(np.stack(pixels)))


def test_support_and_target_are_different_frames_of_one_person(puppets: PuppetFaces) -> None:
    batch = next(iter(puppets.train_dataloader()))
    faces = from_uint8(torch.from_numpy(np.array(puppets._opened().array)))
    for row in range(32):
        own = faces[8 * int(batch["video"][row]) :][:8]
        target = [frame for frame in range(8) if torch.equal(own[frame], batch["target"][row])]
        support = [
            frame
            for one in batch["support"][row]
            for frame in range(8)
            if torch.equal(own[frame], one)
        ]
        assert len(target) == 1 and len(support) == len(set(support)) == 4
        assert target[0] not in support
        place = puppets._part("train")[batch["index"][row]]
        assert divmod(int(place), 8) == (int(batch["video"][row]), target[0])


def test_every_other_frame_supports_equally_often(puppets: PuppetFaces) -> None:
    part = puppets._training_set()
    counts = np.zeros(8)
    faces = from_uint8(torch.from_numpy(np.array(puppets._opened().array)))
    first = int(puppets._part("train")[3])
    own = faces[first - first % 8 :][:8]
    for epoch in range(700):
        for one in part[(3, epoch)]["support"]:
            counts[[torch.equal(one, frame) for frame in own].index(True)] += 1
    assert counts[first % 8] == 0
    assert np.abs(np.delete(counts, first % 8) - 400).max() < 5 * np.sqrt(700 * 4 / 7 * 3 / 7)


def test_landmarks_are_those_of_their_frame(puppets: PuppetFaces) -> None:
    batch = puppets.preview(4)
    for row, index in enumerate(batch["index"].tolist()):
        person, pose = puppets.shown("train", index)
        assert torch.equal(batch["target"][row], images(render(person, pose, 64))[0])
        drawn = images(render_landmarks(person, pose, 64))[0]
        assert torch.equal(batch["target_landmarks"][row], drawn)
        assert torch.equal(from_uint8(puppets.landmarks("train", index)), drawn)
    assert batch["support_landmarks"].shape == batch["support"].shape == (4, 4, 3, 64, 64)
    assert not torch.equal(batch["support_landmarks"], batch["support"])


def test_preview_shows_as_many_persons_as_there_are_rows(puppets: PuppetFaces) -> None:
    assert len(set(puppets.preview(8)["video"].tolist())) == 8
    assert len(puppets.preview(36)["video"].unique()) == 36
    everything = puppets.preview(1000)["index"]
    assert torch.equal(everything, torch.arange(36 * 8))


def test_persons_who_are_held_out_are_never_trained_on(puppets: PuppetFaces) -> None:
    train, held_out = (set(puppets.videos(part).tolist()) for part in ("train", "held_out"))
    assert not train & held_out and len(train) == 36 and len(held_out) == 4
    seen = {int(one) for batch in puppets.train_dataloader() for one in batch["video"]}
    assert seen <= train


def test_oracle_reads_the_pose_to_half_a_step_of_its_grid(puppets: PuppetFaces) -> None:
    reference = puppets.reference("held_out")
    known = [puppets.shown("held_out", index) for index in range(24)]
    shown = images(*(reference[index]["image"].numpy() for index in range(24)))
    read = read_pose(shown, [person for person, _ in known])
    error = (read - puppets.poses("held_out")[:24]).abs()
    assert (error.mean(0) < torch.tensor([0.09, 0.09, 0.15])).all()
    assert (error.amax(0) < torch.tensor([0.2, 0.26, 0.5])).all()
    wrong = read_pose(shown.roll(1, 0), [person for person, _ in known])
    assert (wrong - puppets.poses("held_out")[:24]).abs().mean(0)[0] > 0.3


def test_oracle_reads_who_it_is(puppets: PuppetFaces) -> None:
    reference = puppets.reference("held_out")
    persons = [puppets.person(video) for video in range(40)]
    poses = [puppets.shown("held_out", index)[1] for index in range(16)]
    shown = images(*(reference[index]["image"].numpy() for index in range(16)))
    noise = 0.1 * torch.randn(shown.shape, generator=torch.Generator().manual_seed(0))
    assert torch.equal(read_person(shown + noise, poses, persons), puppets.videos("held_out")[:16])


def test_turned_head_is_the_mirrored_image_of_the_other_turn() -> None:
    left, right = (render(SOMEBODY, replace(STILL, yaw=yaw), 64) for yaw in (-0.7, 0.7))
    difference = np.abs(left[..., ::-1].astype(int) - right)
    assert difference.mean() < 3 < np.abs(left.astype(int) - right).mean()


def test_each_number_of_pose_and_person_changes_the_picture() -> None:
    base = render(SOMEBODY, STILL, 64).astype(int)
    poses = [replace(STILL, yaw=0.4), replace(STILL, mouth=0.9), replace(STILL, eyes=0.1)]
    for pose in poses:
        assert np.abs(render(SOMEBODY, pose, 64) - base).max() > 50
        marks = (render_landmarks(SOMEBODY, one, 64).astype(int) for one in (pose, STILL))
        assert np.abs(next(marks) - next(marks)).max() > 50
    changes = {name: getattr(SOMEBODY, name) + 1 for name in ("skin", "hair", "shirt", "wall")}
    changes |= {"style": 1, "iris": 0, "width": 0.26, "height": 0.33, "gap": 0.5}
    changes |= {"nose": 0.34, "lips": 0.55}
    for name, value in changes.items():
        other = replace(SOMEBODY, **{name: value})  # type: ignore[arg-type]
        assert np.abs(render(other, STILL, 64) - base).max() > 15, name


def test_landmarks_say_nothing_of_the_colours_of_a_person() -> None:
    others = replace(SOMEBODY, skin=3, hair=2, iris=0, shirt=4, wall=2, style=1)
    same = render_landmarks(SOMEBODY, STILL, 64)
    assert np.array_equal(render_landmarks(others, STILL, 64), same)
    large = render_landmarks(SOMEBODY, STILL, 128)
    for colour in LANDMARKS.values():
        far = np.abs(large.astype(int) - np.array(colour)[:, None, None]).sum(0)
        assert far.min() < 60


def test_persons_are_drawn_from_all_colours_and_styles() -> None:
    draws = np.random.default_rng(0)
    persons = [draw_person(draws) for _ in range(300)]
    for name, count in (("skin", 5), ("hair", 6), ("iris", 4), ("shirt", 6), ("style", 3)):
        assert {getattr(person, name) for person in persons} == set(range(count))
    assert len(set(persons)) == 300


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 16}, "size must be at least 32, got 16"),
        ({"persons": 0}, "persons must be at least 1, got 0"),
        ({"support": 16}, "support must be at least 1 and below the 16 frames .*got 16"),
        ({"support": 0}, "support must be at least 1 .*got 0"),
        ({"mirror": True}, "mirror must be false for faces, got True"),
        ({"dequantize": True}, "dequantize must be false for faces, got True"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^PuppetFaces: {message}; set "):
        PuppetFaces(**options)
