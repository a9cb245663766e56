"""Unrolled GAN: G plays against what D will be after a few more steps, not against D as it is.

Metz, Poole, Pfau, Sohl-Dickstein, "Unrolled Generative Adversarial Networks", 2016,
arXiv:1611.02163. What changes from the GAN of 2014 (``gan.py``): G's loss, which knows how D will
answer, so that moving all samples to where D is weakest now does not pay.
"""

from collections.abc import Mapping
from typing import Any, Literal

from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _BatchNorm

from gan_modules.base import AdversarialModule
from gan_modules.engine.checks import has_spectral_norm
from gan_modules.engine.precision import fp32_island
from gan_modules.engine.schedule import Stage, Turn
from gan_modules.engine.unrolling import InnerAdam, InnerOptimizer, InnerSGD, Parameters, unroll
from gan_modules.objectives import Minimax

_SGD_LR = 0.1


class UnrolledGAN(AdversarialModule):
    """Section 2 of arXiv:1611.02163; rates of the authors' notebook on the ring of Gaussians.

    Both players' gradients are taken at the same parameters before either steps, as there. G's
    runs through the steps that D would take on this batch; a round with K = 5 takes about three
    times as long as without. D's own step is the ordinary one; those steps leave no trace in it.

    Args:
        generator: latents ``(N, latent_dim)`` to images ``(N, C, H, W)`` in [-1, 1].
        discriminator: images ``(N, C, H, W)`` to raw scores ``(N,)``, best smooth in its
            parameters (tanh, not ReLU); neither BatchNorm nor spectral normalisation.
        unrolling_steps: the paper's K; 0 is the plain saddle point game.
        inner: how D's steps are foreseen: ``"sgd"``, or ``"adam"``, which goes on from the
            moments of D's own optimizer, as in the notebook.
        unrolling_lr: the paper's eta of those steps. None: ``discriminator_lr`` for ``"adam"``,
            whose steps are as large as its rate; 0.1 for ``"sgd"``.
        generator_lr: Adam's alpha for G.
        discriminator_lr: Adam's alpha for D.
        **kwargs: see :class:`AdversarialModule`.

    Raises:
        ValueError: if a number is out of range; if D has state that the unrolled steps would
            change, or is trained by anything but its loss: penalties, several steps, micro-batches.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        unrolling_steps: int = 5,
        inner: Literal["sgd", "adam"] = "sgd",
        unrolling_lr: float | None = None,
        generator_lr: float = 1e-3,
        discriminator_lr: float = 1e-4,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            generator,
            discriminator,
            Minimax(),
            generator_lr=generator_lr,
            discriminator_lr=discriminator_lr,
            **kwargs,
        )
        self._refuse(unrolling_steps, inner, unrolling_lr)
        self.unrolling_steps, self.inner = unrolling_steps, inner
        usual = _SGD_LR if inner == "sgd" else discriminator_lr
        self.unrolling_lr = usual if unrolling_lr is None else unrolling_lr
        self._unrolled = [n for n, p in discriminator.named_parameters() if p.requires_grad]

    def _refuse(self, steps: int, inner: str, lr: float | None) -> None:
        """What does not go together with unrolling, each with its reason and a way out."""
        layers = self.discriminator.modules()
        stays = [r.name for r in self.regularizers if r.player == "discriminator"]
        refusals = {
            f"unrolling_steps must be at least 0, got {steps}; the paper takes 1 to 10": steps < 0,
            f"inner must be sgd or adam, got {inner}; choose one": inner not in ("sgd", "adam"),
            f"unrolling_lr must be positive, got {lr}; null takes the usual one": (
                lr is not None and not lr > 0
            ),
            "discriminator must not have BatchNorm, whose running statistics each unrolled step "
            "would change; use normalization: layer, instance or none": any(
                isinstance(layer, _BatchNorm) for layer in layers
            ),
            "discriminator must not have spectral normalisation, whose power iteration each "
            "unrolled step would change; use normalization: none, or SNGAN": has_spectral_norm(
                self.discriminator
            ),
            f"regularizers must not act on the discriminator, got {stays}, which the unrolled "
            "steps do not foresee; leave them out, or use AdversarialModule": bool(stays),
            f"discriminator_steps must be 1, got {self.discriminator_steps}: looking ahead takes "
            "their place; raise unrolling_steps": self.discriminator_steps != 1,
            f"micro_batches must be 1, got {self.micro_batches}, for each part would foresee "
            "steps on itself alone; lower batch_size": self.micro_batches != 1,
        }
        for message, applies in refusals.items():
            if applies:
                raise ValueError(f"UnrolledGAN: {message}")

    def schedule(self) -> tuple[Stage, ...]:
        """Both at once, from the same parameters."""
        return (Stage((Turn(("discriminator", "generator")),)),)

    def generator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The value of the game, ``-L_D``, at the D that K steps would make of this one."""
        condition = self.condition(batch)
        fake = self.shown(self.generate(len(batch["image"]), condition)).to(self.float_dtype)
        real = self.shown(batch["image"])

        def loss(parameters: Parameters) -> Tensor:
            real_scores, fake_scores = (
                functional_call(self.discriminator, parameters, (images, *condition))
                for images in (real, fake)
            )
            return self.objective.discriminator_loss(real_scores, fake_scores)

        now = dict(self.discriminator.named_parameters())
        start = {name: now[name].detach().requires_grad_(True) for name in self._unrolled}
        with fp32_island(self.device.type):
            then = unroll(loss, start, self.unrolling_steps, self._inner(now))
            value = -loss(then)
        return {"adversarial": value, **self.weight_penalties("generator", self.generator)}

    def _inner(self, now: Mapping[str, nn.Parameter]) -> InnerOptimizer:
        if self.inner == "sgd":
            return InnerSGD(self.unrolling_lr)
        assert self.referee is not None
        state = self.referee.players["discriminator"].optimizer.state
        known = {name: state[now[name]] for name in self._unrolled if now[name] in state}
        return InnerAdam(self.unrolling_lr, self.betas, known)
