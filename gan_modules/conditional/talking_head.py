"""TalkingHead: some frames show who it is, landmarks say how the head is held.

Zakharov, Shysheya, Burkov, Lempitsky, "Few-Shot Adversarial Learning of Realistic Neural Talking
Head Models", 2019, arXiv:1905.08233. What changes from ProjectionGAN: pictures are the condition,
a person is a class to D, and G finds a code for one that it never saw.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from gan_modules import heads
from gan_modules.engine import checks
from gan_modules.engine.generator_game import GeneratorGame
from gan_modules.engine.hyperparameters import keep_plain_hyperparameters
from gan_modules.engine.player import Player
from gan_modules.engine.sampling import evaluating
from gan_modules.engine.schedule import Stage, Turn
from gan_modules.frozen import Frozen
from gan_modules.networks.talking_head import RandomFeatures
from gan_modules.objectives import Hinge


class TalkingHead(GeneratorGame):
    """Section 3.2: content, hinge, matched features and matched codes, from a support of K frames.

    ``L_G = content + pixels - D(x', y, i) + 10 |V_k(x) - V_k(x')| + 10 |e - W_i|``, distances being
    means; e is the mean code of the support. D is ``V(x, y)^T (W_i + w_0) + b`` and steps twice for
    a step of G, on the same fakes; W_i of persons out of the batch do not move. Of section 3.3, new
    persons, there is the start, the styles of their code (:meth:`adapted`); training these and
    ``w_0 + e`` on the support is not. Takes :class:`datamodules.batches.TalkingHeads`.

    Args:
        embedder: E: frames and landmarks to codes ``(N, code_dim)``.
        generator: landmarks and styles to frames; ``styles`` is P, codes to styles.
        discriminator: frames, landmarks and persons to scores; see ``networks/talking_head.py``.
        content: images to a list of maps, never trained; None: those of random convolutions.
        content_weight: of their distance; the paper's 0.15 and 0.025 are for VGG nets.
        pixel_weight: of that of the frames themselves; the paper has none.
        feature_weight: of that of V's maps.
        matching_weight: of codes; 10 in a public version.
        generator_lr: Adam's rate for E, P and G.
        discriminator_lr: Adam's rate for D.
        betas: Adam's beta1 and beta2; beta1 is 0 for W, which would move on by momentum.
        **kwargs: see :class:`GeneratorGame`.

    Raises:
        ValueError: if a number is out of range, or the networks do not go together.
    """

    def __init__(
        self,
        embedder: nn.Module,
        generator: nn.Module,
        discriminator: nn.Module,
        content: nn.Module | None = None,
        content_weight: float = 1.0,
        pixel_weight: float = 10.0,
        feature_weight: float = 10.0,
        matching_weight: float = 10.0,
        generator_lr: float = 5e-5,
        discriminator_lr: float = 2e-4,
        betas: tuple[float, float] = (0.9, 0.999),
        **kwargs: Any,
    ) -> None:
        both = {"embedder": embedder, "generator": generator}
        heads.check_networks(self, **both, discriminator=discriminator)
        super().__init__(nn.ModuleDict(both), betas, **kwargs)
        keep_plain_hyperparameters(self)
        checks.refuse_micro_batches(self, self.micro_batches)
        self.content_weight, self.pixel_weight = content_weight, pixel_weight
        self.feature_weight, self.matching_weight = feature_weight, matching_weight
        self.generator_lr, self.discriminator_lr = generator_lr, discriminator_lr
        heads.check_numbers(self)
        self.discriminator: Any = discriminator
        self.content = Frozen(content or RandomFeatures(heads.shape_of(generator)[0]))

    def optimizer(self, parameters: list[nn.Parameter], lr: float) -> Optimizer:
        """Adam, without momentum for W: rows without a gradient stay where they are."""
        return heads.adam(parameters, self.discriminator.videos.weight, lr, self.betas)

    def players(self) -> tuple[Player, ...]:
        """E, P and G are one; V, W, w_0 and b are the other."""
        of_d = self.player("discriminator", self.discriminator, steps_per_round=2)
        return self.player("generator", self.generator), of_d

    def schedule(self) -> tuple[Stage, ...]:
        """G first, then D twice."""
        return (Stage((Turn("generator"), Turn("discriminator", repeat=2))),)

    def prepare(self, batch: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Adds ``code`` and ``fake``, which all turns share."""
        code = heads.code(self.generator, batch["support"], batch["support_landmarks"])
        psi = heads.styles(self.generator, code)
        fake = heads.drawn(self.generator, psi, batch["target_landmarks"])
        return {**batch, "code": code, "fake": fake}

    def generator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Looks as the frame does, to D, to V and to the content network; e as W_i."""
        true, fake = batch["target"], batch["fake"]
        beside = batch["target_landmarks"], batch["video"]
        with torch.no_grad():
            (_, wanted), look = self.discriminator.judge(true, *beside), self.content(true)
        scores, maps = self.discriminator.judge(fake, *beside)
        rows = self.discriminator.videos(batch["video"])
        return {
            "adversarial": Hinge().generator_loss(scores),
            "content": self.content_weight * heads.distance(self.content(fake), look),
            "pixels": self.pixel_weight * heads.distance([fake], [true]),
            "features": self.feature_weight * heads.distance(maps, wanted),
            "matching": self.matching_weight * heads.distance([batch["code"]], [rows]),
        }

    def discriminator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The hinge of true frames and made ones, beside the same landmarks and person."""
        beside = batch["target_landmarks"], batch["video"]
        shown = {"real": batch["target"], "fake": batch["fake"].detach()}
        scores = {kind: self.discriminator(images, *beside) for kind, images in shown.items()}
        for kind, values in scores.items():
            self.note(f"discriminator/{kind}_score", values.mean())
        return {"adversarial": Hinge().discriminator_loss(*scores.values())}

    @torch.no_grad()
    def adapted(self, support: Tensor, support_landmarks: Tensor) -> Tensor:
        """Styles ``(N, S)`` of K frames and landmarks ``(N, K, C, H, W)`` each; in eval mode."""
        shown = [x.to(self.device, self.float_dtype) for x in (support, support_landmarks)]
        with evaluating(self.sampler()) as networks:
            return heads.styles(networks, heads.code(networks, *shown))

    @torch.no_grad()
    def animate(self, support: Tensor, support_landmarks: Tensor, landmarks: Tensor) -> Tensor:
        """Frames, held as landmarks ``(N, C, H, W)`` say; the support is of N persons or of one."""
        styles = self.adapted(support, support_landmarks).expand(len(landmarks), -1)
        with evaluating(self.sampler()) as networks:
            return heads.drawn(networks, styles, landmarks.to(styles))

    def panels(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Who it is, how the head shall be held, what is made of both, and the true frame."""
        support, marks, asked = (batch[key] for key in heads.TOLD)
        made = self.animate(support, marks, asked)
        return {"person": support[:, 0], "landmarks": asked, "made": made, "true": batch["target"]}

    def check_batch(self, batch: Mapping[str, Tensor]) -> None:
        """The image contract for frames and landmarks, and persons that D knows."""
        heads.check_heads(self, batch)
