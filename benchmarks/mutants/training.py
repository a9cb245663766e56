"""Wrong versions of the variants' own training steps."""

from benchmarks.mutants.mutant import mutants_of

_T = "tests/gan_modules/"
_A = _T + "autoencoding/"

TRAINING = (
    *mutants_of(
        "gan_modules/unconditional/unrolled_gan.py",
        (_T + "test_unrolled_gan.py",),
        ("value = -loss(then)", "value = loss(then)"),
        ("then = unroll(loss, start, self.unrolling_steps,", "then = unroll(loss, start, 0,"),
    ),
    *mutants_of(
        "gan_modules/engine/unrolling.py",
        (_T + "test_unrolled_gan.py",),
        ("value - self.lr * gradients[name]", "value + self.lr * gradients[name]"),
        (
            "            create_graph=True,\n",
            "            create_graph=False,\n            retain_graph=True,\n",
        ),
        (
            "torch.lerp(slope, self.means.get(name, zero), beta1)",
            "torch.lerp(slope, self.means.get(name, zero), 1 - beta1)",
        ),
    ),
    *mutants_of(
        "gan_modules/unconditional/pacgan.py",
        (_T + "test_pacgan.py",),
        (
            "super().penalties(score, self.packed(real), self.packed(fake))",
            "super().penalties(score, self.packed(fake), self.packed(real))",
        ),
        (
            "return super().score(self.packed(images))",
            "return super().score(self.packed(images.flip(0)))",
        ),
    ),
    *mutants_of(
        "gan_modules/unconditional/wgan_ct.py",
        (_T + "test_wgan_ct.py",),
        (
            "features_again, scores_again = features_and_scores(self.discriminator, shown)",
            "features_again, scores_again = features, real_scores",
        ),
        (
            '"consistency": self.consistency_weight * consistency,',
            '"consistency": -self.consistency_weight * consistency,',
        ),
    ),
    *mutants_of(
        "gan_modules/unconditional/r3gan.py",
        (_T + "test_r3gan_module.py",),
        ('if name in ("r1", "r2") else value', 'if name in ("r1",) else value'),
        ("[R1(of_gamma.start), R2(of_gamma.start)]", "[R1(of_gamma.start)]"),
    ),
    *mutants_of(
        "gan_modules/burn_in.py",
        (_T + "test_burn_in.py",),
        ("share = 0.5 - 0.5 * math.cos", "share = 0.5 + 0.5 * math.cos"),
    ),
    *mutants_of(
        "gan_modules/unconditional/progressive_gan.py",
        (_T + "test_progressive_gan.py",),
        ('real = faded(batch["image"], self.generator.level)', 'real = batch["image"]'),
        ("        forget_moments(self)\n", "        pass\n"),
    ),
    *mutants_of(
        "gan_modules/growth.py",
        (_T + "test_growth.py",),
        ("min(1.0, position.images / self.fade_images) if fading else 0.0", "0.0"),
    ),
    *mutants_of(
        "gan_modules/autoencoding/vae.py",
        (_A + "test_vae.py",),
        (
            '"kl": self.present_kl_weight() * divergence}',
            '"kl": -self.present_kl_weight() * divergence}',
        ),
        ("min(1.0, self.images_seen / self.kl_warmup_images)", "1.0"),
    ),
    *mutants_of(
        "gan_modules/likelihoods.py",
        (_A + "test_vae.py",),
        (
            "(mean.square() + log_variance.exp() - 1.0 - log_variance)",
            "(mean.square() + log_variance.exp() - 1.0 + log_variance)",
        ),
        (
            "return mean + (0.5 * _raised(log_variance)).exp() * noise",
            "return mean + _raised(log_variance).exp() * noise",
        ),
        ("return mean + (0.5 *", "return mean.detach() + (0.5 *"),
        ("(1.0 - target) * (1.0 - on).log()", "(1.0 - target) * on.log()"),
        ("each = 0.5 * away.square() + log_scale", "each = 0.5 * away.square() - log_scale"),
        ("each = away.abs() + log_scale + math.log(2.0)", "each = away.abs() + log_scale"),
    ),
    *mutants_of(
        "gan_modules/autoencoding/vae_gan.py",
        (_A + "test_vae_gan.py",),
        (
            '"adversarial": -F.softplus(fake_scores).mean(1).sum()}',
            '"adversarial": F.softplus(fake_scores).mean(1).sum()}',
        ),
        (
            'return {"real": F.softplus(-real_scores).mean(), "generated": of_fakes}',
            'return {"real": F.softplus(real_scores).mean(), "generated": of_fakes}',
        ),
        (
            "codes.append(gaussian_code(self.encoder(real), noise)[0])",
            "codes.append(noise)",
        ),
        ("error = self.reconstruction_weight * feature_error", "error = feature_error"),
    ),
    *mutants_of(
        "gan_modules/equilibrium.py",
        (_A + "test_vae_gan.py",),
        ("max(real_cost, fake_cost) <= self.centre", "min(real_cost, fake_cost) <= self.centre"),
        ("            generator = discriminator = True\n", "            pass\n"),
    ),
    *mutants_of(
        "gan_modules/autoencoding/alpha_gan.py",
        (_A + "test_alpha_gan.py",),
        (
            '"adversarial": -self.code_discriminator(code).mean()}',
            '"adversarial": self.code_discriminator(code).mean()}',
        ),
        (
            '"adversarial_generated": -self.score(generated).mean(),',
            '"adversarial_generated": self.score(generated).mean(),',
        ),
        (
            '"prior": F.softplus(-of_prior).mean(), "encoded": F.softplus(of_images).mean()',
            '"prior": F.softplus(of_prior).mean(), "encoded": F.softplus(-of_images).mean()',
        ),
    ),
    *mutants_of(
        "gan_modules/autoencoding/veegan.py",
        (_A + "test_veegan.py",),
        ("away = (z - self.reconstructor(fake))", "away = (z - self.reconstructor(fake.detach()))"),
        (
            '"adversarial": -self.discriminator(z, fake).mean(),',
            '"adversarial": self.discriminator(z, fake).mean(),',
        ),
        (
            "self.discriminator(codes, real), self.discriminator(z, fake)",
            "self.discriminator(z, real), self.discriminator(codes, fake)",
        ),
    ),
    *mutants_of(
        "gan_modules/autoencoding/glo.py",
        (_A + "test_glo.py",),
        (
            '        if name == "codes":\n            project(self.codes.weight)',
            '        if name == "generator":\n            project(self.codes.weight)',
        ),
        (
            'self.generator(self.codes(batch["index"]))',
            'self.generator(self.codes(batch["index"]).detach())',
        ),
    ),
)
