"""Wrong versions of layers, augmentations and ways between latents."""

from benchmarks.mutants.mutant import mutants_of

_T = "tests/gan_modules/"
_N = _T + "networks/"

LAYERS = (
    *mutants_of(
        "gan_modules/networks/equalized.py",
        (_N + "test_equalized.py",),
        (
            "gain / math.sqrt(math.prod(shape[1:])) * lr_multiplier",
            "gain / math.prod(shape[1:]) * lr_multiplier",
        ),
        ("self.bias * self.lr_multiplier", "self.bias"),
    ),
    *mutants_of(
        "gan_modules/networks/minibatch_stddev.py",
        (_N + "test_minibatch_stddev.py",),
        (
            "members.unflatten(0, (self.group, -1))",
            "members.unflatten(0, (-1, self.group)).transpose(0, 1)",
        ),
        ("members.var(0, correction=0)", "members.var(0, correction=1)"),
    ),
    *mutants_of(
        "gan_modules/networks/minibatch_discrimination.py",
        (_N + "test_minibatch_discrimination.py",),
        ("return torch.exp(-distances).sum(1) - 1", "return torch.exp(-distances).sum(1)"),
        (".abs().sum(-1)", ".square().sum(-1)"),
    ),
    *mutants_of(
        "gan_modules/networks/pixel_norm.py",
        (_N + "test_pixel_norm.py",),
        ("exact.square().mean(1, keepdim=True)", "exact.square().sum(1, keepdim=True)"),
    ),
    *mutants_of(
        "gan_modules/networks/growing.py",
        (_N + "test_growing.py", _N + "test_progressive.py"),
        (
            "shown = blended(shown, doubled(halved(shown)), share_below)",
            "shown = blended(doubled(halved(shown)), shown, share_below)",
        ),
        (
            "        return self.stage - self.level\n",
            "        return self.level - self.stage + 1\n",
        ),
    ),
    *mutants_of(
        "gan_modules/networks/attention.py",
        (_N + "test_attention.py",),
        (".softmax(dim=2)", ".softmax(dim=1)"),
        ("self.gamma = nn.Parameter(torch.zeros(()))", "self.gamma = nn.Parameter(torch.ones(()))"),
    ),
    *mutants_of(
        "gan_modules/networks/conditional_norm.py",
        (_N + "test_conditional_norm.py",),
        (
            "gain, bias = 1 + self.gain(condition), self.bias(condition)",
            "gain, bias = self.gain(condition), self.bias(condition)",
        ),
    ),
    *mutants_of(
        "gan_modules/networks/projection.py",
        (_N + "test_biggan.py",),
        (
            "return scores + (self.embedding(label) * features).sum(1)",
            "return scores - (self.embedding(label) * features).sum(1)",
        ),
    ),
    *mutants_of(
        "gan_modules/networks/modulated.py",
        (_N + "test_stylegan2.py",),
        ("            x = x / expected.to(x.dtype)[:, :, None, None]\n", "            pass\n"),
        ("x = x + noise.to(x.dtype)", "x = x - noise.to(x.dtype)"),
    ),
    *mutants_of(
        "gan_modules/networks/style.py",
        (_N + "test_style.py",),
        ("early = layers < cutoffs.unsqueeze(1)", "early = layers >= cutoffs.unsqueeze(1)"),
        (
            "torch.lerp(self.w_avg.to(ws.dtype), ws, psi)",
            "torch.lerp(ws, self.w_avg.to(ws.dtype), psi)",
        ),
        ("w.detach().mean(0)), 1.0 - self.decay)", "w.detach().mean(0)), self.decay)"),
    ),
    *mutants_of(
        "gan_modules/networks/flow_layers.py",
        (_N + "test_flow_layers.py",),
        (
            "log_det = self.log_gain.sum() * (x.shape[2] * x.shape[3])",
            "log_det = self.log_gain.sum()",
        ),
        (
            "return y * (-self.log_gain).exp() - self.bias",
            "return y * (-self.log_gain).exp() + self.bias",
        ),
        (
            "(leaving - mean) * (-log_std).exp(), -log_std.sum(dim=(1, 2, 3))",
            "(leaving - mean) * (-log_std).exp(), log_std.sum(dim=(1, 2, 3))",
        ),
        (
            "* log_scale.exp()], dim=1), log_scale.sum(dim=(1, 2, 3))",
            "* log_scale.exp()], dim=1), -log_scale.sum(dim=(1, 2, 3))",
        ),
    ),
    *mutants_of(
        "gan_modules/laplacian.py",
        (_T + "autoencoding/test_glo.py",),
        ("bands.append(images - smooth)", "bands.append(images + smooth)"),
    ),
    *mutants_of(
        "gan_modules/augmentations/diff_augment.py",
        (_T + "test_augmentations.py",),
        ("(images - grey) * (2 * saturation) + grey", "(images - grey) * (2 * saturation)"),
        (
            "return (images - mean) * (contrast + 0.5) + mean",
            "return (images + mean) * (contrast + 0.5) - mean",
        ),
    ),
    *mutants_of(
        "gan_modules/augmentations/adaptive.py",
        (_T + "test_adaptive_augmentation.py",),
        ("(signs - self.target * scores).sign()", "(self.target * scores - signs).sign()"),
        (".clamp(min=0), self.p))", ", self.p))"),
        ("images / self.adjust_images", "steps / self.adjust_images"),
    ),
    *mutants_of(
        "gan_modules/latents.py",
        (_T + "test_latents.py", _T + "test_truncation.py"),
        ("((1.0 - t) * angle).sin() / bottom * a", "(t * angle).sin() / bottom * a"),
        (
            "moved = -torch.special.ndtri(quantile) * values.sign()",
            "moved = torch.special.ndtri(quantile) * values.sign()",
        ),
    ),
    *mutants_of(
        "gan_modules/networks/singular_values.py",
        (_N + "test_singular_values.py",),
        (
            "        vector = vector - (vector * other).sum() * other\n    length",
            "        vector = vector + (vector * other).sum() * other\n    length",
        ),
    ),
)
