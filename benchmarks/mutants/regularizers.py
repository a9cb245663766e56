"""Wrong versions of penalties and constraints."""

from benchmarks.mutants.mutant import mutants_of

_T = "tests/gan_modules/"
_REGULARIZERS = (_T + "test_regularizers.py", _T + "test_penalties.py")

REGULARIZERS = (
    *mutants_of(
        "gan_modules/regularizers/gradient.py",
        _REGULARIZERS,
        ("(steepness / self.target - 1).square().mean()", "(steepness - 1).square().mean()"),
        ("excess = F.relu(slopes(", "excess = (slopes("),
        (
            "return self.weight * squared_slopes(score, points_between(real, fake, noise)).mean()",
            "return self.weight * slopes(score, points_between(real, fake, noise)).mean()",
        ),
        (
            "0.5 * self.gamma * squared_slopes(score, real)",
            "self.gamma * squared_slopes(score, real)",
        ),
        (
            "0.5 * self.gamma * squared_slopes(score, fake)",
            "0.5 * self.gamma * squared_slopes(score, real)",
        ),
    ),
    *mutants_of(
        "gan_modules/regularizers/slopes.py",
        _REGULARIZERS,
        ("return torch.lerp(fake, real, share)", "return torch.lerp(fake, real, share[:1])"),
        (
            "torch.autograd.grad(total, points, create_graph=True)",
            "torch.autograd.grad(total, points)",
        ),
        ("gradients.flatten(1).square().sum(1)", "gradients.flatten(1).square().mean(1)"),
        ("+ _EPSILON).sqrt()", "+ 0).sqrt()"),
    ),
    *mutants_of(
        "gan_modules/regularizers/scores.py",
        (*_REGULARIZERS, _T + "test_wgan_ct.py"),
        (
            "score(full_precision(real)).square().mean()",
            "score(full_precision(fake)).square().mean()",
        ),
        ("+ 0.1 * of_features - margin", "+ of_features - margin"),
        (
            "F.relu(of_scores + 0.1 * of_features - margin)",
            "(of_scores + 0.1 * of_features - margin)",
        ),
    ),
    *mutants_of(
        "gan_modules/regularizers/dragan.py",
        _REGULARIZERS,
        (
            "torch.lerp(real, real + reach * drawn, share)",
            "torch.lerp(real, real - reach * drawn, share)",
        ),
        ("points = real + reach * (2 * drawn - 1)", "points = real + reach * drawn"),
        (".square().mean()).sqrt()\n", ".square().mean())\n"),
    ),
    *mutants_of(
        "gan_modules/regularizers/weights.py",
        _REGULARIZERS,
        ("parameter.clamp_(-self.bound, self.bound)", "parameter.clamp_(-1.0, self.bound)"),
        ("(gram - gram.diagonal().diag()).square().sum()", "gram.square().sum()"),
        ("return distance.square().sum()", "return distance.sum()"),
        ("return self.weight * total", "return total"),
    ),
    *mutants_of(
        "gan_modules/path_length.py",
        (_T + "test_path_length.py",),
        ("(images * y).sum() / math.sqrt(pixels)", "(images * y).sum()"),
        ("gradients.square().sum(2).mean(1)", "gradients.square().mean(2).mean(1)"),
        ("torch.autograd.grad(total, ws, create_graph=True)", "torch.autograd.grad(total, ws)"),
    ),
    *mutants_of(
        "gan_modules/unconditional/stylegan2.py",
        (_T + "test_stylegan2_module.py", _T + "test_path_length.py"),
        (
            "self.path_length_mean.lerp_(mean, MEAN_DECAY)",
            "self.path_length_mean.lerp_(mean, 1 - MEAN_DECAY)",
        ),
        (
            "(lengths - self.path_length_mean).square()",
            "(lengths + self.path_length_mean).square()",
        ),
        ('return {"r1": self.r1_interval * penalty}', 'return {"r1": penalty}'),
    ),
)
