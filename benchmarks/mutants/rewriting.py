"""Wrong versions of the games that rewrite sentences, and of their parts."""

from benchmarks.mutants.mutant import mutants_of

_G = "tests/gan_modules/"

REWRITING = (
    *mutants_of(
        "gan_modules/sequence/text_cycle_gan.py",
        (_G + "test_text_cycle_gan.py",),
        ("opinion = 2.0 * torch.sigmoid(judge(written)) - 1.0", "opinion = judge(written)"),
        (
            "lambda y: self.reading(self.generator, y, target, source)",
            "lambda y: self.reading(self.generator, y, source, target)",
        ),
        ('batch[f"fake_{source}"]', 'batch[f"tokens_{source}"]'),
        ("= -self.entropy_weight * entropy", "= self.entropy_weight * entropy"),
        ("discriminator_loss(real, torch.cat(false))", "discriminator_loss(real, false[0])"),
        ("weight = first + (last - first) * fallen", "weight = last + (first - last) * fallen"),
    ),
    *mutants_of(
        "gan_modules/language/self_critical.py",
        (_G + "test_text_cycle_gan.py",),
        ("(drawn - likeliest).detach()", "(drawn - drawn.mean()).detach()"),
        (".clamp(-most, most)", ""),
    ),
    *mutants_of(
        "gan_modules/language/cycle_similarity.py",
        (_G + "test_cycle_similarity.py",),
        ("counts.minimum(most)", "most"),
        ("(1.0 - wanted / length.clamp_min(1.0))", "(1.0 - length / wanted.clamp_min(1.0))"),
        ("runs[:, 1:, 1:]", "runs[:, 1:, :columns]"),
    ),
    *mutants_of(
        "gan_modules/language/word_noise.py",
        (_G + "test_word_noise.py",),
        ("uniforms * (self.shuffle + 1)", "uniforms * (self.shuffle + 2)"),
        ("| (luck == luck.amax(1, keepdim=True)) | ~words", "| ~words"),
        ("moved.where(words, place + length", "moved.where(words, place - length"),
    ),
    *mutants_of(
        "gan_modules/language/style_judging.py",
        (_G + "test_style_transformer.py",),
        ("return style + 1, style + 1, torch.zeros", "return style + 1, 2 - style, torch.zeros"),
        ("(0, 1 - style, 0.0), (1, style, 1.0)", "(0, 1 - style, 1.0), (1, style, 1.0)"),
        ("F.cross_entropy(judge(changed), style + 1)", "F.cross_entropy(judge(changed), style)"),
    ),
    *mutants_of(
        "gan_modules/sequence/style_transformer.py",
        (_G + "test_style_transformer.py",),
        ("self.said(tokens, changed, style)", "self.said(tokens, changed, 1 - style)"),
        ("self.domains.index(target)", "self.domains.index(source)"),
        ("-told.log_probability.sum(1).mean()", "-told.log_probability.mean()"),
    ),
    *mutants_of(
        "gan_modules/sequence/cross_aligned.py",
        (_G + "test_cross_aligned.py",),
        ("loss = mean_over_ranks(self.told_apart(", "loss = torch.clone(self.told_apart("),
        ("torch.maximum(worst, loss)", "torch.minimum(worst, loss)"),
        ("others, source, target)", "others, target, target)"),
        ("1.0 / self.temperature", "self.temperature"),
    ),
    *mutants_of(
        "gan_modules/language/professor_forcing.py",
        (_G + "test_cross_aligned.py",),
        ("return states * counts[..., None]", "return states"),
    ),
    *mutants_of(
        "gan_modules/sequence/embedding_cycle_gan.py",
        (_G + "test_embedding_cycle_gan.py",),
        ("F.mse_loss(back, vectors)", "F.mse_loss(back, fake)"),
        ("(fake, before(vectors))", "(fake, vectors)"),
    ),
    *mutants_of(
        "gan_modules/networks/rewriter.py",
        (_G + "networks/test_rewriter.py",),
        ("first = self.source_length + place", "first = self.source_length"),
        ('masked_fill(~memory.mask[:, None], float("-inf"))', "masked_fill(False, 0.0)"),
    ),
    *mutants_of(
        "callbacks/rewriting.py",
        ("tests/callbacks/test_rewriting.py",),
        ("outputs, _SIDES.index(target))", "outputs, _SIDES.index(source))"),
    ),
)
