"""Wrong versions of unsupervised speech recognition: the game, its data and its scores."""

from benchmarks.mutants.mutant import mutants_of

_DATA = "tests/datamodules/test_speech_and_text.py"

RECOGNITION = (
    *mutants_of(
        "gan_modules/language/segments.py",
        ("tests/gan_modules/test_segments.py",),
        ("named[:, 1:] != named[:, :-1]", "named[:, 1:] == named[:, :-1]"),
        ("        begins &= mask\n", ""),
        ("(drawn == best.gather(1, run)) & mask", "mask"),
        ("joined = (total / count.clamp_min(1.0)[..., None])", "joined = total"),
        ("return (rows.shape[2] - entropy.exp())", "return (rows.shape[2] - entropy)"),
        ("total = mean_over_ranks((rows * mask[..., None])", "total = mean_over_ranks((rows)"),
        (".square().mean(2)", ".square().sum(2)"),
        ("mean.clamp_min(torch.finfo(mean.dtype).tiny)", "mean"),
    ),
    *mutants_of(
        "gan_modules/language/recognition.py",
        ("tests/gan_modules/test_recognition.py",),
        ("both = mask[:, :length] & fake_mask[:, :length]", "both = mask[:, :length]"),
        ("rows.view_as(picked) * there", "rows.view_as(picked)"),
        ("return heard(*self.segmenter(logits, present))", "return heard(logits, present)"),
        ("return alone, Stage(turns)", "return Stage(turns), alone"),
        ("monotony(said.probabilities, said.mask)", "monotony(said.rows, said.mask)"),
        (
            "with evaluating(self.sampler()) as network",
            "with evaluating(self.generator) as network",
        ),
    ),
    *mutants_of(
        "gan_modules/language/recognition.py",
        ("tests/gan_modules/test_recognition.py",),
        (
            "n, pieces, width, device=logits.device",
            "n, picked.shape[1], width, device=logits.device",
        ),
    ),
    *mutants_of(
        "gan_modules/language/relaxations.py",
        ("tests/gan_modules/test_recognition.py",),
        ("drawn = (logits.detach() * sharpness", "drawn = (logits.detach()"),
        (
            "+ gumbel(uniforms)).argmax(1)\n        soft = torch",
            ").argmax(1)\n        soft = torch",
        ),
    ),
    *mutants_of(
        "gan_modules/networks/recognizer.py",
        ("tests/gan_modules/test_segments.py",),
        ("(self.kernel - 1, 0))) * present", "(self.kernel - 1, 0)))"),
        ("self.dropout(speech * mask[..., None])", "self.dropout(speech)"),
        ("hidden[:, 0].sum(1) / torch", "hidden[:, 0].sum(1) * torch"),
    ),
    *mutants_of(
        "datamodules/speech_and_text.py",
        (_DATA,),
        ('"tokens": self.tokens[index_b]', '"tokens": self.tokens[index_a]'),
        ("np.flatnonzero(~held_out)", "np.flatnonzero(held_out | ~held_out)"),
        ("tokens = torch.zeros(mask.shape", "tokens = torch.ones(mask.shape"),
    ),
    *mutants_of(
        "datamodules/phoneme_language.py",
        (_DATA,),
        ("one_hot[self.key[list(sentence)]]", "one_hot[list(sentence)]"),
        (
            "spoken, written = sentences[: self.samples], sentences[self.samples :]",
            "spoken, written = sentences[: self.samples], sentences[: self.samples]",
        ),
        ("row[np.arange(symbols) != symbol] = source", "row[np.arange(symbols) != 0] = source"),
        ("max(float(change), float(", "min(float(change), float("),
    ),
    *mutants_of(
        "datamodules/speech_features.py",
        (_DATA,),
        ("(ahead[0] + 2.0 * ahead[1]) / 10.0", "(ahead[0] + ahead[1]) / 10.0"),
        ("table[0] /= math.sqrt(2.0)", "table[0] /= 2.0"),
        ("(centres.square().sum(1) - 2.0", "(-2.0"),
        ("np.sqrt(np.maximum(values, _FLOOR))", "np.maximum(values, _FLOOR)"),
    ),
    *mutants_of(
        "datamodules/spoken_phonemes.py",
        (_DATA,),
        ("place in words and source.random() < _PAUSE_SHARE", "source.random() < _PAUSE_SHARE"),
        ("np.maximum.accumulate(starts - order) + order", "np.maximum.accumulate(starts)"),
        ("sound + hiss", "sound"),
    ),
    *mutants_of(
        "datamodules/phoneme_speaker.py",
        (_DATA,),
        ('if name.startswith("_")', 'if name.startswith("__")'),
        ("words.append(len(phonemes))", "words.append(len(phonemes) + 1)"),
    ),
    *mutants_of(
        "callbacks/recognition.py",
        ("tests/callbacks/test_transcriptions.py",),
        ("list(row) if self.silence is None else transcript(row, self.silence)", "list(row)"),
        ("errors = error_counts(self.truth, said)", "errors = error_counts(said, self.truth)"),
        ("if n != self.silence]", "]"),
        ('"nll_less_log_usage": own.value', '"nll_less_log_usage": own.nll'),
    ),
    *mutants_of(
        "callbacks/metrics/unsupervised_recognition.py",
        ("tests/callbacks/metrics/test_unsupervised_recognition.py",),
        ("self.nll - math.log(self.usage)", "self.nll + math.log(self.usage)"),
        ("key=lambda i: scores[i].log_probability", "key=lambda i: -scores[i].value"),
    ),
)
