"""Runs of pieces that are one sound, and the two terms that keep a recogniser from degenerating."""

import math

import pytest
import torch

from gan_modules.engine.noise import Noise
from gan_modules.language.segments import Apart, Joined, heard, monotony, rows_of, unsmoothness
from gan_modules.networks.recognizer import PhonemeDiscriminator, Recognizer


def pieces(*named: int, width: int = 3) -> torch.Tensor:
    """Logits ``(1, S, V)`` whose likeliest phonemes are these; rows differ in size."""
    rows = torch.zeros(1, len(named), width)
    for place, number in enumerate(named):
        rows[0, place, number] = 1.0 + place
    return rows


def test_neighbours_of_one_phoneme_become_one_sound_kat_s24() -> None:
    logits, mask = pieces(0, 0, 1, 1, 1, 0), torch.ones(1, 6, dtype=torch.bool)
    joined, present = Joined()(logits, mask)
    assert present.tolist() == [[True, True, True]] and heard(joined, present) == [[0, 1, 0]]
    expected = torch.stack([logits[0, :2].mean(0), logits[0, 2:5].mean(0), logits[0, 5]])
    torch.testing.assert_close(joined[0], expected)


def test_what_is_padding_is_no_sound_kat_s24() -> None:
    logits = torch.cat([pieces(0, 0, 1, 1), pieces(2, 1, 1, 0)])
    mask = torch.tensor([[True, True, True, False], [True, False, False, False]])
    joined, present = Joined()(logits, mask)
    assert present.tolist() == [[True, True], [True, False]]
    torch.testing.assert_close(joined[0, 1], logits[0, 2])
    assert heard(joined, present) == [[0, 1], [2]] and not joined[1, 1].any()


def test_in_training_one_member_stands_for_its_run_and_each_may() -> None:
    logits, mask = pieces(0, 0, 0, 1).repeat(600, 1, 1), torch.ones(600, 4, dtype=torch.bool)
    joined, _ = Joined()(logits, mask, Noise(3))
    sizes, counts = joined[:, 0, 0].unique(return_counts=True)
    assert sizes.tolist() == [1.0, 2.0, 3.0]
    # Each third, within four standard errors.
    assert (counts / 600 - 1 / 3).abs().max() < 4 * math.sqrt(2 / 9 / 600)
    torch.testing.assert_close(joined[:, 1], logits[:, 3])


def test_apart_changes_nothing() -> None:
    logits, mask = pieces(0, 0, 1), torch.ones(1, 3, dtype=torch.bool)
    assert Apart()(logits, mask, Noise(1)) == (logits, mask)


def test_monotony_is_0_for_uniform_rows_and_1_less_1_of_v_for_a_single_phoneme_kat_s24() -> None:
    mask = torch.ones(2, 5, dtype=torch.bool)
    uniform = torch.full((2, 5, 40), 1 / 40, dtype=torch.float64)
    assert abs(float(monotony(uniform, mask))) < 1e-12
    single = rows_of(torch.full((2, 5), 7), mask, 40, torch.float64)
    assert float(monotony(single, mask)) == pytest.approx(39 / 40, abs=1e-12)
    half = torch.cat([single[:1], rows_of(torch.full((1, 5), 8), mask[:1], 40, torch.float64)])
    assert float(monotony(half, mask)) == pytest.approx(38 / 40, abs=1e-12)


def test_monotony_counts_what_is_there_alone() -> None:
    mask = torch.tensor([[True, True, False]])
    rows = rows_of(torch.tensor([[0, 1, 1]]), torch.ones_like(mask), 2, torch.float64)
    assert abs(float(monotony(rows, mask))) < 1e-12


def test_a_phoneme_that_is_gone_leaves_a_finite_slope() -> None:
    rows = rows_of(torch.tensor([[0, 1]]), torch.ones(1, 2, dtype=torch.bool), 3, torch.float32)
    rows.requires_grad_()
    (slope,) = torch.autograd.grad(monotony(rows, torch.ones(1, 2, dtype=torch.bool)), rows)
    assert slope.isfinite().all() and (slope[..., 2] < slope[..., 0]).all()


def test_unsmoothness_is_0_for_constant_logits_and_a_closed_form_otherwise_kat_s24() -> None:
    mask = torch.ones(1, 4, dtype=torch.bool)
    constant = torch.ones(1, 4, 3) * torch.tensor([1.0, 5.0, -2.0])
    assert float(unsmoothness(constant, mask)) == 0.0
    steps = torch.tensor([[[0.0, 0.0], [1.0, 3.0], [1.0, 3.0], [9.0, 9.0]]])
    cut = torch.tensor([[True, True, True, False]])
    # (1 + 9) / 2 phonemes, 0; two neighbouring pairs are there.
    assert float(unsmoothness(steps, cut)) == pytest.approx(2.5)


def test_the_judge_does_not_see_how_long_the_padding_is() -> None:
    judge = PhonemeDiscriminator(5, width=8, kernel=3).double()
    mask = torch.tensor([[True] * 4, [True, True, False, False]])
    rows = torch.softmax(torch.randn(2, 4, 5, dtype=torch.float64), 2)
    longer = torch.cat([rows, torch.randn(2, 3, 5, dtype=torch.float64)], 1)
    padded = torch.cat([mask, torch.zeros(2, 3, dtype=torch.bool)], 1)
    torch.testing.assert_close(judge(rows, mask), judge(longer, padded), rtol=0, atol=1e-12)
    torch.testing.assert_close(judge(rows[1:, :2], mask[1:, :2]), judge(rows, mask)[1:])


def test_the_judge_takes_the_mean_and_not_the_sum() -> None:
    judge = PhonemeDiscriminator(4, width=6, kernel=1, depth=2)
    rows, mask = torch.rand(2, 3, 4), torch.ones(2, 3, dtype=torch.bool)
    twice = judge(torch.cat([rows, rows], 1), torch.cat([mask, mask], 1))
    torch.testing.assert_close(twice, judge(rows, mask))


def test_a_recogniser_does_not_hear_the_padding() -> None:
    network, mask = Recognizer(3, 4, kernel=3), torch.tensor([[True, True, False, False]])
    speech = torch.randn(1, 4, 3)
    torch.testing.assert_close(
        network(speech, mask)[:, :2], network(speech[:, :2], mask[:, :2]), rtol=0, atol=1e-6
    )


def test_the_judge_is_causal() -> None:
    judge = PhonemeDiscriminator(4, width=6, kernel=2, depth=1)
    rows = torch.randn(1, 5, 4).requires_grad_()
    hidden = rows.transpose(1, 2)
    for number, layer in enumerate(judge.layers):
        hidden = torch.nn.functional.gelu(hidden) if number else hidden
        hidden = layer(torch.nn.functional.pad(hidden, (1, 0)))
    (gradient,) = torch.autograd.grad(hidden[0, 0, 2], rows)
    assert gradient[0, :3].abs().sum(1).min() > 0 and not gradient[0, 3:].any()


def test_a_recogniser_of_kernel_1_on_clusters_is_a_table() -> None:
    table = Recognizer(6, 4, kernel=1)
    clusters, mask = torch.tensor([[5, 0, 3]]), torch.ones(1, 3, dtype=torch.bool)
    logits = table(torch.nn.functional.one_hot(clusters, 6).float(), mask)
    torch.testing.assert_close(logits[0], table.convolution.weight[:, clusters[0], 0].T)


@pytest.mark.parametrize("kernel", [1, 3, 4])
def test_a_recogniser_says_as_much_as_it_hears(kernel: int) -> None:
    mask = torch.tensor([[True, True, True, True, False]])
    logits = Recognizer(2, 3, kernel)(torch.randn(1, 5, 2), mask)
    assert logits.shape == (1, 5, 3) and not logits[0, 4].any() and logits[0, :4].any(1).all()


def test_numbers_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match=r"dropout must lie in \[0, 1\), got 1.0"):
        Recognizer(2, 3, dropout=1.0)
    with pytest.raises(ValueError, match="kernel must be a positive integer, got 0"):
        PhonemeDiscriminator(3, kernel=0)
