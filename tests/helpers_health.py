"""Runs that a collapse monitor watched, made by hand through the run folder, without training."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from callbacks.collapse.records import Band, MonitorRow, ProbeRow, State, Verdict
from callbacks.collapse.settings import DetectorSettings
from callbacks.run_folder import RunFolder
from tests.helpers_report import FD, PROTOCOL, png

EVERY = 3200
CONFIG = """\
model:
  class_path: gan_modules.unconditional.dcgan.DCGAN
  init_args: {generator_lr: 0.0002, discriminator_lr: 0.0002}
checkpointing: {every_n_images: 3200, keep_last: 2, keep_best: 3, monitor: null, mode: null}
"""


def band(groups: Sequence[str] = ("all",)) -> dict[str, dict[str, dict[str, float]]]:
    """What real samples are like; their score is 0.98, and 0.96 at the least."""
    medians = {"coverage": 0.98, "recall": 0.96, "precision": 0.9, "vendi": 8.0, "score": 0.98}
    spread = {
        name: {"median": value, "low": value - 0.02, "sd": 0.01} for name, value in medians.items()
    }
    spread["vendi"] = {"median": 8.0, "low": 7.6, "sd": 0.1}
    return {group: spread for group in groups}


def signals(level: float, precision: float = 0.8) -> dict[str, float | None]:
    """Signals whose score is ``level``, in (0, 1], under :func:`band`."""
    return {
        "coverage": 0.98 * level,
        "recall": 0.96 * level,
        "precision": 0.9 * precision,
        "vendi": 8.0 * level,
        "duplicates": 0.0,
        "mean_distance": 1.0,
        "effective_rank": 4.0,
    }


@dataclass(frozen=True)
class Told:
    """One probe to be written; ``level`` None is one that was not finite."""

    level: float | None
    state: State = "healthy"
    verdict: Mapping[str, Any] | None = None
    groups: Mapping[str, float] | None = None
    warnings: Sequence[str] = ()


class Watched:
    """Writes the rows of a monitor, probe by probe.

    Args:
        path: a new folder.
        groups: of the band, beside the whole.
        settings: that differ from the defaults.
    """

    def __init__(
        self, path: Path, groups: Sequence[str] = (), name: str = "ring-run", **settings: Any
    ) -> None:
        self.run = RunFolder.create(
            path,
            name=name,
            variant="gan_modules.unconditional.dcgan.DCGAN",
            data="datamodules.mnist.MNIST5k",
            data_name="mnist5k-32",
            config=CONFIG,
        )
        self.band: Band = band(["all", *groups])
        self.settings = DetectorSettings(**settings).to_dict()
        self.images, self.probe, self.peak = 0, -1, 0.0
        self.event("begin", note="training begins")

    def event(
        self,
        event: str,
        *,
        at: int | None = None,
        left: int | None = None,
        note: str = "",
        changes: Mapping[str, Any] | None = None,
    ) -> None:
        """Write an event; a rollback takes the run back."""
        images = self.images if at is None else at
        row: MonitorRow = {
            "kind": "monitor",
            "event": event,
            "images_seen": images,
            "note": note,
            "settings": self.settings,
            "band": self.band,  # type: ignore[typeddict-item]
            "detector": None,
            "left": left,
            "changes": dict(changes or {}),
        }
        self.run.append_monitor(row)
        self.images = images

    def tell(self, *probes: Told) -> Watched:
        """Write probes, one each 3,200 images."""
        for told in probes:
            self.images += EVERY
            self.probe += 1
            values = {} if told.level is None else {"all": signals(told.level)}
            for group, level in (told.groups or {}).items():
                values[group] = signals(level)
            if told.state == "healthy":
                self.peak = max(self.peak, told.level or 0.0)
            peak = self.peak or None
            drop = None if told.level is None or peak is None else 1 - told.level / peak
            verdict = Verdict(told.state, score=told.level, peak=peak, drop=drop).to_dict()
            row: ProbeRow = {
                "kind": "probe",
                "probe": self.probe,
                "images_seen": self.images,
                "generator_steps": self.images // 64,
                "discriminator_steps": self.images // 64,
                "round": self.images // 64,
                "seconds": 0.05,
                "signals": values,
                "second": None,
                "finite": told.level is not None,
                "warnings": list(told.warnings),
                "space": "rand_vgg",
                "samples": 256,
                "seed": 1,
                "verdict": {**verdict, **(told.verdict or {})},
            }
            self.run.append_probe(row)
        return self

    def checkpoint(self, at: int, score: float | None, state: State) -> str:
        """Write a checkpoint of some moment and enter it in the index; returns its path."""
        file = self.run.checkpoint_path(at, at // 64)
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(f"weights of {at}".encode())
        path = file.relative_to(self.run.path).as_posix()
        index = self.run.read_index()
        index["checkpoints"].append(
            {
                "path": path,
                "images_seen": at,
                "generator_step": at // 64,
                "round": at // 64,
                "epoch": 0,
                "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
                "bytes": file.stat().st_size,
                "reasons": ["probe" if score is None else "evaluation"],
                "scores": None if score is None else {FD: score},
                "protocol": None if score is None else PROTOCOL,
                "state": {"state": state, "probe": at // EVERY - 1, "score": 0.5, "armed": True},
                "time": "2026-11-22T02:10:05Z",
            }
        )
        index["last"] = path
        self.run.write_index(index)
        return path

    def health(self, state: State, **values: Any) -> None:
        """Write the index's word on the health."""
        index: Any = self.run.read_index()
        index["health"] = {
            "state": state,
            "severity": None,
            "onset": None,
            "alarm": None,
            "window": 0,
            "frozen": False,
            "segment": 0,
            "pre_collapse": None,
            **values,
        }
        self.run.write_index(index)

    def picture(self, key: str, *moments: int) -> None:
        """Write grey squares, each of its own shade."""
        for at in moments:
            file = self.run.media_file(key, at)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(png(shade=at // 800 % 256))


def climb(*levels: float) -> list[Told]:
    """Probes before arming, then healthy ones from a score of 0.2 on."""
    return [Told(level, "warmup" if level < 0.2 else "healthy") for level in levels]


def fallen(
    onset_probe: int,
    *levels: float,
    severity: str | None = "full",
    state: State = "collapsed",
    alarmed: bool = True,
    **verdict: Any,
) -> list[Told]:
    """Probes of a collapse; the first one is the alarm."""
    shared = {
        "severity": severity,
        "onset": (onset_probe + 1) * EVERY,
        "onset_probe": onset_probe,
        "reason": "the score fell by 86% at once",
        "evidence": ["coverage 0.80 -> 0.11 of real data", "diversity 0.84 -> 0.15 of real data"],
        **verdict,
    }
    return [
        Told(level, state, {**shared, "alarm": alarmed and k == 0})
        for k, level in enumerate(levels)
    ]


def collapsed_run(path: Path, name: str = "ring-run") -> Watched:
    """Rises in 10 probes, holds for 15, is suspect at probe 25, collapsed from probe 26 on.

    Probe k is at 3,200 (k + 1) images. Of the checkpoints, that of 64,000 images is the best one.
    """
    watched = Watched(path, name=name)
    watched.tell(*climb(0.03, 0.08, 0.15, 0.22, 0.31, 0.42, 0.55, 0.66, 0.74, 0.8))
    watched.tell(*(Told(level) for level in [0.8, 0.82, 0.84, 0.83, 0.86] * 3))
    onset = {"onset": 26 * EVERY, "onset_probe": 25, "reason": "the score is down by 38%"}
    watched.tell(Told(0.53, "suspect", onset))
    watched.tell(*fallen(25, 0.12, 0.09, 0.11, 0.1, 0.1, 0.13))
    for at, score, state in (
        (16_000, 61.5, "healthy"),
        (32_000, 43.25, "healthy"),
        (48_000, 31.0, "healthy"),
        (64_000, 24.5, "healthy"),
        (80_000, 26.75, "healthy"),
        (96_000, 140.5, "collapsed"),
        (102_400, None, "collapsed"),
    ):
        path_of = watched.checkpoint(at, score, state)
        if at == 64_000:
            best = path_of
    watched.health(
        "collapsed",
        severity="full",
        onset=26 * EVERY,
        alarm=27 * EVERY,
        window=64_000,
        first_onset=26 * EVERY,
        pre_collapse=best,
    )
    watched.picture("samples", 0, 32_000, 64_000, 80_000, 96_000, 102_400)
    return watched
