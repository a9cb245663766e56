"""Wrong versions of the base, its schedule and the averages."""

from benchmarks.mutants.mutant import Mutant

_BASE = ("tests/gan_modules/test_base.py",)
_EMA = ("tests/gan_modules/engine/test_ema.py", "tests/gan_modules/test_base.py")

ENGINE = (
    # The alternating step
    Mutant(
        "gan_modules/base.py",
        "objective.discriminator_loss(real_scores, fake_scores)",
        "objective.discriminator_loss(fake_scores, real_scores)",
        _BASE,
    ),
    Mutant(
        "gan_modules/base.py",
        "self.objective.generator_loss(fake_scores, real_scores)",
        "-self.objective.generator_loss(fake_scores, real_scores)",
        _BASE,
    ),
    Mutant(
        "gan_modules/base.py",
        'return {"adversarial": adversarial, **penalties}',
        'return {"adversarial": adversarial}',
        _BASE,
    ),
    Mutant(
        "gan_modules/base.py",
        "regularizer.penalty(score, real, fake, self.noise)",
        "regularizer.penalty(score, fake, real, self.noise)",
        _BASE,
    ),
    Mutant(
        "gan_modules/base.py",
        "terms[regularizer.name] = value * regularizer.interval\n        return {**terms",
        "terms[regularizer.name] = value\n        return {**terms",
        _BASE,
    ),
    Mutant(
        "gan_modules/base.py",
        "regularizer.after_step(networks[name])",
        "regularizer",
        _BASE,
    ),
    Mutant(
        "gan_modules/base.py",
        "offsets=(every - 1,)",
        "offsets=(0,)",
        _BASE,
    ),
    Mutant(
        "gan_modules/engine/latent_game.py",
        'return z if self.latent == "normal" else 2.0 * z - 1.0\n\n    @property',
        "return z\n\n    @property",
        _BASE,
    ),
    # The referee
    Mutant(
        "gan_modules/engine/referee.py",
        "            parameter.requires_grad_(False)\n",
        "            parameter.requires_grad_(True)\n",
        _BASE,
    ),
    Mutant(
        "gan_modules/engine/referee.py",
        "torch.zeros((), device=module.device)) / len(parts)",
        "torch.zeros((), device=module.device))",
        _BASE,
    ),
    # Averages
    Mutant(
        "gan_modules/engine/ema.py",
        "torch._foreach_lerp_(targets, sources, 1.0 - beta)",
        "torch._foreach_lerp_(targets, sources, beta)",
        _EMA,
    ),
    Mutant(
        "gan_modules/engine/ema.py",
        "        target.copy_(source)\n",
        "        pass\n",
        _EMA,
    ),
    Mutant(
        "gan_modules/engine/player.py",
        "(end - step) / (end - start)",
        "(step - start) / (end - start)",
        _BASE,
    ),
)
