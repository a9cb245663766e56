"""What the shipped configs reach: several seeds each, scored under one protocol.

``python -m benchmarks.learning dcgan wgan_gp sngan --seeds 3 --out runs/learning`` trains
``experiments/configs/unconditional/<name>.yaml`` once a seed (a finished run is not trained again,
a stopped one goes on), scores the last checkpoint of each with 5,000 samples, and prints a Markdown
table of means and standard deviations over seeds, real data beside them, then one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from callbacks.run_folder import RunFolder

ROOT = Path(__file__).parents[1]
SCORES = ("fd", "kd", "precision", "recall", "density", "coverage", "cs")


def command(words: list[str], threads: int) -> str:
    """Run one command of the library, its progress on stderr; returns its stdout."""
    env = os.environ | {"OMP_NUM_THREADS": str(threads)}
    done = subprocess.run(
        [sys.executable, "-m", "experiments", *words],
        cwd=ROOT,
        env=env,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout


def train(name: str, seed: int, out: Path, threads: int) -> RunFolder:
    """The finished run of one config and seed."""
    run = RunFolder(out / f"{name}-seed{seed}")
    if run.record_path.exists():
        if run.read_run()["status"] != "finished":
            command(["resume", str(run.path)], threads)
        return run
    config = f"experiments/configs/unconditional/{name}.yaml"
    words = ["fit", "--config", config, "--seed_everything", str(seed), "--run_dir", str(run.path)]
    command([*words, "--trainer.accelerator", "cpu"], threads)
    return run


def score(run: RunFolder, samples: int, threads: int) -> dict[str, Any]:
    """Scores of the last checkpoint, and what the run cost."""
    words = ["evaluate", str(run.path), "--checkpoint", "last", "--samples", str(samples), "--json"]
    found: dict[str, Any] = json.loads(command(words, threads).splitlines()[-1])
    rows = run.read_metrics()
    found["minutes"] = rows[-1]["wall_s"] / 60
    found["images_seen"] = int(rows[-1]["images_seen"])
    return found


def by_stem(scores: dict[str, float | None]) -> dict[str, float]:
    """Scores by what they measure, without space and number."""
    found: dict[str, float] = {}
    for name, value in scores.items():
        stem = name.split("@")[0].split("_")[0]
        if stem in SCORES and value is not None:
            # The plain name comes first; variants such as kd_se follow.
            found.setdefault(stem, value)
    return found


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Means and standard deviations over the seeds of one config."""
    columns = [by_stem(row["scores"]) for row in rows]
    spread = statistics.stdev if len(rows) > 1 else lambda values: 0.0
    result: dict[str, Any] = {
        stem: [statistics.mean(c[stem] for c in columns), spread([c[stem] for c in columns])]
        for stem in columns[0]
    }
    result["minutes"] = statistics.mean(row["minutes"] for row in rows)
    result["images_seen"] = rows[0]["images_seen"]
    return result


def main() -> None:
    """Train, score, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("configs", nargs="+", help="names below experiments/configs/unconditional")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--samples", type=int, default=5000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("runs/learning"))
    options = parser.parse_args()
    results, floor, protocol = {}, {}, {}
    for name in options.configs:
        rows = []
        for seed in range(options.seeds):
            run = train(name, seed, options.out, options.threads)
            rows.append(score(run, options.samples, options.threads))
        results[name], floor = summary(rows), by_stem(rows[-1]["floor"])
        protocol = {**rows[-1]["protocol"], "floor": rows[-1]["floor_note"]}
    print(f"| config | images | minutes | {' | '.join(SCORES)} |")
    print("|" + "---|" * (len(SCORES) + 3))
    for name, row in results.items():
        cells = [f"{row[s][0]:.3g} ± {row[s][1]:.2g}" if s in row else "" for s in SCORES]
        print(f"| {name} | {row['images_seen']:,} | {row['minutes']:.1f} | {' | '.join(cells)} |")
    cells = [f"{floor[s]:.3g}" if s in floor else "" for s in SCORES]
    print(f"| real data | | | {' | '.join(cells)} |")
    print(json.dumps({"benchmark": "learning", "results": results, "protocol": protocol}))


if __name__ == "__main__":
    main()
