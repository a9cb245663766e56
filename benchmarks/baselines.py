"""All variants in one table: the same images, the same budget, several seeds each.

``python -m benchmarks.baselines --data mnist5k openmoji --seeds 3 --images 24000`` trains each
variant's own YAML for the same number of real images (a finished run is not trained again, so that
a stopped table goes on), scores the last checkpoint, and prints Markdown and one JSON object.
Networks are those of the YAML with the channels of the data; where it draws points, perceptrons.
Networks that grow do so in shares of the budget. Runs share the machine, two at a time,
one thread each: times are CPU times, those of the whole command with its start.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml

import gan_modules
from benchmarks.learning import by_stem, score
from callbacks.run_folder import RunFolder

ROOT = Path(__file__).parents[1]
SCORES = ("fd", "coverage", "recall")
#: Data module, channels, and real images of the training part; an epoch shows each once, but for
#: a last ragged batch.
_IMAGES: dict[str, tuple[str, int, int]] = {
    "mnist5k": ("MNIST5k", 1, 4500),
    "openmoji": ("OpenMoji", 3, 1723),
}


def _perceptron(kind: str, **settings: Any) -> dict[str, Any]:
    return {
        "class_path": f"gan_modules.networks.{kind}",
        "init_args": {"hidden": 256, "layers": 3, **settings},
    }


_SHAPE = [1, 32, 32]
_GENERATOR = _perceptron("mlp.MLPGenerator", latent_dim=64, out_shape=_SHAPE)
#: Networks and rates for images where the YAML draws points: the perceptrons of ``gan.yaml``.
_FOR_IMAGES: dict[str, dict[str, Any]] = {
    "UnrolledGAN": {
        "generator": _GENERATOR,
        "discriminator": _perceptron(
            "mlp.MLPDiscriminator", in_shape=_SHAPE, activation="leaky_relu"
        ),
        "unrolling_steps": 5,
        "unrolling_lr": 0.01,
        "generator_lr": 2e-4,
        "discriminator_lr": 2e-4,
    },
    "VEEGAN": {
        "generator": _GENERATOR,
        "reconstructor": _perceptron("autoencoders.MLPEncoder", in_shape=_SHAPE, outputs=64),
        "discriminator": _perceptron(
            "autoencoders.MLPPairDiscriminator", latent_dim=64, in_shape=_SHAPE
        ),
        "generator_lr": 2e-4,
        "discriminator_lr": 2e-4,
        "ema_half_life_images": 10_000,
    },
}
#: Networks that grow in steps of so many images: the whole size for the last third of any budget.
_GROWTH = {"ProgressiveGAN": 9, "StyleGAN": 6}


def recoloured(part: Any, channels: int) -> Any:
    """A part of a YAML made for grey images, for images of ``channels`` channels."""
    if isinstance(part, list):
        if part == [1, 32, 32]:
            return [channels, 32, 32]
        return [recoloured(item, channels) for item in part]
    if not isinstance(part, dict):
        return part
    return {
        key: value * channels if key == "channels" else recoloured(value, channels)
        for key, value in part.items()
    }


def settings(row: gan_modules.Variant, data: str, images: int, batch: int) -> dict[str, Any]:
    """The variant's YAML with other data and another budget."""
    text = (ROOT / "experiments" / "configs" / row.config).read_text()
    found: dict[str, Any] = yaml.safe_load(text)
    name, channels, epoch = _IMAGES[data]
    if row.name in _FOR_IMAGES:
        found["model"]["init_args"] = _FOR_IMAGES[row.name]
    if row.name in _GROWTH:
        each = images // _GROWTH[row.name]
        found["model"]["init_args"] |= {"stable_images": each, "fade_images": each}
    if "codes" in found["model"]["init_args"]:
        found["model"]["init_args"]["codes"] = epoch
    found["model"] = recoloured(found["model"], channels)
    found["data"] = {"class_path": name, "init_args": {"size": 32, "batch_size": batch}}
    classes = found["model"]["init_args"]["generator"].get("init_args", {}).get("num_classes", 0)
    if data == "openmoji" and classes:
        # Its categories take the place of the digits.
        found["data"]["init_args"]["labels"] = True
    found["trainer"] = {"max_steps": -1, "max_epochs": max(1, round(images / epoch))}
    found["trainer"] |= {"accelerator": "cpu", "enable_progress_bar": False}
    for callback in ("sample_grid", "evaluation", "collapse_monitor", "loggers"):
        found.pop(callback, None)
    found["evaluation"] = {"every_n_images": None}
    found["loggers"] = {"wandb": "disabled"}
    return found


def train(row: gan_modules.Variant, data: str, seed: int, options: Any) -> dict[str, Any]:
    """The scores of one run, trained unless it has been; a run that failed says so."""
    run = RunFolder(options.out / f"{row.name}-{data}-seed{seed}")
    kept = options.out / f"{run.path.name}.json"
    if kept.exists():
        found: dict[str, Any] = json.loads(kept.read_text())
        return found
    config = options.out / f"{row.name}-{data}.yaml"
    config.write_text(yaml.safe_dump(settings(row, data, options.images, options.batch)))
    words = ["fit", f"--config={config}", f"--seed_everything={seed}", f"--run_dir={run.path}"]
    log = options.out / f"{run.path.name}.log"
    code, seconds, peak = measured(words, log)
    if code:
        return {"failure": log.read_text().strip().splitlines()[-1:] or [f"exit code {code}"]}
    found = score(run, options.samples, 1)
    found |= {"cpu_seconds": seconds, "peak_mib": peak, "state": state_of(run)}
    kept.write_text(json.dumps(found))
    return found


def measured(words: Sequence[str], log: Path) -> tuple[int, float, float]:
    """Run a command of the library with one thread: exit code, CPU seconds, peak memory in MiB."""
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    with open(log, "w") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "experiments", *words],
            cwd=ROOT,
            env=env,
            stdout=file,
            stderr=file,
        )
        _, status, usage = os.wait4(process.pid, 0)
    code = os.waitstatus_to_exitcode(status)
    return code, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def state_of(run: RunFolder) -> str:
    """What the collapse monitor said of the last probe."""
    probes = run.read_probes()
    return str(probes[-1]["verdict"]["state"]) if probes else "not watched"


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Mean and standard deviation over seeds; failures are counted and not averaged over."""
    good = [row for row in rows if "failure" not in row]
    result: dict[str, Any] = {"runs": len(rows), "failed": len(rows) - len(good)}
    columns = [by_stem(row["scores"]) for row in good]
    for stem in SCORES:
        values = [column[stem] for column in columns if stem in column]
        if values:
            spread = statistics.stdev(values) if len(values) > 1 else 0.0
            result[stem] = [statistics.mean(values), spread]
    if good:
        result["ms_per_image"] = statistics.mean(
            1e3 * row["cpu_seconds"] / row["images_seen"] for row in good
        )
        result["peak_mib"] = max(row["peak_mib"] for row in good)
        result["images_seen"] = good[0]["images_seen"]
        states = [row["state"] for row in good]
        result["states"] = {state: states.count(state) for state in sorted(set(states))}
    return result


def table(results: dict[str, dict[str, Any]]) -> str:
    """Markdown, one row a variant."""
    lines = [f"| variant | {' | '.join(SCORES)} | ms / image | peak MiB | state |"]
    lines.append("|" + "---|" * (len(SCORES) + 4))
    for name, row in results.items():
        if "images_seen" not in row:
            lines.append(f"| {name} |{' |' * (len(SCORES) + 2)} failed |")
            continue
        cells = [f"{row[s][0]:.3g} ± {row[s][1]:.2g}" if s in row else "" for s in SCORES]
        cells += [f"{row['ms_per_image']:.2f}", f"{row['peak_mib']:.0f}"]
        states = ", ".join(f"{state} {count}" for state, count in row["states"].items())
        cells.append(f"{states}{', failed ' + str(row['failed']) if row['failed'] else ''}")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    names = [row.name for row in gan_modules.CATALOGUE if row.batch == "Images"]
    parser.add_argument("--variants", nargs="+", choices=names, default=names)
    parser.add_argument("--data", nargs="+", choices=tuple(_IMAGES), default=["mnist5k"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--images", type=int, default=24_000, help="real images a run (24000)")
    parser.add_argument(
        "--batch", type=int, default=16, help="images of a step: few, for many steps (16)"
    )
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("runs/baselines"))
    options = parser.parse_args()
    options.out = options.out.absolute()
    options.out.mkdir(parents=True, exist_ok=True)
    rows = {row.name: row for row in gan_modules.CATALOGUE}
    results: dict[str, dict[str, Any]] = {}
    with ThreadPoolExecutor(options.workers) as pool:
        for data in options.data:
            jobs = {
                name: [
                    pool.submit(train, rows[name], data, s, options) for s in range(options.seeds)
                ]
                for name in options.variants
            }
            results[data] = {}
            for name, of_seeds in jobs.items():
                results[data][name] = summary([job.result() for job in of_seeds])
                print(f"{data} {name}: {results[data][name]}", file=sys.stderr)
            print(f"\n{data}\n\n{table(results[data])}\n")
    print(json.dumps({"benchmark": "baselines", "images": options.images, "results": results}))


if __name__ == "__main__":
    main()
