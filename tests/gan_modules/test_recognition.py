"""The game of recognisers: what each player is judged by, and what is refused."""

import itertools
import math
from typing import Any

import pytest
import torch
from torch import nn

from gan_modules import MappingGAN, Wav2vecU
from gan_modules.engine.noise import Noise
from gan_modules.language.relaxations import Drawn
from gan_modules.language.segments import Apart
from gan_modules.networks.recognizer import PhonemeDiscriminator, Recognizer
from tests.small.batches import FixedBatches
from tests.small.sizes import PHONEMES
from tests.small.speech import mapping_gan, wav2vec_u

KEY = torch.tensor([2, 0, 3, 1])


class Undecided(nn.Module):
    """Scores of 0 for everything."""

    vocabulary_size = PHONEMES

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))

    def forward(self, rows: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return rows.sum((1, 2)) * self.weight


def deciphering() -> tuple[Any, dict[str, torch.Tensor], torch.Tensor]:
    """A table with the true key, and speech that is text in other symbols."""
    table = Recognizer(PHONEMES, PHONEMES, kernel=1)
    with torch.no_grad():
        table.convolution.weight.zero_()
        table.convolution.weight[KEY, torch.arange(PHONEMES), 0] = 50.0
    module = Wav2vecU(
        table, Undecided(), segmenter=Apart(), smoothness_weight=0.0, diversity_weight=0.0
    )
    text = torch.randint(PHONEMES, (3, 6))
    clusters = torch.argsort(KEY)[text]
    mask = torch.ones(3, 6, dtype=torch.bool)
    speech = torch.nn.functional.one_hot(clusters, PHONEMES).float()
    batch = {"speech": speech, "speech_mask": mask, "tokens": text.flip(0), "token_mask": mask}
    return module, batch, text


def test_the_true_key_transcribes_without_error_and_is_worth_ln_2_kat_s26() -> None:
    module, batch, text = deciphering()
    assert module.transcribe(batch["speech"], batch["speech_mask"]) == text.tolist()
    module.steps = {"discriminator": 0, "generator": 0}
    losses = module.generator_losses(batch)
    assert losses.keys() == {"adversarial"}
    assert float(losses["adversarial"].detach()) == pytest.approx(math.log(2), abs=1e-6)
    assert float(module.discriminator_losses(batch)["adversarial"].detach()) == pytest.approx(
        2 * math.log(2), abs=1e-6
    )


def test_generated_rows_sum_to_1_where_there_is_a_sound_kat_s24() -> None:
    module = Wav2vecU(**wav2vec_u("none"))
    rows, _, mask, _ = module.said(FixedBatches("SpeechAndText").batch(4))
    torch.testing.assert_close(rows.sum(2), mask.float())


def test_what_the_judge_is_shown_may_be_drawn_phonemes_whose_slope_is_that_of_all() -> None:
    module = Wav2vecU(**wav2vec_u("none"), segmenter=Apart(), relaxation=Drawn())
    batch = FixedBatches("SpeechAndText").batch(4)
    rows, _, mask, logits = module.said(batch)
    assert set(rows.unique().tolist()) == {0.0, 1.0} and rows.sum(2).equal(mask.float())
    weights = torch.arange(4.0)
    (slope,) = torch.autograd.grad((rows * weights).sum(), logits, retain_graph=True)
    soft = torch.softmax(logits, 2) * mask[..., None]
    torch.testing.assert_close(slope, torch.autograd.grad((soft * weights).sum(), logits)[0])


def test_variety_is_judged_by_probabilities_and_not_by_draws() -> None:
    terms = []
    for relaxation in (None, Drawn()):
        torch.manual_seed(0)
        module = Wav2vecU(**wav2vec_u("none"), segmenter=Apart(), relaxation=relaxation)
        terms.append(module.generator_losses(FixedBatches("SpeechAndText").batch(4)))
    torch.testing.assert_close(terms[0]["diversity"], terms[1]["diversity"])
    assert not torch.allclose(terms[0]["adversarial"], terms[1]["adversarial"])


def test_drawn_phonemes_come_as_often_as_they_are_probable() -> None:
    logits = torch.tensor([[0.0, 1.0, -1.0, 2.0]]).repeat(20_000, 1)
    uniforms = torch.rand(20_000, 4, generator=torch.Generator().manual_seed(0))
    shares, expected = Drawn()(logits, uniforms, 1.0).mean(0), torch.softmax(logits[0], 0)
    assert ((shares - expected).abs() < 4 * (expected * (1 - expected) / 20_000).sqrt()).all()
    sharper = Drawn()(logits, uniforms, 2.0).mean(0)
    assert sharper[3] > shares[3] + 0.05


def test_what_is_drawn_for_an_utterance_does_not_depend_on_the_others() -> None:
    """Others may have more sounds: the longest one decides how many rows there are."""
    module = Wav2vecU(**wav2vec_u("none"), relaxation=Drawn())
    batch = FixedBatches("SpeechAndText").batch(4)
    module.noise = Noise(5)
    rows, _, mask, _ = module.said(batch)
    module.noise = Noise(5)
    quiet = {**batch, "speech_mask": batch["speech_mask"].clone()}
    # The row that is kept is not the first: that begins with the first numbers in any case.
    quiet["speech_mask"][[0, 1, 3], 1:] = False
    alone, _, there, _ = module.said(quiet)
    count = int(mask[2].sum())
    assert count == int(there[2].sum()) < mask.shape[1] or alone.shape != rows.shape
    assert alone[2, :count].equal(rows[2, :count])


def test_the_penalty_looks_where_both_have_sounds() -> None:
    """A judge that sees more of one side than the other would give it away by its length alone."""
    module = Wav2vecU(**wav2vec_u("none"))
    module.steps = {"discriminator": 0, "generator": 0}
    batch = FixedBatches("SpeechAndText").batch(4)
    seen = []
    judge = module.discriminator.forward
    module.discriminator.forward = lambda rows, mask: seen.append(mask) or judge(rows, mask)
    terms = module.discriminator_losses(batch)
    assert terms.keys() == {"adversarial", "gradient_penalty"}
    real, fake, both = seen
    length = both.shape[1]
    assert length == min(real.shape[1], fake.shape[1])
    assert both.equal(real[:, :length] & fake[:, :length])


def test_each_weight_is_a_term_of_its_own() -> None:
    module = Wav2vecU(**wav2vec_u("none"))
    assert module.generator_losses(FixedBatches("SpeechAndText").batch(4)).keys() == {
        "adversarial",
        "smoothness",
        "diversity",
    }


def test_transcripts_are_those_of_the_averaged_recogniser_after_joining() -> None:
    module = Wav2vecU(**wav2vec_u("none"), ema_half_life_images=100.0)
    batch = FixedBatches("SpeechAndText").batch(4)
    said = module.transcribe(batch["speech"], batch["speech_mask"])
    assert all(a != b for row in said for a, b in itertools.pairwise(row))
    with torch.no_grad():
        module.generator.convolution.weight.neg_()
    assert module.transcribe(batch["speech"], batch["speech_mask"]) == said
    with module.unaveraged():
        assert module.transcribe(batch["speech"], batch["speech_mask"]) != said


def test_decay_moves_the_weights_of_the_judge_alone() -> None:
    module = Wav2vecU(**wav2vec_u("none"))
    decays = {p.name: p.optimizer.param_groups[0]["weight_decay"] for p in module.players()}
    assert decays == {"discriminator": 1e-4, "generator": 0.0}


def test_the_judge_may_learn_alone_at_first_and_oftener_than_the_recogniser_later() -> None:
    parts = wav2vec_u("none")
    (game,) = Wav2vecU(**parts).schedule()
    assert [turn.every for turn in game.turns] == [1, 1] and game.images is None
    first, game = Wav2vecU(**parts, discriminator_samples=64, discriminator_steps=3).schedule()
    assert [turn.players for turn in first.turns] == ["discriminator"] and first.images == 64
    assert [(turn.every, turn.offsets) for turn in game.turns] == [(1, (0,)), (3, (2,))]
    with pytest.raises(ValueError, match="discriminator_samples must"):
        Wav2vecU(**parts, discriminator_samples=-1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"speech": None}, "Wav2vecU: batch must have the key speech, got"),
        ({"speech": torch.zeros(2, 4, 9)}, "speech of the data has 9 features but the generator"),
        ({"speech": torch.full((2, 4, 5), math.nan)}, "holds NaN or infinite values"),
        ({"tokens": torch.full((2, 4), PHONEMES)}, r"tokens must lie in 0\.\.3, got 4\.\.4"),
        ({"tokens": torch.zeros(2, 4)}, r"tokens must be int64 \(N, T\), got torch.float32"),
    ],
)
def test_a_batch_that_does_not_fit_is_refused(change: dict[str, Any], message: str) -> None:
    batch = {**FixedBatches("SpeechAndText").batch(2), **change}
    with pytest.raises(ValueError, match=message):
        Wav2vecU(**wav2vec_u("none")).check_batch({k: v for k, v in batch.items() if v is not None})


def test_features_are_no_clusters() -> None:
    with pytest.raises(ValueError, match="speech must be one-hot clusters, got other features"):
        batch = FixedBatches("SpeechAndText").batch(2)
        MappingGAN(**mapping_gan("none")).check_batch({**batch, "speech": batch["speech"] / 2})


def test_two_vocabularies_are_refused() -> None:
    with pytest.raises(ValueError, match=r"must have one vocabulary_size, got \['3', '4'\]"):
        Wav2vecU(Recognizer(5, 4), PhonemeDiscriminator(3, 4))
