"""What the benchmark reads off talking heads, on frames whose answers are known."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from benchmarks.domains import heads
from benchmarks.domains.heads import Asked
from datamodules.batches import from_uint8
from datamodules.faces import render, render_landmarks
from datamodules.puppets import PuppetFaces

YAW, MOUTH, EYES, WHO, SSIM, L1 = (
    "error of yaw",
    "error of the mouth",
    "error of the eyes",
    "right person",
    "SSIM",
    "L1 (levels)",
)


@pytest.fixture(scope="module")
def puppets(tmp_path_factory: pytest.TempPathFactory) -> PuppetFaces:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANAGERIE_CACHE", str(tmp_path_factory.mktemp("puppets")))
        data = PuppetFaces(size=32, persons=40, frames=6, support=3, batch_size=8)
        data.setup()
    return data


@pytest.fixture(scope="module")
def asked(puppets: PuppetFaces) -> Asked:
    return heads.asked_of(puppets)


class Knowing:
    """Answers with the true frame, if it is told whose and in which poses."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked

    def animate(self, support: Tensor, support_landmarks: Tensor, landmarks: Tensor) -> Tensor:
        known = zip(self.asked.support, self.asked.support_landmarks, strict=True)
        places = [
            place
            for place, (frames, marks) in enumerate(known)
            if torch.equal(frames, support[0]) and torch.equal(marks, support_landmarks[0])
        ]
        assert len(places) == 1
        assert torch.equal(landmarks, self.asked.landmarks[places[0]])
        return self.asked.true[places[0]]


def test_frames_asked_for_are_other_ones_of_persons_who_were_never_trained_on(
    puppets: PuppetFaces, asked: Asked
) -> None:
    assert asked.support.shape == (4, 3, 3, 32, 32) and asked.true.shape == (4, 3, 3, 32, 32)
    trained = {puppets.person(video) for video in puppets.videos("train").tolist()}
    assert len(set(asked.persons)) == 4 and not trained & set(asked.persons)
    same = asked.support[:, :, None] == asked.true[:, None]
    assert not same.flatten(3).all(3).any()
    for drawn, kept in ((render, asked.true), (render_landmarks, asked.landmarks)):
        known = [
            [drawn(person, pose, 32) for pose in poses]
            for person, poses in zip(asked.persons, asked.poses, strict=True)
        ]
        assert torch.equal(kept, from_uint8(torch.from_numpy(np.array(known))))


def test_true_frames_are_right_in_all(puppets: PuppetFaces, asked: Asked) -> None:
    opened: Any = SimpleNamespace(module=Knowing(asked), data=lambda: puppets)
    found = heads.measure(opened)
    assert found[WHO] == 1.0 and found[L1] == 0.0 and found[SSIM] == pytest.approx(1.0)
    assert found[YAW] < 0.13 and found[MOUTH] < 0.15 and found[EYES] < 0.15
    words = {text.get_text() for text in heads.picture({"talking-head": opened}).texts}
    assert {"a frame of the support", "landmarks asked for", "true frame", "made"} <= words


def test_wrong_pose_and_wrong_person_are_told_apart(asked: Asked) -> None:
    true = heads.judged(asked.true, asked)
    turned = heads.judged(asked.true.roll(1, 1), asked)
    assert turned[WHO] == 1.0 and turned[YAW] > 3 * true[YAW]
    assert turned[MOUTH] > 2 * true[MOUTH] and turned[EYES] > true[EYES]
    # A mirrored picture is the same person, turned to the other side.
    mirrored = heads.judged(asked.true.flip(-1), asked)
    assert mirrored[WHO] > 0.7 and mirrored[YAW] > 0.5
    assert mirrored[MOUTH] < 0.2 and mirrored[EYES] < 0.2
    strangers = heads.judged(asked.true.roll(1, 0), asked)
    assert strangers[WHO] == 0.0 and strangers[L1] > turned[L1] > 0


def test_answers_that_need_no_training_have_one_half_of_the_truth(
    puppets: PuppetFaces,
) -> None:
    rows = heads.baselines(puppets)
    true, copy, nearest, stranger = rows.values()
    assert list(rows)[0] == "true frame" and true[L1] == 0.0
    assert copy[WHO] == nearest[WHO] == 1.0 and stranger[WHO] == 0.0
    assert true[YAW] < nearest[YAW] < copy[YAW] and stranger[YAW] < copy[YAW]
    assert nearest[L1] < copy[L1] < stranger[L1]
