"""A run folder as ``fit`` leaves it, small and made in milliseconds; and its report as a tree."""

import csv
import hashlib
import io
import json
import math
import random
import re
from pathlib import Path
from typing import Any

from PIL import Image

from callbacks.metrics.names import Protocol
from callbacks.run_folder import EvaluationRow, RunFolder
from experiments.report import write_report
from tests.helpers_html import Node, parse

PROTOCOL = Protocol(
    space="efflite0",
    sha256="57934424",
    resize="bicubic-96",
    dim=1280,
    n_fake=2000,
    n_real=4500,
    split="train",
    data="mnist5k-32-1f0c",
    generator="ema",
    quantised=True,
    settings="kernel_subsets=100 kernel_subset_size=1000",
).to_dict()
BEST_AT = 5
FD = "fd_efflite0@2k"


def png(side: int = 34, shade: int = 128) -> bytes:
    """A grey square as PNG."""
    stream = io.BytesIO()
    Image.new("L", (side, side), shade).save(stream, "PNG")
    return stream.getvalue()


def make_run(
    path: Path,
    *,
    name: str = "dcgan-mnist",
    rows: int = 60,
    evaluations: int = 6,
    images: int = 60_000,
    protocol: dict[str, Any] | None = None,
    data_name: str = "mnist5k-32",
    shift: float = 0.0,
    seed: int = 0,
    status: str = "finished",
    config: str = "trainer:\n  max_steps: 900\nmodel:\n  generator_lr: 0.0002\n",
    attribution: str = "MNIST: Yann LeCun, Corinna Cortes, CJ Burges.",
) -> RunFolder:
    """Make a run folder.

    Args:
        path: a new folder.
        name: of the run.
        rows: of metrics.csv.
        evaluations: how many; each has a checkpoint and a sample grid. The sixth is the best.
        images: images seen at the end.
        protocol: of all evaluations.
        data_name: of the run.
        shift: added to every Frechet distance.
        seed: of the noise in metrics.csv.
        status: in run.json.
        config: text of config.yaml.
        attribution: in run.json.
    """
    run = RunFolder.create(
        path,
        name=name,
        variant="gan_modules.unconditional.dcgan.DCGAN",
        data="datamodules.mnist.MNIST5k",
        data_name=data_name,
        versions={"python": "3.11.7", "torch": "2.15.0"},
        attribution=attribution,
    )
    run.update_run(status=status)
    run.config_path.write_text(config)
    write_metrics(run, [metrics_row(k, rows, images, seed) for k in range(1, rows + 1)])
    for k in range(1, evaluations + 1):
        _evaluate(run, k, images * k // evaluations, shift, protocol or PROTOCOL)
    return run


def metrics_row(k: int, rows: int, images: int, seed: int = 0) -> dict[str, float]:
    """Row ``k`` (from 1) of ``rows``."""
    noise = random.Random(k + 1_000_003 * seed)
    share = k / rows
    return {
        "images_seen": images * k // rows,
        "generator_steps": k * 10,
        "discriminator_steps": k * 10,
        "round": k * 10,
        "wall_s": k * 2.5,
        "train/generator/adversarial": 0.9 + share + noise.gauss(0, 0.25),
        "train/discriminator/adversarial": 1.3 - 0.5 * share + noise.gauss(0, 0.12),
        "train/discriminator/gradient_penalty": 0.2 * math.exp(-3 * share) + 0.02 * noise.random(),
        "train/discriminator/real_score": 0.6 + noise.gauss(0, 0.2),
        "train/discriminator/fake_score": -0.6 + noise.gauss(0, 0.2),
        "train/generator/grad_norm": math.exp(noise.gauss(0, 0.5)),
        "train/discriminator/grad_norm": 2 * math.exp(noise.gauss(0, 0.5)),
        "speed/images_per_s": 640 + noise.gauss(0, 20),
    }


def write_metrics(run: RunFolder, rows: list[dict[str, float]]) -> None:
    """Replace metrics.csv."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    with run.metrics_path.open("w", newline="") as file:
        writer = csv.DictWriter(file, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _evaluate(
    run: RunFolder, k: int, images_seen: int, shift: float, protocol: dict[str, Any]
) -> None:
    far = abs(k - BEST_AT)
    scores: dict[str, float | None] = {
        "fd_efflite0@2k": 41.25 + 9.5 * far + shift,
        "kd_efflite0@2k": 0.031 + 0.02 * far,
        "kd_se_efflite0@2k": 0.0012,
        "precision_efflite0@2k": 0.81 - 0.04 * far,
        "recall_efflite0@2k": 0.62 - 0.03 * far,
        "coverage_efflite0@2k": 0.77 - 0.05 * far,
    }
    row: EvaluationRow = {
        "images_seen": images_seen,
        "generator_steps": k * 100,
        "discriminator_steps": k * 100,
        "round": k * 100,
        "time": f"2026-11-22T02:{10 + k}:00Z",
        "seconds": 3.4,
        "scores": scores,
        "floor": {"fd_efflite0@2k": 11.5, "kd_efflite0@2k": 0.0004, "coverage_efflite0@2k": 0.96},
        "protocol": protocol,
        "generator": "ema",
        "seed": 0,
    }
    run.append_evaluation(row)
    picture = run.media_file("samples", images_seen)
    picture.parent.mkdir(parents=True, exist_ok=True)
    picture.write_bytes(png(shade=20 * k))
    file = run.checkpoint_path(images_seen, k * 100)
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"weights %d" % k)
    run.add_checkpoint(
        {
            "path": f"checkpoints/{file.name}",
            "images_seen": images_seen,
            "generator_step": k * 100,
            "round": k * 100,
            "epoch": k,
            "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
            "bytes": file.stat().st_size,
            "reasons": ["evaluation"],
            "scores": scores,
            "protocol": protocol,
            "state": None,
            "time": f"2026-11-22T02:{10 + k}:05Z",
        }
    )


def page_of(*runs: RunFolder, out: Path | None = None) -> Node:
    """The report of one or several runs."""
    out = out or runs[0].path / "report.html"
    return parse(write_report([run.path for run in runs], out).read_text("utf-8"))


def chart(page: Node, title: str, section: str = "scores") -> Node:
    """The chart with a title."""
    (found,) = [
        figure
        for figure in page.one("section", id=section).all("figure", cls="chart")
        if figure.one(cls="title").text.replace(" ", "") == title.replace(" ", "")
    ]
    return found


def drawn(figure: Node, path: str, line: int = 0) -> list[tuple[float, float]]:
    """Points of a path in (images seen, value), read back through the ticks of the axes."""
    group = list(figure.all("g", cls="line"))[line]
    pairs = re.findall(r"[ML]([-\d.]+) ([-\d.]+)", group.one("path", cls=path).attributes["d"])
    end = json.loads(figure.one("script").text)["end"]
    ticks = [
        (float(span.attributes["style"].removeprefix("bottom:").rstrip("%")), number(span.text))
        for span in figure.one(cls="y").all("span")
    ]
    (low, first), (high, last) = ticks[0], ticks[-1]
    slope = (last - first) / (high - low)
    return [(float(x) / 1000 * end, first + slope * (100 - float(y) / 10 - low)) for x, y in pairs]


def number(text: str) -> float:
    """What a tick says."""
    scale = {"k": 1e3, "M": 1e6}.get(text[-1], 1.0)
    return float(text.rstrip("kM").replace("−", "-").replace(",", "")) * scale


def column(page: Node, name: str) -> list[str]:
    """Full values of a column of the scores table, from the cells' titles."""
    table = next(iter(page.one("section", id="scores").all("table", cls="numbers")))
    heads = list(table.all("tr"))[1].all("th")
    place = [head.attributes.get("title") for head in heads].index(name)
    rows = [[n for n in row.all() if n.tag in ("th", "td")] for row in table.one("tbody").all("tr")]
    return [cells[place].attributes["title"] for cells in rows]
