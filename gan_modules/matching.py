"""A discriminator that must also find that a real image and a sentence do not fit.

Reed et al., "Generative Adversarial Text to Image Synthesis", 2016, arXiv:1605.05396, section 4.1.
Without it, D need not read: a real image is real whatever is said of it.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from gan_modules.base import AdversarialModule
from gan_modules.engine.checks import require_same_size
from gan_modules.objectives import cross_entropy


def matching_losses(
    module: AdversarialModule, batch: Mapping[str, Tensor], mismatch_weight: float
) -> dict[str, Tensor]:
    """D's losses on three kinds of pair, algorithm 1 of arXiv:1605.05396.

    With x real, t its sentence, x' a real image of another class and w the weight:
    ``CE(D(x, t), 1) + w CE(D(x', t), 0) + (1 - w) CE(D(G(z, t), t), 0)``. The mismatched pair keeps
    the sentence and swaps the image. Each kind is a forward of its own, as in the authors' code.

    Args:
        module: the game.
        batch: of :class:`datamodules.batches.CaptionedImages`.
        mismatch_weight: w; 0 is the plain conditional game and costs no forward.
    """
    condition, real = module.condition(batch), batch["image"]
    with torch.no_grad():
        fake = module.generate(len(real), condition)
    scores = {"real": module.score(module.shown(real), condition)}
    losses = {"real": cross_entropy(scores["real"], 1.0)}
    if mismatch_weight:
        swapped = module.shown(batch["mismatched_image"])
        scores["mismatched"] = module.score(swapped, condition)
        losses["mismatched"] = mismatch_weight * cross_entropy(scores["mismatched"], 0.0)
    if mismatch_weight < 1:
        scores["fake"] = module.score(module.shown(fake), condition)
        losses["fake"] = (1 - mismatch_weight) * cross_entropy(scores["fake"], 0.0)
    for kind, values in scores.items():
        module.note(f"discriminator/{kind}_score", values.mean())
    if module.augmentation is not None:
        module.augmentation.observe(scores["real"], len(real))
    return {**losses, **module.penalties(module.smooth_score(condition), real, fake)}


def require_text(owner: str, generator: nn.Module, discriminator: nn.Module) -> None:
    """Both networks are told embeddings of one length.

    Raises:
        ValueError: otherwise.
    """
    size = "the length of the data's embeddings"
    require_same_size(owner, "text_dim", size, generator, discriminator)


def require_share(owner: str, mismatch_weight: float) -> None:
    """A share of the two kinds of wrong pair.

    Raises:
        ValueError: unless it lies in [0, 1].
    """
    if not 0 <= mismatch_weight <= 1:
        raise ValueError(
            f"{owner}: mismatch_weight must lie in [0, 1], got {mismatch_weight}; 0.5 is "
            "usual, and 0 leaves mismatched pairs out"
        )


def check_mismatches(owner: str, batch: Mapping[str, Tensor], mismatch_weight: float) -> None:
    """Where D learns from mismatched pairs, they must be there and be of another class.

    Raises:
        ValueError: otherwise.
    """
    if not mismatch_weight:
        return
    for key in ("mismatched_image", "label", "mismatched_label"):
        if key not in batch:
            raise ValueError(
                f"{owner}: batch must have the key {key}, got {sorted(batch)}; choose data with "
                "captions, or mismatch_weight: 0"
            )
    same = int((batch["label"] == batch["mismatched_label"]).sum())
    if same:
        raise ValueError(
            f"{owner}: mismatched images must be of another class, got {same} of "
            f"{len(batch['label'])} of the same one; D would learn that right pairs are wrong, "
            "mend the data module"
        )
