"""What the benchmark reads off predicted frames, on predictions whose answers are known."""

from collections.abc import Callable
from math import log10
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from benchmarks.domains import video
from benchmarks.domains.video import Moment
from datamodules.maze import ForkingMaze

COMMIT, AGENTS, DECIDED, TAKEN, CONTRAST, PSNR, SHARP = (
    "commit ratio",
    "agents on both branches",
    "one agent on one branch",
    "it is the one taken",
    "contrast of edges that move",
    "PSNR of what moves (dB)",
    "sharpness difference (dB)",
)


@pytest.fixture(scope="module")
def maze(tmp_path_factory: pytest.TempPathFactory) -> ForkingMaze:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANAGERIE_CACHE", str(tmp_path_factory.mktemp("maze")))
        data = ForkingMaze(size=32, frames=6, length=300, held_out_share=0.3, batch_size=8)
        data.setup()
    return data


@pytest.fixture(scope="module")
def moments(maze: ForkingMaze) -> list[Moment]:
    return list(video.moments_of(maze))


def judged(answer: Callable[[Moment], Tensor], moments: list[Moment]) -> video.Measures:
    return video.judged([answer(moment) for moment in moments], moments)


def mean(moment: Moment) -> Tensor:
    return moment.answers()["mean of both branches"]


def other(moment: Moment) -> Tensor:
    """The frame in which the agent took the other branch, where there was one."""
    return 2 * mean(moment) - moment.true


def test_moments_are_all_frames_that_have_four_before_them(moments: list[Moment]) -> None:
    assert len(moments) == 2
    assert all(moment.given.shape == (90, 4, 1, 32, 32) for moment in moments)
    assert torch.equal(moments[0].true, moments[1].given[:, -1])
    assert all(10 < len(moment.forks.index) < 50 for moment in moments)


def test_true_frames_decide_for_the_branch_that_is_taken(
    maze: ForkingMaze, moments: list[Moment]
) -> None:
    truth = {COMMIT: 1.0, AGENTS: 1.0, DECIDED: 1.0, TAKEN: 1.0, CONTRAST: 1.0}
    assert video.baselines(maze)["true next frame"] == pytest.approx(truth)
    wrong = judged(other, moments)
    assert wrong[COMMIT] == pytest.approx(1.0) and wrong[AGENTS] == pytest.approx(1.0)
    assert (wrong[DECIDED], wrong[TAKEN]) == (1.0, 0.0)


def test_two_halves_of_an_agent_have_less_contrast_than_one() -> None:
    one, halves, moving = torch.zeros(2, 1, 1, 20, 20), torch.zeros(2, 1, 1, 20, 20), []
    for place in (3, 11):
        halves[:, :, :, 5:8, place : place + 3] = 0.5
        moving.append(halves[0] > 0)
    one[:, :, :, 5:8, 3:6] = 1.0
    found = video.edges(halves[0], moving[-1]) / video.edges(one[0], moving[-1])
    assert found == pytest.approx(0.5**0.5)
    # What does not move says nothing.
    noisy = one[0].clone()
    noisy[..., 15:, :] = 1.0
    assert video.edges(noisy, moving[-1]) == video.edges(one[0], moving[-1])


def test_mean_of_both_branches_is_undecided_and_the_nearer_answer(moments: list[Moment]) -> None:
    found, wrong = judged(mean, moments), judged(other, moments)
    assert found[COMMIT] == pytest.approx(0.5, abs=1e-6)
    assert found[AGENTS] == pytest.approx(1.0, abs=1e-6)
    assert found[DECIDED] == found[TAKEN] == 0.0
    # Off by half of an agent's light on both branches: 18 of the 27 pixels that may change
    # at a fork; elsewhere 18 pixels change.
    forks = sum(len(moment.forks.index) for moment in moments)
    error = 18 * forks * ((255 - 70) / 127.5 / 2) ** 2 / (18 * 180 + 9 * forks)
    assert found[PSNR] == pytest.approx(10 * log10(4 / error), rel=1e-5)
    assert found[PSNR] - wrong[PSNR] == pytest.approx(20 * log10(2), abs=1e-4)
    assert found[SHARP] > wrong[SHARP]
    # Nothing is nearer on the average, brighter halves neither.
    bright = judged(lambda m: torch.lerp(mean(m), torch.maximum(m.true, other(m)), 0.5), moments)
    assert bright[AGENTS] == pytest.approx(1.5) and bright[PSNR] < found[PSNR]


def test_nothing_on_either_branch_is_no_decision(moments: list[Moment]) -> None:
    last = judged(lambda moment: moment.given[:, -1], moments)
    assert last[AGENTS] == pytest.approx(0.0, abs=1e-6) and last[DECIDED] == 0.0
    trace = judged(lambda m: m.given[:, -1] + 0.05 * (m.true - m.given[:, -1]), moments)
    assert trace[COMMIT] == pytest.approx(1.0) and trace[AGENTS] < 0.1
    assert trace[DECIDED] == trace[TAKEN] == 0.0
    both = judged(lambda m: torch.maximum(m.true, other(m)), moments)
    assert both[AGENTS] == pytest.approx(2.0) and both[DECIDED] == 0.0


def test_run_is_asked_for_the_frame_after_the_four(
    maze: ForkingMaze, moments: list[Moment]
) -> None:
    class Still:
        def predict(self, history: Tensor) -> Tensor:
            assert history.shape[1:] == (4, 1, 32, 32)
            return history[:, -1:]

    opened: Any = SimpleNamespace(module=Still(), data=lambda: maze)
    assert video.measure(opened) == video.baselines(maze)["last frame again"]
    words = {text.get_text() for text in video.picture({"l2-only": opened}).texts}
    assert {"last frame given", "true next frame", "l2-only"} <= words
