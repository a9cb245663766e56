"""Wrong versions of the translations, of conditional games, and of the probes of translations."""

from benchmarks.mutants.mutant import mutants_of

_T = "tests/gan_modules/translation/"
_C = "tests/gan_modules/conditional/"
_M = "tests/callbacks/metrics/"

TRANSLATION = (
    *mutants_of(
        "gan_modules/translation/base.py",
        (_T + "test_cycle_gan.py", _T + "test_image_pools_in_runs.py"),
        ('self.pools[target](batch[f"fake_{target}"].detach()', "self.pools[target](batch[target]"),
        ("sent = self.sent(batch[f", "sent = self.sent(0 * batch[f"),
        ("return fake if self.corruption is None else", "return fake if self.corruption else"),
        (
            'return {f"adversarial_{domain}": self.discriminator_weight * loss}',
            'return {f"adversarial_{domain}": loss}',
        ),
        ("self.pools.restore(self._pools_of_ranks, ", "self.pools.restore([], "),
        ("made = self.translate(batch[source][:1], source, target)", "made = batch[target][:1]"),
    ),
    *mutants_of(
        "gan_modules/translation/base.py",
        (_T + "test_dual_gan.py", _T + "test_decay_by_epochs.py"),
        ('torch.is_grad_enabled() and self.acts("generator")', "torch.is_grad_enabled()"),
        ("round(steps * steps_per_round)", "steps"),
    ),
    *mutants_of(
        "gan_modules/translation/cycle_gan.py",
        (_T + "test_cycle_gan.py",),
        (
            'Turn("generator"), Turn("discriminator"), *last',
            'Turn("discriminator"), Turn("generator"), *last',
        ),
        (
            'F.l1_loss(batch[f"back_{source}"], batch[source])',
            'F.l1_loss(batch[f"back_{source}"], batch[target])',
        ),
        (
            "same = self.translated(batch[target], source, target)",
            "same = self.translated(batch[source], source, target)",
        ),
        (
            "weight = self.cycle_weight * self.identity_weight",
            "weight = self.identity_weight",
        ),
        ("back = back.detach() if right else back", "back = back.detach()"),
        ("self.guessed(batch, domain, right=False)", "self.guessed(batch, domain, right=True)"),
    ),
    *mutants_of(
        "gan_modules/guessing.py",
        (_T + "test_cycle_gan.py",),
        ("answer = (first if right else ~first)", "answer = (~first if right else first)"),
        ("torch.where(first, real, back)], 1)", "torch.where(first, back, real)], 1)"),
    ),
    *mutants_of(
        "gan_modules/corruptions.py",
        (_T + "test_corruptions.py",),
        ("images + self.sigma * drawn", "images + drawn"),
        (
            "images + (quantized(images, self.bits) - images).detach()",
            "quantized(images, self.bits)",
        ),
        ("levels = 2**bits - 1", "levels = 2**bits"),
    ),
    *mutants_of(
        "gan_modules/translation/pix2pix.py",
        (_T + "test_pix2pix.py",),
        (
            'torch.cat([batch["a"], output], 1) if "cgan"',
            'torch.cat([batch["a"], output], 1) if "x"',
        ),
        ("self.l1_weight * F.l1_loss", "F.l1_loss"),
        ('F.l1_loss(batch["fake_b"], batch["b"])', 'F.l1_loss(batch["fake_b"], batch["a"])'),
        ('self.beside(batch, batch["b"]), fake)', 'self.beside(batch, batch["a"]), fake)'),
        ("    network.train()\n", "    network.eval()\n"),
    ),
    *mutants_of(
        "gan_modules/translation/disco_gan.py",
        (_T + "test_disco_gan.py",),
        ('Turn("generator", every=3, offsets=(1, 2))', 'Turn("generator", every=3, offsets=(1,))'),
        (
            "self.early_cycle_weight if self.rounds < self.early_rounds else self.cycle_weight",
            "self.cycle_weight if self.rounds < self.early_rounds else self.early_cycle_weight",
        ),
        ("(1 - self.share) * self.adversarial_weight * value", "self.adversarial_weight * value"),
        ("found = judge.features(fake)[1:-1]", "found = judge.features(real)[1:-1]"),
        ("mean_over_ranks(m.mean(0))", "mean_over_ranks(m)"),
    ),
    *mutants_of(
        "gan_modules/translation/star_gan.py",
        (_T + "test_star_gan.py",),
        (
            'attribute_loss(logits, batch["wanted"], batch["its_mask"], self.labels)',
            'attribute_loss(logits, batch["own"], batch["its_mask"], self.labels)',
        ),
        (
            'self.led(self.generator, self.sent(fake), batch["own"])',
            'self.led(self.generator, self.sent(fake), batch["wanted"])',
        ),
        ('"own": own * mask, "mask": mask', '"own": own, "mask": mask'),
    ),
    *mutants_of(
        "gan_modules/translation/dtn.py",
        (_T + "test_feature_preserving.py",),
        ("return scores[:, REAL] - others", "return others - scores[:, REAL]"),
        ('"adversarial_b": self.named(same, REAL)', '"adversarial_b": self.named(same, FROM_B)'),
        ('F.mse_loss(same, batch["b"])', 'F.mse_loss(led, batch["b"])'),
    ),
    *mutants_of(
        "gan_modules/translation/dual_gan.py",
        (_T + "test_dual_gan.py",),
        ("alpha=0.9", "alpha=0.99"),
        ("offsets=(rounds_of_g - 1,)", "offsets=(0,)"),
    ),
    *mutants_of(
        "gan_modules/translation/unit.py",
        (_T + "test_unit.py",),
        ("return mean.square().mean()", "return mean.square().sum()"),
        ("return mean + self.noise.normal(", "return mean + 0 * self.noise.normal("),
        ("self.cycle_kl_weight * divergence(again)", "self.cycle_kl_weight * divergence(mean)"),
        (
            'return networks["codec"](images, source, target)',
            'return networks["codec"](images, source, source)',
        ),
    ),
    *mutants_of(
        "gan_modules/translation/latent_domain.py",
        (_T + "test_latent_domain.py",),
        ("F.l1_loss(again, code.detach())", "F.l1_loss(again, code)"),
        ('(self.steps["generator"] + 1) / self.fool_ramp_steps', "1.0"),
        ("F.l1_loss(self.codec.decode(again, domain), real)", "F.l1_loss(again, code)"),
    ),
    *mutants_of(
        "gan_modules/translation/ugatit.py",
        (_T + "test_ugatit.py",),
        (
            "cross_entropy(made.cam_scores, 1.0) + cross_entropy(same.cam_scores, 0.0)",
            "cross_entropy(made.cam_scores, 0.0) + cross_entropy(same.cam_scores, 1.0)",
        ),
        ("            clip_rho(self.generator)\n", "            pass\n"),
    ),
    *mutants_of(
        "gan_modules/translation/cut.py",
        (_T + "test_cut.py",),
        ("found = [flipped(maps, mirrored) for maps", "found = [maps for maps"),
        ('self.contrast(batch["b"], same, mirrored)', 'self.contrast(batch["a"], same, mirrored)'),
    ),
    *mutants_of(
        "gan_modules/patch_nce.py",
        ("tests/gan_modules/test_patch_nce.py",),
        ("/ temperature\n", "* temperature\n"),
        ("keys.detach()", "keys"),
    ),
    *mutants_of(
        "gan_modules/image_pool.py",
        ("tests/gan_modules/test_image_pool.py",),
        ("if draws[0] < 0.5:", "if draws[0] < 0.6:"),
        (
            "old, self.images[place] = self.images[place], image.clone()",
            "old = self.images[place]",
        ),
    ),
    *mutants_of(
        "gan_modules/conditional/acgan.py",
        (_C + "test_classes.py",),
        (
            'class_term("class_fake", fake_logits, label, weight)',
            'class_term("class_fake", real_logits, label, weight)',
        ),
        (
            'class_term("class", fake_logits, condition[0], self.generator_class_weight)',
            'class_term("class", fake_logits, condition[0], self.discriminator_class_weight)',
        ),
    ),
    *mutants_of(
        "gan_modules/matching.py",
        (_C + "test_gan_cls.py",),
        (
            'mismatch_weight * cross_entropy(scores["mismatched"], 0.0)',
            'mismatch_weight * cross_entropy(scores["mismatched"], 1.0)',
        ),
        (
            '(1 - mismatch_weight) * cross_entropy(scores["fake"], 0.0)',
            'cross_entropy(scores["fake"], 0.0)',
        ),
    ),
    *mutants_of(
        "gan_modules/conditional/gan_int.py",
        (_C + "test_gan_cls.py",),
        ("unflatten(0, (pairs, 2)).mean(dim=1)", "unflatten(0, (pairs, 2)).sum(dim=1)"),
        ("            * (1 - share)\n", ""),
    ),
    *mutants_of(
        "gan_modules/conditional/multi_label_gan.py",
        (_C + "test_multi_label_gan.py",),
        (
            "scores = self.discriminator(features.detach(), guess)",
            "scores = self.discriminator(features, guess)",
        ),
        ("self.discriminator(features, true), self.", "self.discriminator(features, guess), self."),
    ),
    *mutants_of(
        "callbacks/metrics/image_quality.py",
        (_M + "test_image_quality.py",),
        ("RANGE = 2.0", "RANGE = 1.0"),
    ),
)
