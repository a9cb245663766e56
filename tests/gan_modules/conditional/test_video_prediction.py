"""VideoPrediction: scales, errors that blur or do not, who is shown what, and going on."""

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_modules import VideoPrediction, clips
from gan_modules.engine.noise import Noise
from gan_modules.gradient_difference import gradient_difference
from gan_modules.networks.video import NextFrameDiscriminator, NextFrameGenerator, pyramid
from tests.small import moving
from tests.small.batches import FixedBatches
from tests.small.moving import HISTORY
from tests.small.sizes import SIZE
from tests.small_variants import build
from tests.test_every_variant import fit

DATA = FixedBatches("Videos")
BATCH = DATA.batch(6)
FRAMES = BATCH["frames"].shape[1]


class Spy(nn.Module):
    """Scores that are a weight times the mean of the frame, and what it was asked about."""

    def __init__(self, scales: int = 2) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(0.5))
        self.frame_shape, self.history, self.scales = (1, SIZE, SIZE), HISTORY, scales
        self.asked: list[tuple[Tensor, list[Tensor]]] = []

    def forward(self, history: Tensor, frames: list[Tensor]) -> list[Tensor]:
        self.asked.append((history, list(frames)))
        return [self.weight * frame.mean((1, 2, 3)) for frame in frames]


def spied(**options: Any) -> Any:
    module = VideoPrediction(**{**moving.video("none"), "discriminator": Spy(), **options})
    module.configure_optimizers()
    module.noise = Noise(2)
    return module


# -- errors over scales ----------------------------------------------------------------------------


def test_edges_alike_cost_nothing_and_stripes_against_black_cost_one_k40() -> None:
    y = torch.rand(2, 1, 8, 8)
    assert gradient_difference(y, y) == 0
    torch.testing.assert_close(gradient_difference(y, y + 0.3), torch.tensor(0.0))
    stripes = torch.tensor([[0.0, 1.0], [0.0, 1.0]]).view(1, 1, 2, 2)
    assert gradient_difference(stripes, torch.zeros_like(stripes)) == 1.0
    assert clips.edge_error([stripes], torch.zeros_like(stripes), 1.0) == 1.0


def test_errors_are_summed_over_scales_of_the_same_frame() -> None:
    true = BATCH["frames"][:, 0]
    same = pyramid(true, 3)
    assert [frame.shape[-1] for frame in same] == [8, 16, 32] and same[-1] is true
    assert clips.pixel_error(same, true, 2.0) == clips.edge_error(same, true, 1.0) == 0
    off = [frame + 0.5 for frame in same]
    torch.testing.assert_close(clips.pixel_error(off, true, 2.0), torch.tensor(3 * 0.25))
    torch.testing.assert_close(clips.pixel_error(off, true, 1.0), torch.tensor(3 * 0.5))
    torch.testing.assert_close(
        clips.edge_error(off, true, 1.0), torch.tensor(0.0), atol=1e-6, rtol=0
    )


def test_losses_of_the_generator_are_the_weighted_terms() -> None:
    module = spied(adversarial_weight=0.05, error_weight=2.0, gradient_weight=3.0, power=1.0)
    batch = module.prepare(BATCH)
    losses = module.generator_losses(batch)
    made, true = module.generator(batch["history"]), pyramid(batch["next"], 2)
    pairs = list(zip(made, true, strict=True))
    error = sum(F.l1_loss(*pair) for pair in pairs)
    edges = sum(gradient_difference(*pair) for pair in pairs)
    scores = [0.5 * frame.mean((1, 2, 3)) for frame in made]
    fooling = sum(F.softplus(-score).mean() for score in scores)
    expected = {"adversarial": 0.05 * fooling, "error": 2 * error, "gradient": 3 * edges}
    assert set(losses) == set(expected)
    for name, value in expected.items():
        torch.testing.assert_close(losses[name], value)


# -- who is shown what -----------------------------------------------------------------------------


def test_d_is_shown_true_made_and_foreign_frames_after_the_same_history() -> None:
    module = spied(mismatch_weight=0.25)
    batch = module.prepare(BATCH)
    nn.init.zeros_(module.discriminator.weight)
    losses = module.discriminator_losses(batch)
    two = 2 * math.log(2)
    assert {k: round(v.item(), 5) for k, v in losses.items()} == {
        "real": round(two, 5),
        "fake": round(0.75 * two, 5),
        "mismatched": round(0.25 * two, 5),
    }
    histories = [history for history, _ in module.discriminator.asked]
    assert all(torch.equal(history, batch["history"]) for history in histories)
    (real, fake, other) = (frames for _, frames in module.discriminator.asked)
    made = module.generator(batch["history"])
    for scale in range(2):
        assert torch.equal(real[scale], pyramid(batch["next"], 2)[scale])
        assert torch.equal(other[scale], pyramid(batch["other"], 2)[scale])
        torch.testing.assert_close(fake[scale], made[scale])
        assert not fake[scale].requires_grad


def test_d_raises_true_frames_and_lowers_the_others() -> None:
    module = spied(mismatch_weight=0.5)
    ones = torch.ones(4, 1, SIZE, SIZE)
    batch = {"history": BATCH["frames"][:4, :HISTORY], "next": ones, "other": -ones}
    losses = module.discriminator_losses(batch)
    slopes = {
        name: torch.autograd.grad(value, module.discriminator.weight, retain_graph=True)[0]
        for name, value in losses.items()
    }
    # A greater weight raises the true frames, which are bright, and lowers the dark ones.
    assert slopes["real"] < 0 and slopes["mismatched"] < 0
    without = spied(mismatch_weight=0.0).discriminator_losses(batch)
    assert set(without) == {"real", "fake"}
    assert set(spied(mismatch_weight=1.0).discriminator_losses(batch)) == {"real", "mismatched"}


def test_after_each_phase_only_that_players_gradients_are_there_k39() -> None:
    for name, other in (("generator", "discriminator"), ("discriminator", "generator")):
        module = build("VideoPrediction")
        module.configure_optimizers()
        batch = module.prepare(BATCH)
        with module.referee._only(module.referee.players[name]):
            sum(getattr(module, f"{name}_losses")(batch).values()).backward()
        assert all(p.grad is not None for p in getattr(module, name).parameters())
        assert all(p.grad is None for p in getattr(module, other).parameters())


def test_d_and_g_learn_from_batches_in_turn_or_both_from_each() -> None:
    module = build("VideoPrediction")
    fit(module, steps=3)
    assert module.steps == {"discriminator": 3, "generator": 3} and module.rounds == 6
    module = build("VideoPrediction", separate_batches=False)
    fit(module, steps=3)
    assert module.steps == {"discriminator": 3, "generator": 3} and module.rounds == 3


def test_without_adversarial_weight_there_is_no_phase_of_d() -> None:
    module = build("VideoPrediction", adversarial_weight=0.0, gradient_weight=0.0)
    assert module.discriminator is None
    fit(module, steps=3)
    assert module.steps == {"generator": 3} and module.rounds == 3
    losses = module.generator_losses(module.prepare(BATCH))
    assert set(losses) == {"error"}
    module.check_batch({"frames": BATCH["frames"]})


# -- windows, predictions, pictures ----------------------------------------------------------------


def test_windows_are_frames_one_after_another_and_begin_anywhere() -> None:
    noise, starts = Noise(3), set()
    for _ in range(20):
        cut = clips.windows(BATCH, HISTORY, noise)
        for row in range(6):
            clip = BATCH["frames"][row]
            (start,) = (
                s
                for s in range(FRAMES - HISTORY)
                if torch.equal(cut["next"][row], clip[s + HISTORY])
            )
            assert torch.equal(cut["history"][row], clip[start : start + HISTORY])
            assert torch.equal(cut["other"][row], BATCH["mismatched"][row, start + HISTORY])
            starts.add(start)
    assert starts == set(range(FRAMES - HISTORY))
    shortest = {"frames": BATCH["frames"][:, : HISTORY + 1]}
    cut = clips.windows(shortest, HISTORY, noise)
    assert torch.equal(cut["next"], BATCH["frames"][:, HISTORY]) and "other" not in cut


def test_each_scale_refines_the_coarser_one() -> None:
    generator = NextFrameGenerator(8, 1, 2, ((2,), (2,)), ((3, 3), (3, 3)))
    for parameter in generator.parameters():
        nn.init.zeros_(parameter)
    nn.init.constant_(generator.parts[0][-1].bias, 0.5)
    coarse, fine = generator(torch.zeros(1, 2, 1, 8, 8))
    torch.testing.assert_close(coarse, torch.full((1, 1, 4, 4), math.tanh(0.5)))
    torch.testing.assert_close(fine, torch.full((1, 1, 8, 8), math.tanh(math.tanh(0.5))))


def test_the_default_networks_are_those_of_the_small_setting() -> None:
    generator, discriminator = NextFrameGenerator(), NextFrameDiscriminator()
    history = torch.zeros(2, 4, 1, 32, 32)
    frames = generator(history)
    assert [tuple(frame.shape) for frame in frames] == [(2, 1, s, s) for s in (4, 8, 16, 32)]
    assert [tuple(scores.shape) for scores in discriminator(history, frames)] == [(2,)] * 4
    # Frames before, and the coarser prediction where there is one, or the frame that is judged.
    assert [part[0].in_channels for part in generator.parts] == [4, 5, 5, 5]
    assert [part[0].in_channels for part in discriminator.parts] == [5] * 4
    layers = [
        [c.kernel_size[0] for c in part if isinstance(c, nn.Conv2d)] for part in generator.parts
    ]
    assert layers == [[3, 3, 3, 3], [5, 3, 3, 5], [5, 3, 3, 3, 3, 5], [7, 5, 5, 5, 5, 7]]


def test_a_roll_out_reads_what_it_made() -> None:
    module = build("VideoPrediction", ema_half_life_images=50.0)
    fit(module)
    history = BATCH["frames"][:, :HISTORY]
    made = module.predict(history, steps=3)
    assert made.shape == (6, 3, 1, SIZE, SIZE)
    first = module.predict(history)
    assert torch.equal(made[:, :1], first)
    longer = torch.cat([history, first], 1)
    torch.testing.assert_close(made[:, 1:2], module.predict(longer))
    with module.unaveraged():
        assert not torch.equal(module.predict(history), first)


def test_panels_are_what_was_given_what_is_made_and_what_came() -> None:
    panels = build("VideoPrediction").panels(BATCH)
    after = range(1, FRAMES - HISTORY + 1)
    names = ["given", *(f"predicted {i}" for i in after), *(f"true {i}" for i in after)]
    assert list(panels) == names
    assert torch.equal(panels["given"], BATCH["frames"][:, HISTORY - 1])
    assert torch.equal(panels["true 1"], BATCH["frames"][:, HISTORY])
    assert torch.equal(panels["true 3"], BATCH["frames"][:, HISTORY + 2])


# -- refusals --------------------------------------------------------------------------------------


def test_settings_that_cannot_work_are_refused() -> None:
    with pytest.raises(ValueError, match="discriminator must be given unless adversarial_weight"):
        build("VideoPrediction", discriminator=None)
    with pytest.raises(ValueError, match="must not all be 0, got 0 for each"):
        build("VideoPrediction", adversarial_weight=0, error_weight=0, gradient_weight=0)
    for name in ("power", "gradient_power"):
        with pytest.raises(
            ValueError, match=f"VideoPrediction: {name} must be at least 1, got 0.5"
        ):
            build("VideoPrediction", **{name: 0.5})
    for name in ("adversarial_weight", "error_weight", "gradient_weight"):
        with pytest.raises(ValueError, match=f"VideoPrediction: {name} must not be negative"):
            build("VideoPrediction", **{name: -1})
    for name in ("generator_lr", "discriminator_lr"):
        with pytest.raises(ValueError, match=f"VideoPrediction: {name} must be positive, got 0"):
            build("VideoPrediction", **{name: 0})
    with pytest.raises(ValueError, match=r"mismatch_weight must lie in \[0, 1\], got 2"):
        build("VideoPrediction", mismatch_weight=2)
    with pytest.raises(ValueError, match="must have the same frame_shape, history and scales"):
        build("VideoPrediction", discriminator=Spy(scales=3))
    with pytest.raises(ValueError, match="must have the same frame_shape, history and scales"):
        build("VideoPrediction", generator=nn.Linear(2, 2), discriminator=nn.Linear(2, 2))


def test_batches_that_cannot_work_are_refused() -> None:
    module = build("VideoPrediction")
    module.check_batch(BATCH)
    with pytest.raises(ValueError, match="VideoPrediction: batch must have the key frames"):
        module.check_batch({"image": BATCH["frames"][:, 0]})
    with pytest.raises(ValueError, match="batch must have the key mismatched.*mismatch_weight: 0"):
        module.check_batch({"frames": BATCH["frames"]})
    for wrong in (BATCH["frames"][:, :HISTORY], BATCH["frames"][..., 1:], BATCH["frames"][:, 0]):
        with pytest.raises(
            ValueError, match=r"frames must have the shape \(N, T, 1, 32, 32\) with"
        ):
            module.check_batch({**BATCH, "frames": wrong})
    with pytest.raises(ValueError, match=r"images must lie in \[-1, 1\]"):
        module.check_batch({**BATCH, "frames": 3 * BATCH["frames"]})
    for history, steps in ((BATCH["frames"][:, :2], 1), (BATCH["frames"], 0)):
        with pytest.raises(ValueError, match=f"predict: history must be .* at least {HISTORY}"):
            module.predict(history, steps)


def test_networks_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="one list for each scale, got 1 and 2"):
        NextFrameGenerator(8, 1, 2, ((2,),), ((3, 3), (3, 3)))
    with pytest.raises(ValueError, match="size must be a multiple of 2 for 2 scales, got 9"):
        NextFrameGenerator(9, 1, 2, ((2,), (2,)), ((3, 3), (3, 3)))
    for kernels in (((3,),), ((3, 4),)):
        with pytest.raises(ValueError, match="kernels must be odd and one more than widths"):
            NextFrameGenerator(8, 1, 2, ((2,),), kernels)
    with pytest.raises(ValueError, match=r"leave 2 px, got \[8\] for \[2\] at 8 px"):
        NextFrameDiscriminator(8, 1, 2, ((2,),), ((8,),))
    with pytest.raises(ValueError, match="NextFrameGenerator: history must be a positive integer"):
        NextFrameGenerator(history=0)
    with pytest.raises(ValueError, match="layer 0 must be a positive integer, got 0"):
        NextFrameGenerator(8, 1, 2, ((0,),), ((3, 3),))
    network = NextFrameGenerator(8, 1, 2, ((2,),), ((3, 3),))
    with pytest.raises(ValueError, match=r"history must have shape \(N, 2, 1, 8, 8\), got \(1, 3,"):
        network(torch.zeros(1, 3, 1, 8, 8))
