"""Rows of an index under a collapse monitor, and a callback that stands in for one."""

from collections.abc import Mapping, Sequence
from typing import Any

from pytorch_lightning.callbacks import Callback

from callbacks.checkpointing import Checkpointing
from callbacks.collapse.health import CheckpointState, Health, window_of
from callbacks.collapse.records import LOST, State, Verdict
from callbacks.run_folder import RunFolder

FD = "fd_cls_mnist5k_32@2k"


def state(name: State, probe: int = 0, score: float | None = 0.9) -> CheckpointState:
    return {"state": name, "probe": probe, "score": score, "armed": name != "warmup"}


def row(
    images_seen: int,
    fd: float | None = None,
    name: State | None = "healthy",
    protocol: Any = "p",
    **scores: float | None,
) -> dict[str, Any]:
    """An index row; its path is its moment."""
    found = {} if fd is None else {"kd_x@2k": -fd, FD: fd, **scores}
    return {
        "path": str(images_seen),
        "images_seen": images_seen,
        "scores": found or None,
        "protocol": protocol if found else None,
        "state": None if name is None else state(name),
    }


def paths(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return [one["path"] for one in rows]


class StandIn(Callback):
    """Says what it is told to say, as a collapse monitor would, and saves at each probe.

    Args:
        every: images between two probes.
        turns: state from a moment on, by images_seen as text; healthy before the first.
        onset: of every fall; None takes the first probe of the fall.
        back: probes in the window.
    """

    def __init__(
        self,
        every: int,
        turns: dict[str, str] | None = None,
        onset: int | None = None,
        back: int = 12,
    ) -> None:
        self.every, self.back, self.onset = every, back, onset
        self.turns = {int(moment): name for moment, name in (turns or {}).items()}
        self.probes: list[int] = []
        self.health = Health("warmup")
        self.given: list[Health] = []

    def state_at(self, images_seen: int) -> Any:
        passed = [moment for moment in sorted(self.turns) if moment <= images_seen]
        return self.turns[passed[-1]] if passed else "healthy"

    def verdict(self, images_seen: int) -> Verdict:
        found = self.state_at(images_seen)
        alarm = found in LOST and self.health.state not in LOST
        fallen = found in (*LOST, "suspect")
        onset = self.onset if self.onset is not None else images_seen
        if fallen and not alarm and self.health.onset is not None:
            onset = self.health.onset
        return Verdict(found, score=0.5, onset=onset if fallen else None, alarm=alarm)

    def on_train_batch_end(self, trainer: Any, module: Any, *args: Any) -> None:
        if module.images_seen % self.every:
            return
        (saver,) = [c for c in trainer.callbacks if isinstance(c, Checkpointing)]
        self.probes.append(module.images_seen)
        verdict = self.verdict(module.images_seen)
        window = window_of(self.probes, self.back)
        self.health = self.health.seen(verdict, module.images_seen, window)
        if trainer.is_global_zero:
            row = probe_row(len(self.probes) - 1, verdict, module)
            RunFolder.of(trainer).append_probe(row)
        self.given.append(saver.set_health(trainer, self.health))
        saver.save(trainer, reasons=["probe"])

    def checkpoint_state(self) -> CheckpointState | None:
        if not self.probes:
            return None
        return state(self.health.state, len(self.probes) - 1, 0.5)

    def state_dict(self) -> dict[str, Any]:
        return {"probes": list(self.probes), "health": self.health.to_dict()}

    def load_state_dict(self, stored: dict[str, Any]) -> None:
        self.probes = list(stored["probes"])
        self.health = Health.from_dict(stored["health"])


def probe_row(number: int, verdict: Verdict, module: Any) -> Any:
    """A line of evaluations.jsonl."""
    return {
        "kind": "probe",
        "probe": number,
        "images_seen": module.images_seen,
        "generator_steps": module.steps["generator"],
        "discriminator_steps": module.steps["discriminator"],
        "round": module.rounds,
        "seconds": 0.0,
        "signals": {"all": {"coverage": 0.9}},
        "second": None,
        "finite": True,
        "warnings": [],
        "space": "identity",
        "samples": 64,
        "seed": 0,
        "verdict": verdict.to_dict(),
    }
