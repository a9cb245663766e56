import math

import pytest
import torch
from torch import nn

from datamodules.oracle_lstm import OracleLSTM
from datamodules.oracle_sequences import OracleSequences


def test_oracle_without_weights_gives_every_word_the_same_chance_kat_s14() -> None:
    oracle = OracleLSTM(vocabulary_size=50, length=7)
    for parameter in oracle.parameters():
        parameter.zero_()
    words = torch.randint(50, (9, 7), generator=torch.Generator().manual_seed(1))
    assert float(oracle.nll(words)) == pytest.approx(math.log(50), abs=1e-12)
    assert oracle.log_probabilities(words).std() == 0.0
    # The inverse CDF of equal chances: word k for uniform numbers of [k, k + 1) / V.
    drawn, _ = oracle.draw(torch.tensor([[0.0, 0.01, 0.021, 0.5001, 0.999, 0.9999, 0.039]]))
    assert drawn.tolist() == [[0, 0, 1, 25, 49, 49, 1]]


def test_probability_while_sampling_is_that_of_teacher_forcing_kat_s14() -> None:
    oracle = OracleLSTM(vocabulary_size=60, length=8, seed=3)
    uniforms = torch.rand(64, 8, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    for double in (True, False):
        oracle = oracle if double else oracle.float()
        words, drawn = oracle.draw(uniforms)
        scored = oracle.log_probabilities(words)
        assert scored.dtype == (torch.float64 if double else torch.float32)
        torch.testing.assert_close(drawn, scored, atol=1e-12 if double else 1e-4, rtol=0)
        torch.testing.assert_close(oracle.nll(words), -drawn.mean(), atol=1e-6, rtol=0)


def test_own_sentences_are_likelier_than_uniform_words_kat_s14() -> None:
    oracle = OracleLSTM(vocabulary_size=5000, length=20, seed=0)
    own = float(oracle.nll(oracle.sample(48, 7)))
    words = torch.randint(5000, (48, 20), generator=torch.Generator().manual_seed(0))
    uniform = float(oracle.nll(words))
    # Three public draws gave 5.77 to 6.02 and 11.1 to 11.3, around ln 5000 = 8.52.
    assert 5.5 < own < 6.5 < math.log(5000) < 10.8 < uniform < 11.6


def test_same_seed_is_the_same_oracle_kat_s14() -> None:
    one, same, other = (OracleLSTM(30, 5, seed) for seed in (4, 4, 5))
    for name, parameter in one.named_parameters():
        assert torch.equal(parameter, same.get_parameter(name))
        assert not torch.equal(parameter, other.get_parameter(name))
        assert not parameter.requires_grad and parameter.dtype == torch.float64
    assert torch.equal(one.sample(6, 0), same.sample(6, 0))
    assert not torch.equal(one.sample(6, 0), one.sample(6, 1))
    assert torch.equal(one.sample(1200, 0)[:6], one.sample(6, 0))
    # The numbers themselves: another version of a library must not make another language.
    assert one.sample(2, 0).tolist() == [[21, 8, 5, 2, 21], [21, 12, 13, 12, 12]]


def test_parameters_are_standard_normal() -> None:
    oracle = OracleLSTM(500, 12)
    everything = torch.cat([parameter.flatten() for parameter in oracle.parameters()])
    assert len(everything) == 2 * 500 * 32 + 2 * 128 * 32 + 128 + 500
    assert abs(float(everything.mean())) < 4 / len(everything) ** 0.5
    assert float(everything.std()) == pytest.approx(1.0, abs=0.02)


def test_oracle_is_an_lstm_that_reads_word_0_before_the_first() -> None:
    oracle = OracleLSTM(vocabulary_size=11, length=4, seed=2)
    lstm = nn.LSTM(32, 32, batch_first=True, dtype=torch.float64)
    with torch.no_grad():
        lstm.get_parameter("weight_ih_l0").copy_(oracle.gates)
        lstm.get_parameter("weight_hh_l0").copy_(oracle.recurrent_gates)
        lstm.get_parameter("bias_ih_l0").copy_(oracle.gates_bias)
        lstm.get_parameter("bias_hh_l0").zero_()
        words = torch.tensor([[3, 10, 0, 7], [0, 0, 5, 1]])
        hidden, _ = lstm(oracle.embedding[torch.tensor([[0, 3, 10, 0], [0, 0, 0, 5]])])
        scores = hidden @ oracle.output.T + oracle.output_bias
    entropy = nn.functional.cross_entropy(scores.flatten(0, 1), words.flatten(), reduction="none")
    torch.testing.assert_close(oracle.log_probabilities(words), -entropy.view(2, 4))
    torch.testing.assert_close(oracle.nll(words), entropy.mean())


def test_words_are_drawn_as_often_as_they_are_likely() -> None:
    oracle = OracleLSTM(vocabulary_size=6, length=2, seed=1)
    words = oracle.sample(20_000, 5)
    every = torch.cartesian_prod(torch.arange(6), torch.arange(6))
    chance = oracle.log_probabilities(every).sum(1).exp()
    assert float(chance.sum()) == pytest.approx(1.0, abs=1e-12)
    found = torch.bincount(words[:, 0] * 6 + words[:, 1], minlength=36) / 20_000
    error = (chance * (1 - chance) / 20_000).sqrt()
    assert ((found - chance).abs() < 4.5 * error + 1e-9).all()


def test_a_word_without_a_chance_is_not_drawn() -> None:
    oracle = OracleLSTM(vocabulary_size=4, length=1)
    for parameter in oracle.parameters():
        parameter.zero_()
    oracle.output_bias.copy_(torch.tensor([-2000.0, 0.0, -2000.0, 0.0]))
    uniforms = torch.tensor([[0.0], [0.5], [0.4999], [1 - 2**-53]], dtype=torch.float64)
    words, chances = oracle.draw(uniforms)
    assert words.tolist() == [[1], [3], [1], [3]]
    torch.testing.assert_close(chances.exp(), torch.full((4, 1), 0.5, dtype=torch.float64))


def test_data_are_the_oracles_own_sentences() -> None:
    data = OracleSequences(vocabulary_size=30, length=6, samples=300, oracle_seed=1)
    assert torch.equal(data.oracle.output, OracleLSTM(30, 6, 1).output)
    assert data.vocabulary == tuple(map(str, range(30))) and data.image_shape == (6,)
    held_out = torch.stack([item["image"] for item in data.reference("held_out")])
    train = torch.stack([item["image"] for item in data.reference("train")])
    assert abs(float(data.oracle.nll(held_out) - data.oracle.nll(train))) < 0.4
    words = torch.randint(30, (300, 6), generator=torch.Generator().manual_seed(0))
    assert float(data.oracle.nll(words)) > float(data.oracle.nll(train)) + 1.0
    assert OracleSequences(samples=20, oracle_seed=2).fingerprint() != (
        OracleSequences(samples=20).fingerprint()
    )


def test_a_sentence_that_was_drawn_twice_is_on_one_side_of_the_split() -> None:
    data = OracleSequences(vocabulary_size=3, length=3, samples=60, held_out_share=0.3)
    sides = [{tuple(i["image"].tolist()) for i in data.reference(s)} for s in ("train", "held_out")]
    assert len(data.reference("train")) > len(sides[0]) >= 2 and len(sides[1]) >= 1
    assert not sides[0] & sides[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"vocabulary_size": 1}, "vocabulary_size must be at least 2, got 1; set vocabulary_size"),
        ({"length": 0}, "length must be at least 1, got 0; set length: 12"),
        ({"samples": -5}, "samples must be at least 2, got -5; set samples: 2000"),
        ({"oracle_seed": -1}, "oracle_seed must be at least 0, got -1; set oracle_seed: 0"),
    ],
)
def test_numbers_that_make_no_language_are_refused(arguments: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=f"^OracleSequences: {message}"):
        OracleSequences(**arguments)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (torch.tensor([[0, 9]]), r"tokens must lie in 0\.\.8, got '0\.\.9'; give the generator"),
        (torch.tensor([[-1, 2]]), r"tokens must lie in 0\.\.8, got '-1\.\.2'; give the generator"),
        (torch.zeros(3, 5, dtype=torch.int64), r"shape \(N, 2\), N at least 1, got \(3, 5\); give"),
        (torch.zeros(0, 2, dtype=torch.int64), r"shape \(N, 2\), N at least 1, got \(0, 2\); give"),
    ],
)
def test_what_is_no_sentence_of_the_oracle_is_refused(words: torch.Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        OracleLSTM(9, 2).nll(words)
