"""What every run of a study needs, imported once in the process that runs are forked from."""

import contextlib
import importlib
import os
import warnings

import torch

import experiments.evaluate
import experiments.report
import experiments.resume
import experiments.study.resolving
import experiments.study.trial  # noqa: F401
from experiments.cli import RUN_DIR, GanCLI, import_parts
from experiments.errors import CommandError
from experiments.study.reading import ROOT

#: What a run would import while it trains; where a later version has moved it, it still does.
for name in ("wandb", "wandb.apis.public", "wandb.sdk.launch", "matplotlib.figure", "pandas"):
    with contextlib.suppress(ImportError):
        importlib.import_module(name)
# One thread: a process that has begun others must not be forked.
torch.set_num_threads(1)
with warnings.catch_warnings(), contextlib.suppress(CommandError):
    warnings.simplefilter("ignore")
    import_parts()
    # The parser keeps what it has read of the signatures; it refuses before it seeds.
    demo = ROOT / "experiments" / "configs" / "demo.yaml"
    GanCLI(["--config", str(demo), "--no.such.setting", "1"])
os.environ.pop(RUN_DIR, None)
