"""A run on many GPUs, from what its game asks for and what the machines give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.scaling.closed_forms import (
    Link,
    broadcast_seconds,
    expected_slowest,
    exposed_seconds,
    gather_seconds,
    hierarchical_seconds,
    ring_seconds,
)
from benchmarks.scaling.variants import Variant

#: A loss beside the computing that breaks a run before a batch does that is too large.
GREAT = 0.2


@dataclass(frozen=True)
class Machine:
    """What is assumed of the machines; all of it are options of the command.

    Attributes:
        a_node: GPUs of a node.
        inside: link between GPUs of a node.
        outside: link of each GPU to other nodes.
        spread: of the logarithm of a turn's time, over ranks and rounds.
        disk: bytes per second that a checkpoint is written with.
        hashing: bytes per second of its checksum.
        cores: for the loading workers of one GPU.
        gpu_bytes: memory of a GPU.
    """

    a_node: int
    inside: Link
    outside: Link
    spread: float
    disk: float
    hashing: float
    cores: float
    gpu_bytes: float


@dataclass(frozen=True)
class Measured:
    """What this machine was measured to do.

    Attributes:
        scoring: seconds that rank 0 needs to score the samples of an evaluation.
        random_state_bytes: that each rank adds to a checkpoint.
        loading: bytes of images per second that one core loads.
    """

    scoring: float
    random_state_bytes: float
    loading: float


@dataclass(frozen=True)
class Habits:
    """How often a run looks at itself, as `fit` does by default, and on how much.

    Attributes:
        evaluate_every: images between evaluations.
        samples: of an evaluation.
        features: of each.
        feature_operations: of the feature network, an image.
        evaluation_share: of the training time, at most.
        save_every: images between checkpoints.
        images: of the training data.
        largest_batch: beyond which nobody has shown that a larger one helps.
    """

    evaluate_every: int = 50_000
    samples: int = 2000
    features: int = 2048
    feature_operations: float = 11.4e9
    evaluation_share: float = 0.03
    save_every: int = 100_000
    images: int = 1_281_167
    largest_batch: int = 2048


@dataclass(frozen=True)
class Turns:
    """What a round is made of: seconds of each turn on its own, and what its reduction adds."""

    seconds: tuple[float, ...]
    exposed: tuple[float, ...]


class Plan:
    """One game on a number of ranks, each with the batch that it has alone.

    Args:
        variant: the game.
        ranks: GPUs.
        machine: see :class:`Machine`.
        measured: see :class:`Measured`.
        habits: see :class:`Habits`.
    """

    def __init__(
        self,
        variant: Variant,
        ranks: int,
        machine: Machine,
        measured: Measured,
        habits: Habits | None = None,
    ) -> None:
        self.variant, self.ranks = variant, ranks
        self.machine, self.measured, self.habits = machine, measured, habits or Habits()
        self.nodes = -(-ranks // machine.a_node)
        #: Of the ring that all ranks make: its slowest part.
        self.link = machine.inside if self.nodes == 1 else machine.outside

    @property
    def global_batch(self) -> int:
        """Images of a round."""
        return self.variant.batch * self.ranks

    def reduce_seconds(self, size: float) -> float:
        """All-reduce of a bucket, the better of two ways."""
        ring = ring_seconds(size, self.ranks, self.link)
        if self.nodes == 1:
            return ring
        machine = self.machine
        by_node = (self.nodes, machine.a_node, machine.inside, machine.outside)
        return min(ring, hierarchical_seconds(size, *by_node))

    def turns(self) -> Turns:
        """The turns of a round."""
        rate = self.variant.operations / self.variant.seconds
        seconds, exposed = [], []
        for turn in self.variant.turns:
            seconds.append(turn.operations / rate)
            late = exposed_seconds(turn.buckets, turn.backward / rate, self.reduce_seconds)
            exposed.append(late if self.ranks > 1 else 0.0)
        return Turns(tuple(seconds), tuple(exposed))

    def round_seconds(self) -> float:
        """Mean, with the slowest rank of each turn waited for."""
        turns = self.turns()
        waiting = expected_slowest(self.ranks, self.machine.spread)
        return sum(turns.seconds) * waiting + sum(turns.exposed)

    def evaluation_seconds(self) -> float:
        """Samples are drawn and seen by all ranks, gathered, and scored by rank 0 alone."""
        habits, variant = self.habits, self.variant
        rate = variant.operations * variant.batch / variant.seconds
        own = -(-habits.samples // self.ranks)
        drawn = own * (variant.drawing + habits.feature_operations) / rate
        size = 4.0 * habits.samples * habits.features
        return drawn + gather_seconds(size, self.ranks, self.link) + self.measured.scoring

    def checkpoint_bytes(self) -> float:
        """Tensors of the game, and what each rank adds."""
        return self.variant.state_bytes + self.ranks * self._of_a_rank()

    def checkpoint_seconds(self) -> float:
        """Buffers go out, states come in, rank 0 writes and reads again; all wait."""
        buffers = broadcast_seconds(1e6, self.ranks, self.link)
        states = gather_seconds(self.ranks * self._of_a_rank(), self.ranks, self.link)
        size = self.checkpoint_bytes()
        return buffers + states + size / self.machine.disk + size / self.machine.hashing

    def _of_a_rank(self) -> float:
        return self.measured.random_state_bytes + self.variant.rank_bytes

    def impossible(self) -> list[str]:
        """What cannot be done on so many ranks, whatever the time; the hardest first."""
        found = []
        gathered = self.ranks * self._of_a_rank()
        if self.ranks > 1 and gathered > self.machine.gpu_bytes / 2:
            found.append(
                f"image pools of all ranks, {gathered / 1e9:.0f} GB, pass through every GPU at a "
                "checkpoint"
            )
        if self.global_batch > self.habits.images:
            found.append(f"{self.habits.images} images make no batch of {self.global_batch}")
        needed = self.variant.batch * 3 * self.variant.size**2 / self.variant.seconds
        given = self.measured.loading * self.machine.cores
        if needed > given:
            found.append(f"loading: {needed / 1e6:.0f} MB/s a GPU needed, {given / 1e6:.0f} given")
        return found


def costs_by_cause(plan: Plan) -> dict[str, float]:
    """Time beside the computing of a round alone, as shares of that, in the closed form."""
    turns, habits = plan.turns(), plan.habits
    alone = sum(turns.seconds)
    slowest = expected_slowest(plan.ranks, plan.machine.spread)
    played = alone * slowest + sum(turns.exposed)
    evaluation = plan.evaluation_seconds() * plan.global_batch / habits.evaluate_every
    # Beyond its share an evaluation is put off; the share is of the time played since the last.
    return {
        "reduction": sum(turns.exposed) / alone,
        "stragglers": slowest - 1.0,
        "evaluation": min(evaluation, habits.evaluation_share * played) / alone,
        "checkpoint": plan.checkpoint_seconds() * plan.global_batch / habits.save_every / alone,
    }


def first_to_break(plan: Plan, shares: Mapping[str, float]) -> str:
    """What is impossible; else a great loss; else a batch beyond the known; else any loss."""
    impossible = plan.impossible()
    if impossible:
        return impossible[0]
    cause = max(shares, key=lambda name: shares[name])
    times = plan.global_batch / plan.habits.largest_batch
    if shares[cause] < GREAT and times > 1:
        return f"a batch of {plan.global_batch:,}, {times:.3g} times the largest known to help"
    return f"{cause}, {100 * shares[cause]:.3g} % of the computing"
