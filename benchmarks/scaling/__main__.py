"""How one run scales to 8, 64 and 512 GPUs, and what breaks first.

``python -m benchmarks.scaling``: from bytes and operations of our own networks, rounds measured on
one H100 (``docs/results.md``), what this machine measures now (checkpoints, scoring, loading), and
stated assumptions about links and disks, the time of a round is derived and a run is simulated, in
which every turn waits for its slowest rank. Tables go to stdout, a JSON object is the last line.

The batch of a rank stays what it is alone, so more ranks make larger batches. Defaults of the
options: NVLink of an H100 SXM, 900 GB/s in both directions together (NVIDIA H100 data sheet), of
which 80 % in one direction are reached; InfiniBand NDR, 400 Gb/s for each GPU (NVIDIA ConnectX-7
data sheet), 90 % of it reached; two and five microseconds a message; a shared file system that
takes 2 GB/s from one writer.
"""

from __future__ import annotations

import argparse
import json

import torch

from benchmarks.scaling.closed_forms import Link
from benchmarks.scaling.measuring import disk_rates, loopback, measured
from benchmarks.scaling.plan import Habits, Machine, Plan, first_to_break
from benchmarks.scaling.simulation import simulate
from benchmarks.scaling.variants import VARIANTS

#: At least so many images are played, in so many rounds at least and at most.
_IMAGES, _ROUNDS = 2_000_000, (3000, 40_000)


def parse() -> argparse.Namespace:
    """The assumptions."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--ranks", type=int, nargs="+", default=[1, 8, 64, 512])
    add("--a-node", type=int, default=8, help="GPUs of a node")
    add("--inside-gb", type=float, default=360.0, help="GB/s between GPUs of a node, one way")
    add("--outside-gb", type=float, default=45.0, help="GB/s of each GPU to other nodes")
    add("--inside-us", type=float, default=2.0, help="microseconds of a message in a node")
    add("--outside-us", type=float, default=5.0, help="microseconds of a message between nodes")
    add("--spread", type=float, default=0.05, help="of the logarithm of a turn's time")
    add("--disk-gb", type=float, default=2.0, help="GB/s of one writer")
    add("--cores", type=float, default=2.0, help="for the loading workers of one GPU")
    add("--gpu-gb", type=float, default=80.0, help="memory of a GPU")
    add("--images", type=int, default=1_281_167, help="training images, ImageNet's by default")
    add("--largest-batch", type=int, default=2048, help="known to help, BigGAN's by default")
    return parser.parse_args()


def main() -> None:
    """Measure, derive, simulate, print."""
    options = parse()
    torch.set_num_threads(1)
    habits = Habits(images=options.images, largest_batch=options.largest_batch)
    here = measured(habits.samples, habits.features)
    disk, link = disk_rates(2**28), loopback()
    machine = Machine(
        a_node=options.a_node,
        inside=Link(options.inside_gb * 1e9, options.inside_us * 1e-6),
        outside=Link(options.outside_gb * 1e9, options.outside_us * 1e-6),
        spread=options.spread,
        disk=options.disk_gb * 1e9,
        hashing=disk["hashing"],
        cores=options.cores,
        gpu_bytes=options.gpu_gb * 1e9,
    )
    print("Measured here, one thread, CPU time but for writing and gloo:", flush=True)
    print(f"  Frechet distance, {habits.samples} x {habits.features}: {here.scoring:.2f} s")
    print(f"  random states of a rank: {here.random_state_bytes / 1e3:.1f} kB")
    print(f"  loading: {here.loading / 1e6:.0f} MB/s of pictures a core")
    print(f"  checkpoint: written at {disk['disk'] / 1e9:.2f} GB/s, ", end="")
    print(f"hashed at {disk['hashing'] / 1e9:.2f} GB/s")
    print(
        f"  gloo, two processes: {link['latency'] * 1e6:.0f} us and {link['bandwidth'] / 1e9:.2f} "
        f"GB/s; 4 MiB took {link['seconds'] * 1e3:.2f} ms, the formula says "
        f"{link['foretold'] * 1e3:.2f} ms"
    )
    rows = []
    for build in VARIANTS:
        variant = build()
        sent = [sum(turn.buckets) / 1e6 for turn in variant.turns]
        print(
            f"\n{variant.name}, {variant.batch} images a rank: {1e3 * variant.seconds:.1f} ms a "
            f"round alone, gradients {' + '.join(f'{part:.1f}' for part in sent)} MB"
        )
        print("| GPUs | round, ms | reduction | stragglers | evaluation | checkpoint | ", end="")
        print("images between evaluations | efficiency | what breaks first |")
        print("|---|---|---|---|---|---|---|---|---|")
        for ranks in options.ranks:
            plan = Plan(variant, ranks, machine, here, habits)
            rounds = min(max(_IMAGES // plan.global_batch, _ROUNDS[0]), _ROUNDS[1])
            played = simulate(plan, rounds)
            shares = played.shares()
            first = first_to_break(plan, shares)
            spacing = played.images // played.evaluations if played.evaluations else None
            told = "none" if spacing is None else f"{spacing:,}"
            losses = " | ".join(f"{100 * share:.2f} %" for share in shares.values())
            print(
                f"| {ranks} | {1e3 * plan.round_seconds():.2f} | {losses} | {told} | "
                f"{played.efficiency:.3f} | {first} |"
            )
            rows.append(
                {
                    "variant": variant.name,
                    "ranks": ranks,
                    "round_ms": 1e3 * plan.round_seconds(),
                    "shares": shares,
                    "checkpoint_gb": plan.checkpoint_bytes() / 1e9,
                    "checkpoint_s": plan.checkpoint_seconds(),
                    "evaluation_s": plan.evaluation_seconds(),
                    "images_between_evaluations": spacing,
                    "efficiency": played.efficiency,
                    "first": first,
                    "impossible": plan.impossible(),
                }
            )
    print(json.dumps({"benchmark": "scaling", "loopback": link, "disk": disk, "rows": rows}))


if __name__ == "__main__":
    main()
