"""The base of sentences: stages and rates, what is drawn and kept, resume, what is refused."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from pytorch_lightning import Callback, Trainer
from torch import Tensor, nn

from gan_modules import MaliGAN, SeqGAN
from gan_modules.engine.sampling import evaluating
from gan_modules.language.policy_gradient import MovingAverage
from gan_modules.language.relaxations import GumbelSoftmax, Softmax
from gan_modules.language.sentences import sentence_mask
from gan_modules.language.speaking import drawn, greedy
from gan_modules.objectives import NonSaturating
from gan_modules.regularizers import Orthogonal
from gan_modules.sequence.base import SequenceModule
from tests.helpers_resume import assert_same_state, fit
from tests.small.batches import FixedBatches
from tests.small.sentences import judge, speaker
from tests.small.sizes import WORDS, WORDS_LENGTH
from tests.small_variants import arguments, build, load
from tests.test_every_variant import Watch


class Notes(Callback):
    """Rates and steps after each round; a checkpoint after one of them."""

    def __init__(self, save: int = 0, path: Path | None = None) -> None:
        self.save, self.path = save, path
        self.rates: list[tuple[float, float]] = []
        self.stages: list[str] = []
        self.steps: list[tuple[int, int, int]] = []
        self.averages: list[bool] = []
        self.watch: Watch | None = None

    def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:
        self.watch = Watch(pl_module)

    def on_train_batch_start(self, trainer: Trainer, pl_module: Any, *_: Any) -> None:
        players = pl_module.referee.players
        self.stages.append(pl_module.referee.stages[pl_module.position.stage].name)
        self.rates.append(
            tuple(
                players[n].optimizer.param_groups[0]["lr"] for n in ("generator", "discriminator")
            )
        )

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, *_: Any) -> None:
        counts = (pl_module.steps[name] for name in ("generator", "discriminator"))
        self.steps.append((*counts, trainer.global_step))
        average = pl_module.generator_ema
        if average is not None:
            pairs = zip(average.parameters(), pl_module.generator.parameters(), strict=True)
            self.averages.append(all(torch.equal(*pair) for pair in pairs))
        if self.path is not None and pl_module.rounds == self.save:
            trainer.save_checkpoint(self.path)


def batch(n: int = 4) -> dict[str, Tensor]:
    return FixedBatches("Sequences").batch(n)


def test_stages_have_their_players_their_rates_and_their_counts_kat_s27() -> None:
    module = build("SeqGAN", discriminator_steps=3, generator_lr=3e-3, ema_half_life_images=1e6)
    notes = Notes()
    fit(module, 2, notes)
    # Sixteen sentences a stage in batches of four; then D three times for each step of G.
    assert notes.stages == ["likelihood"] * 4 + ["discriminator"] * 4 + ["adversarial"] * 6
    assert notes.rates == [(1e-2, 1e-4)] * 8 + [(3e-3, 1e-4)] * 6
    assert notes.steps[:8] == [(0, 0, 0)] * 4 + [(0, d, 0) for d in (1, 2, 3, 4)]
    assert notes.steps[8:] == [(0, 5, 0), (0, 6, 0), (1, 7, 1), (1, 8, 1), (1, 9, 1), (2, 10, 2)]
    assert notes.watch is not None
    moved = ["generator"] * 4 + ["discriminator"] * 4
    moved += (["discriminator"] * 3 + ["generator"]) * 2
    assert notes.watch.seen == [(name, {name}) for name in moved]
    # What is drawn before the game is what was pretrained, not an average with the first weights.
    assert notes.averages[:10] == [True] * 10 and not notes.averages[-1]


@pytest.mark.parametrize("name", ["SeqGAN", "MaliGAN", "RelGAN"])
@pytest.mark.parametrize("rounds", [2, 6, 10])
def test_resumed_in_the_middle_of_any_stage_it_ends_the_same_kat_s27(
    name: str, rounds: int, tmp_path: Path
) -> None:
    options = {"baseline": MovingAverage(0.5, WORDS_LENGTH)} if name == "MaliGAN" else {}
    whole, resumed = (build(name, **options) for _ in range(2))
    fit(whole, 4, Notes(rounds, tmp_path / "part.ckpt"))
    for parameter in resumed.parameters():
        parameter.data.zero_()
    fit(resumed, 4, ckpt_path=tmp_path / "part.ckpt")
    assert_same_state(resumed, whole)
    saved = torch.load(tmp_path / "part.ckpt", weights_only=True)["game"]
    assert saved["position"] == {
        "stage": rounds // 4,
        "round": rounds % 4,
        "images": rounds % 4 * 4,
    }


def test_frozen_word_vectors_stay_as_they_are_kat_s27() -> None:
    module = build("SeqGAN")
    module.generator.embedding.requires_grad_(False)
    before = module.generator.embedding.weight.clone()
    others = module.generator.head.weight.clone()
    fit(module, 2)
    assert module.generator.embedding.weight.equal(before)
    assert not module.generator.head.weight.equal(others)


def test_without_pretraining_there_is_the_game_alone() -> None:
    module = build("MaliGAN", likelihood_samples=0, discriminator_samples=0)
    assert [stage.name for stage in module.schedule()] == ["adversarial"]
    same = build("MaliGAN", likelihood_lr=None).schedule()
    assert same[0].rates == same[-1].rates == {"generator": 1e-3}


def test_the_likelihood_is_a_mean_over_tokens_that_count() -> None:
    module = build("SeqGAN").double()
    tokens = batch()["tokens"]
    (loss,) = module.generator_likelihood_losses(batch()).values()
    log_pi = module.generator.logits(tokens).log_softmax(2).gather(2, tokens[..., None])[..., 0]
    torch.testing.assert_close(loss, -log_pi[sentence_mask(tokens, True)].mean())
    each = module.log_likelihood(tokens)
    rows = zip(log_pi, sentence_mask(tokens, True), strict=True)
    torch.testing.assert_close(each, torch.stack([row[mask].mean() for row, mask in rows]))


def test_sentences_are_functions_of_uniform_numbers() -> None:
    module = build("SeqGAN")
    z = module.draw_latents(30, generator=torch.Generator().manual_seed(1))
    assert z.shape == (30, WORDS_LENGTH) and 0 <= z.min() and z.max() < 1
    assert module.decode(z).equal(drawn(module.generator, z))
    assert module.decode(z, temperature=1e-5).equal(greedy(module.generator, 30))
    assert module.sample(30, generator=torch.Generator().manual_seed(1)).equal(module.decode(z))
    numbers = module.training_latents(500)
    assert numbers.shape == (500, WORDS_LENGTH) and 0 <= numbers.min() < 0.01 < 0.99 < numbers.max()
    with pytest.raises(ValueError, match="SeqGAN: truncation must be None for sentences, got 0.5"):
        module.draw_latents(2, truncation=0.5)


def test_regularizers_of_the_generator_are_heard_where_it_follows_rewards() -> None:
    module = build("MaliGAN", regularizers=[Orthogonal(0.1, player="generator")])
    module.steps = {"generator": 0, "discriminator": 0}
    assert module.generator_losses(batch()).keys() == {"policy", "orthogonal"}


def test_the_vocabulary_comes_from_the_data_and_stays_in_the_checkpoint(tmp_path: Path) -> None:
    names = tuple(f"w{number}" for number in range(WORDS))
    module = build("MaliGAN")
    assert module.words(torch.tensor([[4, 5, 2, 0, 0, 0]])) == ["4 5"]
    data = SimpleNamespace(vocabulary=names, special_tokens=True)
    module.trainer = SimpleNamespace(strategy=None, datamodule=data)
    module.setup("fit")
    assert module.words(torch.tensor([[4, 5, 2, 0, 0, 0]])) == ["w4 w5"]
    whole = build("MaliGAN")
    whole.vocabulary = names
    fit(whole, 1, Notes(3, tmp_path / "m.ckpt"))
    assert load("MaliGAN", tmp_path / "m.ckpt").vocabulary == names


def test_data_whose_sentences_end_otherwise_are_refused() -> None:
    module = build("MaliGAN")
    data = SimpleNamespace(vocabulary=(), special_tokens=False)
    module.trainer = SimpleNamespace(strategy=None, datamodule=data)
    with pytest.raises(
        ValueError, match="special_tokens must be that of the data, got True of the"
    ):
        module.setup("fit")


REWARDED = "MaliGAN: relaxation must be null, got Softmax: it follows rewards for drawn tokens"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"relaxation": Softmax()}, REWARDED),
        ({"entropy_weight": -1.0}, "MaliGAN: entropy_weight must not be negative, got -1.0"),
        ({"likelihood_samples": -4}, "MaliGAN: likelihood_samples must not be negative, got -4"),
        ({"discriminator_samples": -4}, "discriminator_samples must not be negative, got -4"),
        ({"likelihood_lr": 0.0}, "MaliGAN: likelihood_lr must be positive, got 0.0"),
        ({"micro_batches": 2}, "MaliGAN: micro_batches must be 1, got 2"),
        ({"compile": "G"}, "MaliGAN: compile must be off, got G: nothing here would heed it"),
        ({"latent": "uniform"}, "MaliGAN: latent must be normal, got uniform: nothing here"),
        (
            {"generator": nn.LSTM(2, 2)},
            "MaliGAN: generator must have a positive integer attribute latent_dim",
        ),
    ],
)
def test_what_a_game_of_rewards_refuses(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MaliGAN(**{**arguments("MaliGAN"), **options})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "relaxation must be given, got NoneType: drawn tokens have no derivative"),
        (
            {"relaxation": Softmax(), "entropy_weight": 0.1},
            "SequenceModule: entropy_weight must be null, got 0.1: nothing here would heed it",
        ),
        (
            {"relaxation": Softmax(), "baseline": MovingAverage()},
            r"SequenceModule: baseline must be null, got MovingAverage\(\): nothing here",
        ),
    ],
)
def test_what_a_game_of_relaxations_refuses(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SequenceModule(speaker(), judge(), NonSaturating(), **options)


@pytest.mark.parametrize(
    "attribute", ["vocabulary_size", "length", "special_tokens", "step", "logits"]
)
def test_a_generator_must_be_a_speaker(attribute: str) -> None:
    class Lacking(nn.Module):
        latent_dim = 6

    found = {"vocabulary_size": 9, "length": 6, "special_tokens": True, "step": 0, "logits": 0}
    for name in found.keys() - {attribute}:
        setattr(Lacking, name, found[name])
    message = (
        f"SequenceModule: generator must be a speaker with the attribute {attribute}, got Lack"
    )
    with pytest.raises(ValueError, match=message):
        SequenceModule(Lacking(), judge(), NonSaturating(), GumbelSoftmax())


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ({"image": torch.zeros(2, 1, 8, 8)}, r"batch must have the key tokens, got \['image'\]"),
        ({"tokens": torch.zeros(2, 6)}, r"tokens must be int64 \(N, T\), got torch.float32 \(2, 6"),
        (
            {"tokens": torch.zeros(2, 1, 6, dtype=torch.long)},
            r"tokens must be int64 \(N, T\), got torch.int64 \(2, 1, 6\); give numbers of words",
        ),
        (
            {"tokens": torch.zeros(2, 5, dtype=torch.long)},
            "have the length 5 but the generator's 6; set length of the networks to 5",
        ),
        ({"tokens": torch.full((2, 6), 11)}, r"must lie in 0..10, got 11..11; set vocabulary_size"),
        ({"tokens": torch.full((2, 6), -1)}, r"SeqGAN: tokens must lie in 0..10, got -1..-1"),
    ],
)
def test_batches_that_do_not_fit_are_refused(found: dict[str, Tensor], message: str) -> None:
    module: SeqGAN = build("SeqGAN")
    module.check_batch(batch())
    with pytest.raises(ValueError, match=message):
        module.check_batch(found)


def test_an_averaged_speaker_is_what_is_drawn_from() -> None:
    module = build("SeqGAN", ema_half_life_images=10.0)
    with torch.no_grad():
        module.generator.head.bias[7] += 100.0
    z = module.draw_latents(5)
    with evaluating(module.generator_ema) as average:
        assert module.decode(z).equal(drawn(average, z))
    with module.unaveraged():
        assert (module.decode(z) == 7).all()
