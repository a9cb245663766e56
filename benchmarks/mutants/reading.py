"""Wrong versions of unsupervised translation and summarization, and of their scores."""

from benchmarks.mutants.mutant import mutants_of

_M = "tests/gan_modules/"
_TRANSLATION = (_M + "test_unsupervised_translation.py",)
_SUMMARIES = (_M + "test_unsupervised_summarization.py",)

READING = (
    *mutants_of(
        "gan_modules/sequence/unsupervised_translation.py",
        _TRANSLATION,
        ("((0, 1, 0, 1), (0, 1, 1, 0))", "((0, 1, 0, 1), (0, 1, 0, 1))"),
        ("numbers((1, 0), a)", "numbers((0, 1), a)"),
        ("with evaluating(self.generator) as networks:", "for networks in (self.generator,):"),
        ('1 - batch["language"])', 'batch["language"])'),
        ('batch["language"], self.smoothing)', 'batch["language"])'),
        ('"back_a": self.back_weight * nats[2]', '"back_a": self.back_weight * nats[3]'),
        ('"restored_b": weight * nats[1]', '"restored_b": nats[1]'),
        ("self.adversarial_weight * fooled", "fooled"),
        ("parts = (*real, *self.translated(*real))", "parts = (*real, *real)"),
        ("return RMSprop(parameters, lr=lr) if of_d else", "return"),
        ("< self.dictionary_steps", "<= self.dictionary_steps"),
        (
            "        with torch.no_grad():\n            memory =",
            "        with torch.enable_grad():\n            memory =",
        ),
    ),
    *mutants_of(
        "gan_modules/language/language_confusion.py",
        _TRANSLATION,
        ("masked_mean(losses, memory.mask)", "losses.mean()"),
        ("(1.0 - 2.0 * smoothing)", "(1.0 - smoothing)"),
    ),
    *mutants_of(
        "gan_modules/weight_schedule.py",
        (*_TRANSLATION, *_SUMMARIES),
        ("(after[1] - before[1])", "after[1]"),
        ("before = after", "before = points[0]"),
    ),
    *mutants_of(
        "gan_modules/language/word_by_word.py",
        _TRANSLATION,
        ("in reversed(self.pairs)", "in self.pairs"),
        ("self.words_b[places[other]] = places[one]", "pass"),
    ),
    *mutants_of(
        "gan_modules/sequence/unsupervised_summarization.py",
        _SUMMARIES,
        ("weight * (kept - best)", "weight * (best - kept)"),
        ("returns_to_go(opinions, self.gamma)", "returns_to_go(opinions, 1.0)"),
        ("returns_to_go(opinions, self.gamma)", "opinions"),
        ('reading(batch["likeliest_b"])', 'reading(batch["fake_b"])'),
        ("self.coverage_weight * again", "again"),
        ("MovingAverage(0.0,", "MovingAverage(0.5,"),
        ('players=("generator", "reconstructor")', 'players="generator"'),
        ("turns=both) if", "turns=both[:1]) if"),
    ),
    *mutants_of(
        "gan_modules/language/summarizing.py",
        _SUMMARIES,
        ("(rewards - center(rewards, mask)) * mask", "rewards - center(rewards, mask)"),
        ("(rewards - center(rewards, mask)) * mask", "rewards"),
        ("2.0 * torch.sigmoid(scores) - 1.0", "torch.sigmoid(scores)"),
        ("F.softplus(-real.scores)", "F.softplus(real.scores)"),
    ),
    *mutants_of(
        "gan_modules/language/coverage.py",
        _SUMMARIES,
        ("attention.cumsum(1) - attention", "attention.cumsum(1)"),
        ("attention.minimum(covered)", "attention.maximum(covered)"),
    ),
    *mutants_of(
        "gan_modules/language/excerpts.py",
        _SUMMARIES,
        (".clamp_max(self.latest) + 1", " + 1"),
        ("(most - least + 1)", "(most - least)"),
        ("cuts[:, 1:] < 1.0 / self.phrase", "cuts[:, 1:] < self.phrase"),
        (".where(words, 2.0)", ""),
        ("place <= count[:, None], PAD", "place < count[:, None], PAD"),
    ),
    *mutants_of(
        "gan_modules/networks/pointer_rewriter.py",
        (_M + "networks/test_pointer_rewriter.py",),
        ("(1.0 - own) * (words @ symbols)", "(words @ symbols)"),
        ("looks[..., looks.shape[2] - symbols.shape[1] :]", "looks[..., : symbols.shape[1]]"),
        ("torch.tensor(1.0 - copying)", "torch.tensor(copying)"),
    ),
    *mutants_of(
        "gan_modules/networks/rewriter.py",
        (_M + "networks/test_pointer_rewriter.py", _M + "networks/test_rewriter.py"),
        ("first = self.source_length + place", "first = place"),
        ("embedded + memory.style[:, None]", "embedded"),
        ("~memory.mask[:, None], float(", "~memory.mask[:, None] & False, float("),
    ),
    *mutants_of(
        "callbacks/sentence_translation.py",
        ("tests/callbacks/test_sentence_translation.py",),
        ("back = rewritten(module, made, target, source)", "back = rows"),
        ("content_bleu(inputs, self.words(back))", "content_bleu(outputs, self.words(back))"),
        ("article[: self.lead]", "article[-self.lead :]"),
        ("- fmean(map(told, summaries))", "+ fmean(map(told, summaries))"),
        ("pair not in set(", "pair in set("),
        ("[len(article) + 1 for", "[len(article) for"),
    ),
)
