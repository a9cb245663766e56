"""Ways to a map between two languages: from pairs, from a map that is off, from the game alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from pytorch_lightning import Trainer
from torch import Tensor

from callbacks.metrics.word_translation import precision_at
from datamodules.word_vectors import RotatedWords
from gan_modules.language.word_maps import criterion, mapped, nearest, procrustes, refine
from gan_modules.networks.mlp import MLPDiscriminator
from gan_modules.networks.word_map import WordMap
from gan_modules.sequence.word_alignment import WordAlignment

#: Largest angle of the map that is off, in radians.
ANGLE = 0.6
#: Of all pairs.
SEED_SHARE = 0.1


@dataclass(frozen=True)
class Setup:
    """What is played.

    Attributes:
        words: of each language.
        dim: d.
        centres: of the mixture.
        restarts: runs of the game from a rotation of their own, for each seed.
        steps: of W in a run.
        every: W steps between two looks at the criterion.
        hidden: units of a layer of D.
        batch_size: words of each language.
        orthogonality: beta; the paper's 0.001 lets W collapse in so few dimensions.
    """

    words: int = 3000
    dim: int = 10
    centres: int = 40
    restarts: int = 3
    steps: int = 2000
    every: int = 200
    hidden: int = 128
    batch_size: int = 64
    orthogonality: float = 0.05


def precisions(setup: Setup, seed: int) -> dict[str, float]:
    """P@1 by CSLS on the held-out half of the dictionary, of every way, in the table's order.

    Args:
        setup: what is played.
        seed: of the languages, the starts and the games.
    """
    data = RotatedWords(
        words=setup.words,
        dim=setup.dim,
        centres=setup.centres,
        draw=seed,
        seed=seed,
        normalize=("unit",),
        batch_size=setup.batch_size,
        held_out_share=0.5,
    )
    a, b = data.vectors("a"), data.vectors("b")
    pairs = data.pairs("train")
    assert pairs is not None
    own = torch.Generator().manual_seed(seed)
    few = pairs[torch.randperm(len(pairs), generator=own)[: round(SEED_SHARE * setup.words)]]
    off = _turned(setup.dim, own) @ data.rotation.float()
    sown = procrustes(a[few[:, 0]], b[few[:, 1]])
    starts = [_start(setup.dim, seed, restart) for restart in range(setup.restarts)]
    blind = [refine(w, a, b) for w in starts]
    played = [play(setup, data, seed, restart) for restart in range(setup.restarts)]
    best = _best(played, a, b)
    maps = {
        "Procrustes, half of the pairs": procrustes(a[pairs[:, 0]], b[pairs[:, 1]]),
        f"map off by {ANGLE:g} rad": off,
        "the same, refined": refine(off, a, b),
        f"seed dictionary, {SEED_SHARE:.0%} of the pairs": sown,
        "the seed dictionary, refined": refine(sown, a, b),
        f"random rotations, refined, best of {setup.restarts}": _best(blind, a, b),
        "game, one start": played[0],
        f"game, best of {setup.restarts}": best,
        "the best game, refined": refine(best, a, b),
    }
    return {name: first_right(w, data) for name, w in maps.items()}


def play(setup: Setup, data: RotatedWords, seed: int, restart: int) -> Tensor:
    """One run of the game; the W of its highest criterion."""
    torch.manual_seed(1000 * seed + restart)
    module = WordAlignment(
        WordMap(setup.dim),
        MLPDiscriminator([setup.dim], setup.hidden, 2, "leaky_relu"),
        orthogonality=setup.orthogonality,
        epoch_steps=max(1, setup.steps // 5),
    )
    module.generator.weight.data.copy_(_start(setup.dim, seed, restart))
    seen: list[Tensor] = []
    stepped: Callable[[str], None] = module.player_stepped

    def look(name: str) -> None:
        stepped(name)
        if name == "generator" and module.steps["generator"] % setup.every == 0:
            seen.append(module.generator.weight.detach().clone())

    module.player_stepped = look  # type: ignore[method-assign]
    quiet: dict[str, Any] = dict.fromkeys(
        ("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False
    )
    trainer = Trainer(
        max_steps=setup.steps, accelerator="cpu", use_distributed_sampler=False, **quiet
    )
    trainer.fit(module, datamodule=data)
    return _best(seen, data.vectors("a"), data.vectors("b"))


def first_right(w: Tensor, data: RotatedWords) -> float:
    """P@1 by CSLS on the held-out pairs."""
    x, pairs = mapped(w, data.vectors("a")), data.pairs("held_out")
    assert pairs is not None
    found = nearest(x[pairs[:, 0]], data.vectors("b"), among=x)
    return precision_at(found, pairs[:, 0], pairs, 1)


def _best(maps: list[Tensor], a: Tensor, b: Tensor) -> Tensor:
    """The map of the highest criterion: no dictionary chooses."""
    return max(maps, key=lambda w: criterion(w, a, b))


def _start(dim: int, seed: int, restart: int) -> Tensor:
    with torch.random.fork_rng():
        torch.manual_seed(1000 * seed + restart)
        return WordMap(dim, start="random").weight.detach()


def _turned(dim: int, generator: torch.Generator) -> Tensor:
    skew = torch.randn(dim, dim, generator=generator, dtype=torch.float64)
    skew = skew - skew.T
    return torch.matrix_exp(ANGLE * skew / torch.linalg.matrix_norm(skew, 2)).float()
