"""From a recorded stream to its track: probes, evaluations and the truth, spoilt or not."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor

from benchmarks.collapse.games import build, data_of
from benchmarks.collapse.injections import Injection, View
from benchmarks.collapse.labels import level
from benchmarks.collapse.oracle import Oracle, negative_oracle, oracle_of
from benchmarks.collapse.plan import Run
from benchmarks.collapse.recording import recording_key
from benchmarks.collapse.shown import Shown
from benchmarks.collapse.streams import Stream, quantised, real_samples
from benchmarks.collapse.tracks import (
    Signals,
    Track,
    code_digest,
    read_track,
    track_path,
    write_track,
)
from benchmarks.collapse.translation import DOMAINS
from callbacks.collapse.prober_choice import prober_for
from callbacks.collapse.probes import Prober, TranslationProber, to_network
from callbacks.collapse.score import parts_of
from callbacks.metrics.bank import BankBuilder
from callbacks.metrics.features import FeatureSpace
from callbacks.metrics.frechet import Moments, frechet_distance
from callbacks.metrics.manifold import manifold_scores
from callbacks.metrics.names import score_name
from callbacks.metrics.reference import RealStatistics
from callbacks.metrics.scoring import frechet_scores
from callbacks.metrics.spaces import choose_space

_TRUTH = {"ring": 4096, "grid": 4096}
_LIGHT, _INDEPENDENT = 256, 10_000
#: Samples of an evaluation: points as many as users draw by default, images as there are real ones;
#: and how many of them have their neighbours looked at, at most.
_HEAVY = {"ring": 10_000, "grid": 10_000}
_HEAVY_IMAGES, _MANIFOLD = 1000, 2000
_SECOND_SEED = 500_000
_TRUTH_SEED, _HEAVY_SEED, _INDEPENDENT_SEED = 900_000, 910_000, 920_000
#: A second draw is kept for a score this far below the best so far, or with so many copies,
_ASK_BELOW, _ASK_COPIES = 0.85, 0.3
#: and for the first probes of an injection, of whose healthy time nothing is known there.
_ASK_FIRST = 6


@dataclass
class Bench:
    """All that is needed to probe streams of one kind in one space.

    Attributes:
        kind: of data.
        space: its features.
        prober: of the product.
        oracle: the truth.
        real: statistics of real samples that evaluations compare with.
        real_independent: moments of real samples in the independent space.
        samples: N of a light probe.
        evaluations: whether streams are evaluated too.
    """

    kind: str
    space: FeatureSpace
    prober: Prober
    oracle: Oracle
    real: RealStatistics
    real_independent: Moments
    samples: int
    evaluations: bool = True

    @classmethod
    def of(cls, kind: str, space: str, folder: Path, samples: int = _LIGHT) -> Bench:
        """Build it; classifiers are trained where they are not in the cache.

        Args:
            kind: of data.
            space: name of a space, or auto.
            folder: of the cache.
            samples: N of a light probe.
        """
        module, pairs = build(Run(kind, "r1", "healthy", 0))
        data: Any = pairs if kind == "inverted" else data_of(kind)
        if kind == "inverted" and space == "auto":
            space = "rand_vgg"
        features = choose_space(data_of(kind), None, space, folder=folder)
        prober = prober_for(module, data, features, samples)
        oracle = negative_oracle(folder) if kind == "inverted" else oracle_of(kind, folder)
        samples_of, _ = real_samples(kind)
        if kind == "inverted":
            samples_of = 255 - samples_of
        builder = BankBuilder(features, len(chosen := samples_of[:: _stride(kind, samples_of)]))
        builder.add(chosen)
        return cls(
            kind,
            features,
            prober,
            oracle,
            RealStatistics.of(features, builder.finish()),
            Moments.of(independent_features(samples_of)),
            samples,
        )

    def signals(self, shown: Shown, probe: int, seed: int) -> Signals:
        """One light probe."""
        builders = self.prober.describe(shown, probe, seed)
        found = self.prober.signals({k: v.finish() for k, v in builders.items()}, seed)
        return {
            name: {k: v if v is not None and math.isfinite(v) else None for k, v in row.items()}
            for name, row in found.items()
        }


def _stride(kind: str, samples: Tensor) -> int:
    return max(1, len(samples) // (2 * _evaluated(kind)))


def _evaluated(kind: str) -> int:
    return _HEAVY.get(kind, _HEAVY_IMAGES)


def independent_features(samples: Tensor) -> Tensor:
    """Features that no detector uses: coarse pixels, or random waves over the plane.

    Args:
        samples: uint8 images or float points.

    Returns:
        float32 ``(N, 64)``.
    """
    if samples.dim() == 2:
        own = torch.Generator().manual_seed(64)
        waves = torch.randn(2, 64, generator=own) * 1.5
        phases = torch.rand(64, generator=own) * 2 * math.pi
        return torch.cos(samples @ waves + phases)
    pixels = samples.float() / 255.0
    return torch.nn.functional.adaptive_avg_pool2d(pixels, 8).flatten(1)


def track_of(
    bench: Bench,
    stream: Stream,
    folder: Path,
    injection: Injection | None = None,
    begins: int | None = None,
    probes: tuple[int, int] | None = None,
    average: bool = False,
) -> Track:
    """The track of a stream, from the cache or by probing it.

    Args:
        bench: of the stream's kind.
        stream: the run.
        folder: of the cache.
        injection: what is done to it.
        begins: first probe of the injection.
        probes: first probe that is looked at, and the one after the last; None takes all.
        average: look at the averaged generator in all of them.
    """
    key = {
        "run": stream.run.name,
        "injection": injection.name if injection else "",
        "begins": begins,
        "space": bench.space.id + bench.space.sha256[:8],
        "samples": bench.samples,
        "evaluations": bench.evaluations,
        "probes": probes,
        "average": average,
        "recording": recording_key(stream.run),
        "code": code_digest(),
    }
    path = track_path(folder, key)
    found = read_track(path)
    if found is None:
        found = _probe(bench, stream, injection, begins, probes or (0, len(stream)), average)
        write_track(path, found)
    return found


def _probe(
    bench: Bench,
    stream: Stream,
    injection: Injection | None,
    begins: int | None,
    probes: tuple[int, int],
    average: bool,
) -> Track:
    name = injection.name if injection else ""
    track = Track(stream.run.name, name, begins, bench.space.id, bench.prober.band)
    best: list[float] = []
    for probe in range(*probes):
        active = injection if begins is not None and probe >= begins else None
        since = probe - (begins or 0)
        shown = Shown(View(stream, probe, average, bench.oracle, begins or 0), active, since)
        signals = bench.signals(shown, probe, probe)
        parts = parts_of(signals, bench.prober.band)
        finite = parts is not None
        score = parts.score if parts else 0.0
        best.append(score)
        norm = max((median(best[max(0, i - 2) : i + 1]) for i in range(len(best))), default=0.0)
        first = active is not None and since < _ASK_FIRST
        ask = finite and (first or score < _ASK_BELOW * norm or _copies(signals) > _ASK_COPIES)
        track.images_seen.append(stream.images_seen[probe])
        track.signals.append(signals)
        track.second.append(bench.signals(shown, probe, probe + _SECOND_SEED) if ask else None)
        track.finite.append(finite)
        # A sudden injection is a collapse by construction.
        known = active is not None and not active.gradual
        reached, spread = (0.0, 0.0) if known else true_level(bench, shown, probe)
        track.levels.append(reached)
        track.spreads.append(spread)
        track.d_loss.append(stream.statistic("d_loss", probe))
        if bench.evaluations and probe in stream.heavy:
            smooth = Shown(View(stream, probe, True, bench.oracle, begins or 0), active, since)
            track.heavy[probe] = evaluation(bench, smooth, probe)
            if injection is None:
                track.independent[probe] = independent_distance(bench, smooth, probe)
    if stream.broken and probes[1] == len(stream):
        _end_broken(track)
    return track


def _copies(signals: Signals) -> float:
    return max((row.get("duplicates") or 0.0) for row in signals.values())


def _end_broken(track: Track) -> None:
    track.images_seen.append(track.images_seen[-1] + 1)
    track.signals.append({})
    track.second.append(None)
    track.finite.append(False)
    track.levels.append(0.0)
    track.spreads.append(0.0)
    track.d_loss.append(math.nan)


def true_level(bench: Bench, shown: Shown, probe: int) -> tuple[float, float]:
    """What the oracle says of a probe; see :func:`benchmarks.collapse.labels.level`."""
    samples, asked = samples_for(bench, shown, _TRUTH.get(bench.kind, 1024), _TRUTH_SEED + probe)
    return level(bench.oracle.classes(samples), bench.oracle.count, asked)


def samples_for(bench: Bench, shown: Shown, n: int, seed: int) -> tuple[Tensor, Tensor | None]:
    """Samples of any kind of generator, and the modes that were asked for."""
    if isinstance(bench.prober, TranslationProber):
        inputs, _ = real_samples(bench.kind)
        own = torch.Generator().manual_seed(seed)
        rows = torch.randint(len(inputs), (n,), generator=own)
        outputs = shown.translate(to_network(inputs[rows]), DOMAINS[0], DOMAINS[1])
        return quantised(outputs), None
    asked = torch.arange(n) % bench.oracle.count if shown.view.stream.conditional else None
    return shown.draw(n, seed, asked), asked


def evaluation(bench: Bench, shown: Shown, probe: int) -> dict[str, float | None]:
    """Frechet distance and coverage of a heavy evaluation, in the detector's space."""
    count, real = _evaluated(bench.kind), bench.real
    samples, _ = samples_for(bench, shown, count, _HEAVY_SEED + probe)
    near = min(count, _MANIFOLD)
    coverage = score_name("coverage", real.space, False, near)
    if not bool(torch.isfinite(samples.float()).all()):
        return {score_name("fd", real.frechet_space, False, count): None, coverage: None}
    features = real.standardise(bench.space(samples).features)
    reals = real.features[:near]
    return {
        **frechet_scores(real, real.features, features),
        coverage: manifold_scores(reals, features[: len(reals)]).coverage,
    }


def independent_distance(bench: Bench, shown: Shown, probe: int) -> float:
    """Frechet distance of fresh samples in a space that no detector uses."""
    samples, _ = samples_for(bench, shown, _INDEPENDENT, _INDEPENDENT_SEED + probe)
    fake = Moments.of(independent_features(samples))
    return frechet_distance(bench.real_independent, fake).value
