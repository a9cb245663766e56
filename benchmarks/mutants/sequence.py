"""Wrong versions of the generators of sentences: policy gradients, relaxations, what is drawn."""

from benchmarks.mutants.mutant import mutants_of

_T = "tests/gan_modules/"

SEQUENCE = (
    *mutants_of(
        "gan_modules/language/policy_gradient.py",
        (_T + "test_policy_gradient.py",),
        ("after = reward + gamma * after", "after = reward + after"),
        (
            "return -masked_mean(advantages.detach() * log_probability, mask)",
            "return masked_mean(advantages.detach() * log_probability, mask)",
        ),
        ("advantages.detach() * log_probability", "advantages * log_probability"),
        ("torch.logsumexp(everyone, 0)) - 1.0 / len(everyone)", "torch.logsumexp(everyone, 0))"),
        (
            "self.decay * self.value + (1.0 - self.decay) * mean",
            "(1.0 - self.decay) * self.value + self.decay * mean",
        ),
        ("self.value.copy_(moved.where(reached, self.value))", "self.value.copy_(moved)"),
        ("return mean_over_ranks(masked_mean(", "return 0 * mean_over_ranks(masked_mean("),
    ),
    *mutants_of(
        "gan_modules/language/speaking.py",
        (_T + "test_speaking.py",),
        ("right=True)", "right=False)"),
        (
            "(uniforms.to(whole) * total).minimum(torch.nextafter(total, torch.zeros_like(total)))",
            "uniforms.to(whole) * total",
        ),
        ("logits.to(whole) / temperature, 1)", "logits.to(whole), 1)"),
        ("token = token.masked_fill(over, 0)", "token = token.clone()"),
        ("where(place < keep, token)", "where(place <= keep, token)"),
        ("torch.arange(1, length, device", "torch.arange(0, length - 1, device"),
        ("Likelihoods(told * mask, entropy", "Likelihoods(told, entropy"),
        ("entropy = -(log_softmax", "entropy = (log_softmax"),
        ("heard = speaker.embed(weights)", "heard = speaker.embed(weights.detach())"),
        ("uniforms[:, place], sharpness)", "uniforms[:, place], 1.0)"),
    ),
    *mutants_of(
        "gan_modules/language/sentences.py",
        (_T + "test_speaking.py", _T + "networks/test_sentence_networks.py"),
        ("ended.cumsum(1) - ended.long() == 0", "ended.cumsum(1) == 0"),
        ("(tokens == EOS) | (tokens == PAD)", "tokens == EOS"),
        ("return BOS if special_tokens else 0", "return BOS"),
        ("return (values * mask).sum() / count", "return (values * mask).mean()"),
    ),
    *mutants_of(
        "gan_modules/language/relaxations.py",
        (_T + "test_relaxations.py",),
        ("soft = super().__call__(logits, uniforms, sharpness)", "soft = logits.softmax(1)"),
        ("return None, gradient", "return None, torch.zeros_like(gradient)"),
        ("(logits + gumbel(uniforms)) * sharpness", "logits * sharpness + gumbel(uniforms)"),
        ("return -torch.log(-torch.log1p(", "return torch.log(-torch.log1p("),
        ("uniforms.clamp_min(2.0**-25)", "uniforms"),
        ("min(1.0, step / steps)", "(step / steps)"),
    ),
    *mutants_of(
        "gan_modules/sequence/base.py",
        (
            _T + "test_sequence_base.py",
            _T + "test_rewarded_sentences.py",
            _T + "test_relaxed_sentences.py",
        ),
        ('Stage(game.turns, rates={"generator": self.generator_lr})', "Stage(game.turns)"),
        ('{"likelihood": -masked_mean(', '{"likelihood": masked_mean('),
        ("returns - self.baseline(returns, told.mask)", "returns"),
        ("= -self.entropy_weight * masked", "= self.entropy_weight * masked"),
        ('not self.steps["generator"]', 'self.steps["generator"]'),
        ("drawn(network, z, temperature)", "drawn(network, z)"),
        ("self.relaxation, self.sharpness())", "self.relaxation, 1.0)"),
        ("told.log_probability.sum(1) / told.mask.sum(1)", "told.log_probability.mean(1)"),
    ),
    *mutants_of(
        "gan_modules/sequence/seqgan.py",
        (_T + "test_rewarded_sentences.py", _T + "test_speaking.py"),
        ("opinions.mean(0).T", "opinions[0].T"),
        ("last = torch.sigmoid(judge(tokens))", "last = judge(tokens)"),
        ("0.0 if pretraining else self.rollout_decay", "self.rollout_decay"),
        ("completed(self.rollout_policy, ", "completed(self.generator, "),
        (
            "with evaluating(self.discriminator) as judge:",
            "for judge in (self.discriminator,):",
        ),
    ),
    *mutants_of(
        "gan_modules/sequence/maligan.py",
        (_T + "test_rewarded_sentences.py",),
        ("len(everyone) * importance_weights", "importance_weights"),
        (
            "with evaluating(self.discriminator) as judge:",
            "for judge in (self.discriminator,):",
        ),
    ),
    *mutants_of(
        "gan_modules/sequence/rankgan.py",
        (_T + "test_rewarded_sentences.py",),
        ('{"ranking": of_fake - of_real}', '{"ranking": of_real - of_fake}'),
        ("torch.logaddexp(own, torch.logsumexp(theirs, 0))", "torch.logsumexp(theirs, 0)"),
        (
            "shares.logsumexp(1) - torch.tensor(float(len(references))).log()",
            "shares.mean(1)",
        ),
        ("requires_grad_(False)", "requires_grad_(True)"),
        (
            "log_ranks(made, references, real, self.gamma)",
            "log_ranks(made, references, made, self.gamma)",
        ),
    ),
    *mutants_of(
        "gan_modules/sequence/scratchgan.py",
        (_T + "test_scratchgan.py",),
        ("torch.sigmoid(scores) - 1.0) * mask", "torch.sigmoid(scores) - 1.0)"),
        ("F.softplus(-real_scores)", "F.softplus(real_scores)"),
        ("F.softplus(fake_scores), fake_mask)) / 2.0}", "F.softplus(fake_scores), fake_mask))}"),
        ("returns_to_go(self.rewards(tokens), self.gamma)", "self.rewards(tokens)"),
        ("self.l2_weight / 2.0 * torch", "self.l2_weight * torch"),
    ),
    *mutants_of(
        "gan_modules/sequence/relgan.py",
        (_T + "test_relaxed_sentences.py",),
        ("step, 1.0, self.sharpness_end,", "step, self.sharpness_end, 1.0,"),
    ),
    *mutants_of(
        "gan_modules/sequence/gumbel_text_gan.py",
        (_T + "test_relaxed_sentences.py",),
        ("*self.sharpness_range, self", "*self.sharpness_range[::-1], self"),
    ),
    *mutants_of(
        "gan_modules/sequence/text_wgan_gp.py",
        (_T + "test_relaxed_sentences.py",),
        ("[GradientPenalty(penalty_weight)]", "[GradientPenalty(1.0)]"),
        ("closed(network(z).argmax(2), self.special_tokens)", "network(z).argmax(2)"),
        (
            "self.generator(self.training_latents(n)), 2)",
            "self.generator(self.training_latents(n)), 1)",
        ),
    ),
    *mutants_of(
        "gan_modules/networks/step_discriminator.py",
        (_T + "networks/test_sentence_networks.py",),
        ("nn.GroupNorm(4, ", "nn.GroupNorm(1, "),
        ("2.0 * math.pi * torch", "math.pi * torch"),
    ),
    *mutants_of(
        "gan_modules/networks/representations.py",
        (_T + "networks/test_sentence_networks.py",),
        ("permute(0, 2, 3, 1).flatten(0, 1)", "permute(0, 3, 2, 1).flatten(0, 1).mT"),
    ),
)
