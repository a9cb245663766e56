"""StyleTransformer: what both forms of its discriminator are asked, its terms, its turns."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_modules import StyleTransformer
from gan_modules.language.sentences import one_hot
from gan_modules.language.style_judging import ConditionalJudging, MultiClassJudging
from gan_modules.networks.transformer_judge import TransformerJudge
from tests.small.batches import FixedBatches, written
from tests.small.copier import Copier
from tests.small.rewriting import style_transformer
from tests.small.sizes import WORDS, WORDS_LENGTH

STYLES = torch.tensor([1, 1, 0, 0])


def build(**options: Any) -> StyleTransformer:
    torch.manual_seed(5)
    return StyleTransformer(**{**style_transformer("none"), **options}).double()


def batch(n: int = 4) -> dict[str, Tensor]:
    return FixedBatches("UnpairedSequences").batch(n)


class Answers(nn.Module):
    """Notes what it is asked; its answers are a table."""

    def __init__(self, scores: Tensor) -> None:
        super().__init__()
        self.scores, self.asked = scores, []

    def forward(self, sentences: Tensor, style: Tensor | None = None) -> Tensor:
        self.asked.append((sentences, style))
        return self.scores


def test_classes_of_real_said_again_and_changed_sentences_kat_s19() -> None:
    real, kept, changed = MultiClassJudging().targets(STYLES)
    assert real.tolist() == kept.tolist() == [2, 2, 1, 1] and changed.tolist() == [0, 0, 0, 0]
    # Sure and right about all: no loss; what the rewriter wants is 2 for style 1, and 1 for 0.
    kinds = {"real": real, "kept": kept, "changed": changed}

    def sure(classes: Tensor) -> Tensor:
        return 60.0 * one_hot(classes, 3, torch.float64)

    judge = lambda name: sure(kinds[name])  # noqa: E731
    loss = MultiClassJudging().discriminator_loss(judge, "real", "kept", "changed", STYLES)
    assert float(loss) == pytest.approx(0.0, abs=1e-9)
    for wrong in kinds:
        lied = {**kinds, wrong: (kinds[wrong] + 1) % 3}
        answer = lambda name, lied=lied: sure(lied[name])  # noqa: E731
        loss = MultiClassJudging().discriminator_loss(answer, "real", "kept", "changed", STYLES)
        assert float(loss) == pytest.approx(20.0)
    wanted = torch.tensor([1, 1, 2, 2])
    fooled = MultiClassJudging().generator_loss(lambda x: sure(wanted), None, 1 - STYLES)
    assert float(fooled) == pytest.approx(0.0, abs=1e-9)


def test_questions_about_a_style_and_their_answers_kat_s19() -> None:
    judge = Answers(torch.full((4,), 2.0, dtype=torch.float64))
    shown = [torch.full((4, 1), i) for i in range(3)]
    loss = ConditionalJudging().discriminator_loss(judge, *shown, STYLES)
    asked = [(int(sentences[0]), style.tolist()) for sentences, style in judge.asked]
    own, other = [1, 1, 0, 0], [0, 0, 1, 1]
    assert asked == [(0, own), (0, other), (1, own), (2, other)]
    yes, no = F.softplus(torch.tensor(-2.0)), F.softplus(torch.tensor(2.0))
    assert float(loss) == pytest.approx(float(yes + no + yes + no) / 4)
    judge.asked.clear()
    fooled = ConditionalJudging().generator_loss(judge, shown[2], 1 - STYLES)
    assert float(fooled) == pytest.approx(float(yes))
    assert judge.asked[0][1].tolist() == other


def test_a_copier_says_again_and_comes_back_without_loss() -> None:
    copier = Copier()
    copier.styles = 2
    module = build(generator=copier)
    losses = module.generator_losses(batch())
    assert losses["self"].item() == pytest.approx(0.0, abs=1e-3)
    assert losses["cycle"].item() == pytest.approx(0.0, abs=1e-3)
    tokens, style = module.joined(batch())
    torch.testing.assert_close(module.soft(tokens, style), one_hot(tokens, WORDS, torch.float64))
    assert style.tolist() == [0] * 4 + [1] * 4


def test_its_terms_are_sums_over_the_tokens_of_a_sentence() -> None:
    module = build(self_weight=0.3, cycle_weight=0.6, style_weight=0.9)
    tokens, style = module.joined(batch())

    def said(symbols: Tensor) -> Tensor:
        logs = module.generator.reading(symbols, style).logits(tokens).log_softmax(2)
        ends = (tokens <= 2).long()
        mask = (ends.cumsum(1) - ends) == 0
        return -(logs * one_hot(tokens, WORDS, logs.dtype)).sum(2).mul(mask).sum() / len(tokens)

    changed = module.soft(tokens, 1 - style)
    wrong = F.cross_entropy(module.discriminator(changed), 2 - style)
    expected = {"self": 0.3 * said(tokens), "cycle": 0.6 * said(changed), "style": 0.9 * wrong}
    found = module.generator_losses(batch())
    assert set(found) == set(expected)
    for name, value in expected.items():
        assert found[name].item() == pytest.approx(value.item(), abs=1e-10), name
    alone = module.generator_restoring_losses(batch())["self"].item()
    assert alone == pytest.approx(expected["self"].item() / 0.3)


def test_the_way_back_and_the_judge_reach_the_rewriter_through_the_weights() -> None:
    module = build()
    tokens, style = module.joined(batch())
    changed = module.soft(tokens, 1 - style)
    for loss in (
        module.said(tokens, changed, style),
        module.judging.generator_loss(module.discriminator, changed, 1 - style),
    ):
        (gradient,) = torch.autograd.grad(loss, changed, retain_graph=True)
        assert gradient.abs().sum() > 0
    parameters = list(module.discriminator.parameters())
    losses = module.discriminator_losses(batch())
    assert not any(p.grad is not None for p in module.generator.parameters())
    assert all(g is not None for g in torch.autograd.grad(losses["style"], parameters))


def test_rewriting_is_told_the_style_of_the_target() -> None:
    module, rows = build(), written(8)
    for source, target, style in (("a", "b", 1), ("b", "a", 0)):
        told = module.generator(rows, torch.full((8,), style))
        assert module.rewrite(rows, source, target).equal(told)
    assert not module.rewrite(rows, "a", "b").equal(module.rewrite(rows, "b", "a"))


def test_ten_steps_of_d_and_five_of_f_take_turns() -> None:
    stages = build(discriminator_steps=10, generator_steps=5).schedule()
    acting = [[t.players for t in stages[-1].turns if t.due(r)] for r in range(16)]
    assert acting == [["discriminator"]] * 10 + [["generator"]] * 5 + [["discriminator"]]
    assert [stage.name for stage in stages] == ["restoring", "adversarial"]


def test_a_judge_of_the_other_form_is_refused() -> None:
    asked = TransformerJudge(WORDS, WORDS_LENGTH, 8, 2, styles=2)
    build(discriminator=asked, judging=ConditionalJudging())
    message = "StyleTransformer: discriminator must have classes {} and styles {}, got {} and {}"
    with pytest.raises(ValueError, match=message.format(3, 0, 0, 2)):
        build(discriminator=asked)
    with pytest.raises(ValueError, match=message.format(0, 2, 3, 0)):
        build(judging=ConditionalJudging())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"generator_steps": 0}, "generator_steps must be positive, got 0"),
        ({"cycle_weight": -0.5}, "cycle_weight must not be negative, got -0.5"),
        ({"generator": Copier()}, "styles of the generator must be 2, got 0"),
    ],
)
def test_numbers_are_checked(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"StyleTransformer: {message}"):
        build(**options)
