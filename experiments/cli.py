"""From YAML and options to module, data, callbacks, trainer and run folder: ``GanCLI``."""

from __future__ import annotations

import importlib
import logging
import os
import pkgutil
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from textwrap import shorten
from typing import Any, Literal

import torch
import yaml
from jsonargparse import ArgumentError
from lightning_fabric.plugins.environments import SLURMEnvironment, TorchElasticEnvironment
from pytorch_lightning import LightningDataModule, Trainer
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.cli import LightningArgumentParser, LightningCLI
from pytorch_lightning.utilities.exceptions import MisconfigurationException

import datamodules
import gan_modules
from callbacks.beginning import Beginning
from callbacks.checkpoint_io import AtomicCheckpointIO
from callbacks.checkpointing import Checkpointing
from callbacks.collapse.monitor import CollapseMonitor
from callbacks.evaluation import Evaluation
from callbacks.input_use import InputUseProbe
from callbacks.memorization import Memorization
from callbacks.preemption import Preemption
from callbacks.progress import GanProgressBar
from callbacks.rng import RngState
from callbacks.run_folder_logger import RunFolderLogger
from callbacks.sample_grid import SampleGrid
from callbacks.steganography import SteganographyProbe
from callbacks.tensorboard_logging import GuardedTensorBoardLogger
from callbacks.wandb_logging import GuardedWandbLogger
from experiments.errors import CommandError
from experiments.option_errors import explain
from experiments.processes import is_rank_zero, settle, started_elsewhere
from experiments.settings_checks import locate_configs, refuse_settings
from gan_modules.engine.game import Game
from gan_modules.engine.precision import PerPlayerMixedPrecision

RUN_DIR = "GANAGERIE_RUN_DIR"
_MACHINE = ("accelerator", "devices", "num_nodes", "strategy", "precision")


@dataclass
class Loggers:
    """Where numbers and pictures go besides the run folder.

    Args:
        wandb: auto (online with a key, offline without), online, offline or disabled.
        project: W&B project.
        entity: W&B user or team; null takes the key's default.
        tensorboard: write event files as well.
    """

    wandb: Literal["auto", "online", "offline", "disabled"] = "auto"
    project: str = "ganagerie"
    entity: str | None = None
    tensorboard: bool = False


class GanCLI(LightningCLI):
    """The library's parts behind typed YAML. Parses and builds; training is up to the caller.

    Args:
        argv: options of ``fit``.
        run_dir: folder of the run; None leaves it to ``--run_dir``.
        more_callbacks: of the command that builds the trainer.

    Raises:
        CommandError: on anything wrong in the options, as one line.
    """

    def __init__(
        self,
        argv: Sequence[str],
        run_dir: Path | None = None,
        more_callbacks: Sequence[Callback] = (),
    ) -> None:
        import_parts()
        self._run_dir = run_dir
        self._more_callbacks = more_callbacks
        with warnings.catch_warnings():
            # It warns that sys.argv is not used, which is what is wanted.
            warnings.filterwarnings("ignore", message="LightningCLI's args parameter")
            try:
                super().__init__(
                    Game,
                    LightningDataModule,
                    subclass_mode_model=True,
                    subclass_mode_data=True,
                    save_config_callback=None,
                    seed_everything_default=0,
                    trainer_defaults={
                        "num_sanity_val_steps": 0,
                        "limit_val_batches": 0,
                        "use_distributed_sampler": False,
                        "enable_model_summary": False,
                    },
                    parser_kwargs={
                        "exit_on_error": False,
                        "prog": "ganagerie fit",
                        "allow_abbrev": False,
                    },
                    args=locate_configs(argv),
                    run=False,
                    auto_configure_optimizers=False,
                )
            except ArgumentError as error:
                raise CommandError(explain(str(error), self.parser)) from error
            except ValueError as error:
                raise built_badly(error) from error
        if self.trainer.precision == "64-true":
            # Lightning widens the weights after it has loaded a checkpoint, which cuts them short.
            self.model.double()

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """What ``fit`` takes beside trainer, model and data."""
        parser.add_argument(
            "--run_dir",
            type=str | None,
            default=None,
            help="folder of this run; by default a new one below runs/",
        )
        parser.add_argument(
            "--auto_resume",
            action="store_true",
            help="go on where --run_dir holds an unfinished run of these settings, begin otherwise",
        )
        parser.add_class_arguments(Loggers, "loggers")
        parser.add_lightning_class_args(SampleGrid, "sample_grid")
        parser.add_lightning_class_args(Evaluation, "evaluation")
        parser.add_lightning_class_args(Checkpointing, "checkpointing")
        parser.add_lightning_class_args(CollapseMonitor, "collapse_monitor")
        parser.add_lightning_class_args(Memorization, "memorization")
        parser.add_lightning_class_args(SteganographyProbe, "steganography")
        parser.add_lightning_class_args(InputUseProbe, "input_use")
        # Each image is led back 25 times: on a CPU 256 of them would take minutes.
        parser.set_defaults({"steganography.samples": 64})

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Parse, then refuse what the types allow and no run can be made of."""
        super().parse_arguments(parser, args)
        refuse_settings(self.config, parser)

    def before_instantiate_classes(self) -> None:
        """Settle the run folder, strategy and precision, so that config.yaml shows them."""
        trainer = self.config.trainer
        settle(trainer)
        world = _requested_processes(trainer)
        if trainer.strategy == "auto" and world != 1:
            trainer.strategy = "gan_ddp"
        if trainer.precision is None and _on_gpu(trainer):
            trainer.precision = "bf16-mixed"
        given = self._run_dir or self.config.run_dir or os.environ.get(RUN_DIR)
        if not given and self.config.auto_resume:
            raise CommandError(
                "run_dir must be given with auto_resume, which looks into it; add --run_dir FOLDER"
            )
        self.run_dir = Path(given) if given else self._new_run_dir()
        self.config.run_dir = str(self.run_dir)
        trainer.default_root_dir = str(self.run_dir)
        # Processes that the trainer starts later run this same command and must agree.
        os.environ[RUN_DIR] = str(self.run_dir)

    def _new_run_dir(self) -> Path:
        if started_elsewhere():
            raise CommandError(
                "run_dir must be given when another program starts the processes (torchrun, "
                "srun), since each would choose its own; add --run_dir FOLDER"
            )
        names = [
            str(self.config[key].class_path).rpartition(".")[2].lower() for key in ("model", "data")
        ]
        stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
        return Path("runs") / "-".join([*names, stamp])

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """The trainer with the callbacks, loggers and plugins that every run has."""
        options = self.config_init["loggers"]
        self.settings = yaml.safe_load(self.dump_config())
        loggers: list[Any] = [RunFolderLogger(self.run_dir)]
        if options.wandb != "disabled":
            loggers.append(
                GuardedWandbLogger(
                    self.run_dir, self.settings, options.wandb, options.project, options.entity
                )
            )
        if options.tensorboard:
            loggers.append(GuardedTensorBoardLogger(self.run_dir))
        trainer = self.config_init["trainer"]
        plugins: list[Any] = [*_as_list(trainer.get("plugins")), AtomicCheckpointIO()]
        if SLURMEnvironment.detect() and not TorchElasticEnvironment.detect():
            # Lightning's own way would save from inside the signal, between two players' turns.
            plugins.append(SLURMEnvironment(auto_requeue=False))
        if trainer.get("precision") in ("16-mixed", "16", 16):
            plugins.append(PerPlayerMixedPrecision("cuda" if _on_gpu(trainer) else "cpu"))
            kwargs["precision"] = None
        seed = self.config.seed_everything
        self.preemption, self.beginning = Preemption(), Beginning()
        callbacks = [
            self.beginning,
            *_as_list(trainer.get("callbacks")),
            RngState(seed if isinstance(seed, int) and not isinstance(seed, bool) else 0),
            *self._more_callbacks,
            self.preemption,
        ]
        if trainer.get("enable_progress_bar") is not False:
            callbacks.append(GanProgressBar())
        try:
            return super().instantiate_trainer(
                logger=loggers, plugins=plugins, callbacks=callbacks, **kwargs
            )
        except (MisconfigurationException, ImportError, TypeError, ValueError) as error:
            raise trainer_refuses(error, trainer) from error

    def dump_config(self) -> str:
        """The resolved settings as YAML: what ``fit --config`` takes again."""
        config = self.config.clone()
        config.pop("config", None)
        config.pop("run_dir", None)
        config.pop("auto_resume", None)
        return str(self.parser.dump(config, skip_none=False))


def built_badly(error: Exception) -> Exception:
    """What a constructor said, without the parser's tree of types around it.

    Args:
        error: from building the classes of the settings.

    Returns:
        The constructor's own error; ``error`` where there is none inside.
    """
    cause: BaseException | None = error
    while cause is not None and str(cause).startswith(("Does not validate", "Problem with", "\n-")):
        cause = cause.__cause__ or cause.__context__
    return cause if isinstance(cause, Exception) else error


def trainer_refuses(error: Exception, trainer: Any) -> CommandError:
    """Lightning's refusal, with the settings that it speaks of, or those that name the machine."""
    reason = " ".join(str(error).split()).partition(" Example choices")[0]
    names = [
        name
        for name, value in vars(trainer).items()
        if re.search(rf"\b{name}\b", reason)
        or (isinstance(value, str) and name not in _MACHINE and f"'{value}'" in reason)
    ]
    remedy = "correct it, or leave it out for its default"
    if not names or set(names) & set(_MACHINE):
        names = names or [name for name in _MACHINE if trainer.get(name)]
        remedy = (
            "accelerator may be auto, cpu or gpu, devices auto or a number from 1; 'ganagerie "
            "doctor' shows what there is"
        )
    asked = ", ".join(f"trainer.{name} {trainer.get(name)}" for name in names)
    return CommandError(
        f"trainer settings must be possible here, got {asked} ({shorten(reason, 160)}); {remedy}"
    )


def import_parts() -> None:
    """Import every variant and data module, so that YAML finds them by their short names."""
    for row in gan_modules.CATALOGUE:
        getattr(gan_modules, row.name)
    for found in pkgutil.iter_modules(datamodules.__path__):
        importlib.import_module(f"datamodules.{found.name}")


def quiet_lightning() -> None:
    """Leave out the notices of Lightning that are wrong or useless here."""
    for name in ("pytorch_lightning", "lightning_fabric", "lightning.pytorch"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # Our own notices: what is being trained or cached, where W&B writes.
    for name in ("callbacks", "datamodules", "gan_modules", "experiments"):
        ours = logging.getLogger(name)
        if not ours.handlers:
            ours.addHandler(logging.StreamHandler())
            ours.propagate = False
        ours.setLevel(logging.INFO if is_rank_zero() else logging.ERROR)
    for message in (
        # The averaged generator is in eval mode on purpose.
        r"Found \d+ module\(s\) in eval mode",
        # Images are in memory; the main process is the quickest loader.
        "The '.*dataloader' does not have many workers",
        # Its own use of a deprecated name of torch.
        r".*isinstance\(treespec, LeafSpec\)",
        # Counts generator steps against batches, which are not the same here.
        "You're resuming from a checkpoint that ended before the epoch ended",
        "GPU available but not used",
        # The log interval counts rounds; short runs flush at the end.
        "The number of training batches .* is smaller than the logging interval",
    ):
        warnings.filterwarnings("ignore", message=message)


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _on_gpu(trainer: Any) -> bool:
    return trainer.get("accelerator") in ("auto", "gpu", "cuda") and torch.cuda.is_available()


def _requested_processes(trainer: Any) -> int:
    devices = trainer.get("devices")
    nodes = int(trainer.get("num_nodes") or 1)
    if isinstance(devices, (list, tuple)):
        return nodes * len(devices)
    text = str(devices)
    if text.lstrip("-").isdigit() and int(text) > 0:
        return nodes * int(text)
    if "," in text:
        return nodes * len([part for part in text.split(",") if part])
    return nodes * (torch.cuda.device_count() if _on_gpu(trainer) else 1)
