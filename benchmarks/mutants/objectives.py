"""Wrong versions of what the two players minimise."""

from benchmarks.mutants.mutant import mutants_of

_T = "tests/gan_modules/"

OBJECTIVES = (
    *mutants_of(
        "gan_modules/objectives.py",
        (_T + "test_objectives.py",),
        (
            "F.softplus(-raised(real_scores)).mean() + F.softplus(raised(fake_scores)).mean()",
            "F.softplus(raised(real_scores)).mean() + F.softplus(-raised(fake_scores)).mean()",
        ),
        (
            "return -F.softplus(raised(fake_scores)).mean()",
            "return F.softplus(raised(fake_scores)).mean()",
        ),
        (
            "return F.softplus(-raised(fake_scores)).mean()",
            "return F.softplus(raised(fake_scores)).mean()",
        ),
        ("- self.real_target).square().mean()", "- self.fake_target).square().mean()"),
        ("- self.generator_target).square().mean()", "- self.real_target).square().mean()"),
        ("return self.scale * (real + fake)", "return real + fake"),
        (
            "real = F.relu(1 - raised(real_scores)).mean()",
            "real = F.relu(1 + raised(real_scores)).mean()",
        ),
        ("return real + F.relu(1 + raised(fake_scores)).mean()", "return real"),
        (
            "return raised(fake_scores).mean() - raised(real_scores).mean()",
            "return raised(real_scores).mean() - raised(fake_scores).mean()",
        ),
        ("+ (1 - target) * F.softplus(scores)).mean()", "+ target * F.softplus(scores)).mean()"),
    ),
    *mutants_of(
        "gan_modules/divergences.py",
        (_T + "test_divergences.py",),
        ("lambda v: torch.exp(v - 1), 1.0", "lambda v: torch.exp(v), 1.0"),
        (
            "_Row(lambda v: -torch.exp(-v), lambda v: v - 1, -1.0)",
            "_Row(lambda v: -torch.exp(-v), lambda v: v, -1.0)",
        ),
        ("v.square() / 4 + v, 0.0", "v.square() / 4 - v, 0.0"),
        ("lambda v: -2 * torch.expm1(-v / 2), 0.0", "lambda v: -torch.expm1(-v / 2), 0.0"),
        ("lambda v: F.softplus(v) - _LOG2, 0.0", "lambda v: F.softplus(v), 0.0"),
        (
            "return self.conjugate(fake_scores).mean() - self.activation(real_scores).mean()",
            "return self.conjugate(fake_scores).mean() + self.activation(real_scores).mean()",
        ),
        (
            'follow = self.activation if self.generator == "trick"',
            'follow = self.conjugate if self.generator == "trick"',
        ),
        ("return -follow(fake_scores).mean()", "return follow(fake_scores).mean()"),
    ),
    *mutants_of(
        "gan_modules/label_noise.py",
        (_T + "test_label_noise.py",),
        ("targets = torch.where(flips, others, own)", "targets = own"),
        ("< self.flip_probability", "> self.flip_probability"),
        (
            "_Drawn(targets[:, 0].view(-1, *rest), targets[:, 1].view(-1, *rest))",
            "_Drawn(targets[:, 1].view(-1, *rest), targets[:, 0].view(-1, *rest))",
        ),
    ),
    *mutants_of(
        "gan_modules/relativistic.py",
        (_T + "test_relativistic.py",),
        ("self._lead(fake_scores, real_scores)", "self._lead(real_scores, fake_scores)"),
        ("    compares = True\n", "    compares = False\n"),
    ),
    *mutants_of(
        "gan_modules/features.py",
        (_T + "test_feature_matching.py",),
        ("gap = means[0] - means[1]", "gap = means[0] + means[1]"),
        ("gap.square().sum() if", "gap.square().mean() if"),
    ),
    *mutants_of(
        "gan_modules/unconditional/improved_gan.py",
        (_T + "test_feature_matching.py",),
        (
            'terms = {"feature_matching": self.feature_weight * distance}',
            'terms = {"feature_matching": distance}',
        ),
        ('if self.mode == "add":', 'if self.mode == "replace":'),
    ),
)
