"""W&B that never asks, never waits for long and never stops a run.

Without a key it writes an offline run into the run folder; with a key it goes online, and falls
back when the service does not answer. A run that is resumed keeps its id, so that W&B shows one
run; a fork is a run of its own in the group of its parent, and its config says ``forked_from``. To
look at an offline run: ``wandb leet RUN/wandb/latest-run``; to upload it later:
``wandb sync RUN/wandb/offline-run-*``.
"""

import contextlib
import logging
import netrc
import os
import secrets
import string
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pytorch_lightning.loggers import WandbLogger
from pytorch_lightning.loggers.logger import DummyExperiment, rank_zero_experiment
from pytorch_lightning.utilities.rank_zero import rank_zero_only

from callbacks.logger_guard import attempt, one_line
from callbacks.run_folder import RunFolder

Mode = Literal["auto", "online", "offline", "disabled"]

# No words on the terminal but ours, and no copy of what training prints.
_QUIET: dict[str, Any] = {"silent": True, "console": "off"}

log = logging.getLogger(__name__)


class GuardedWandbLogger(WandbLogger):
    """Lightning's W&B logger with images_seen as the x axis of every panel.

    The W&B run starts at the first use, on rank 0 only. Its id is kept in run.json.

    Args:
        run_folder: folder of the run; W&B writes into its ``wandb/``.
        config: the resolved settings, shown as the run's config.
        mode: ``"auto"`` follows WANDB_MODE, then goes online if there is a key and offline if
            there is none; ``"disabled"`` sends nothing.
        project: the W&B project.
        entity: user or team; None takes the default of the key.
        init_timeout: seconds to wait for the service at the start.
        finish_timeout: seconds to wait for uploads at the end; what is missing then stays in the
            run folder and can be synced.

    Raises:
        ValueError: an unknown mode, or a time-out that is not positive.
    """

    def __init__(
        self,
        run_folder: str | Path,
        config: Mapping[str, Any] | None = None,
        mode: Mode = "auto",
        project: str = "ganagerie",
        entity: str | None = None,
        init_timeout: float = 20.0,
        finish_timeout: float = 60.0,
    ) -> None:
        if mode not in ("auto", "online", "offline", "disabled"):
            raise ValueError(
                "GuardedWandbLogger: mode must be 'auto', 'online', 'offline' or 'disabled', got "
                f"'{mode}'; 'auto' goes online if there is a key"
            )
        if init_timeout <= 0 or finish_timeout <= 0:
            raise ValueError(
                "GuardedWandbLogger: time-outs must be positive seconds, got "
                f"{init_timeout} and {finish_timeout}; 20 and 60 are the defaults"
            )
        self.run = RunFolder(run_folder)
        self.config = dict(config or {})
        self.mode = mode
        self.init_timeout = init_timeout
        self.finish_timeout = finish_timeout
        self._images_seen = 0
        self._forked_from = ""
        super().__init__(save_dir=self.run.path, project=project, entity=entity)

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """The W&B run, started now if need be; something that swallows all calls elsewhere."""
        if self._experiment is None:
            self._experiment = self._start()
        return self._experiment

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Send one row.

        Args:
            metrics: numbers by name; without ``images_seen`` among them, its last value is used.
            step: Lightning's count of batches; not sent.
        """
        self._images_seen = int(metrics.get("images_seen", self._images_seen))
        row = {**metrics, "images_seen": self._images_seen}
        attempt(self, "numbers", lambda: self.experiment.log(row))

    @rank_zero_only
    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Do nothing: the resolved settings are sent when the run starts."""

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """End the W&B run, so that the next one in this process gets its own."""
        run, self._experiment = self._experiment, None
        if run is None:
            return
        if not attempt(self, "end of run", lambda: run.finish(exit_code=int(status == "failed"))):
            _forget()

    @rank_zero_only
    def branch(self, images_seen: int) -> None:
        """Go on in a new W&B run of the same group, because training went back to a checkpoint.

        What was sent stays as it happened: no step is ever written again.

        Args:
            images_seen: the moment that training went back to.
        """
        if self.mode == "disabled" or not self.run.record_path.is_file():
            return
        self.finalize("success")
        old = self.run.read_run()["wandb"]
        if old is not None:
            letters = string.ascii_lowercase + string.digits
            new = "".join(secrets.choice(letters) for _ in range(8))
            self._forked_from = f"{old['id']}@{images_seen}"
            self.run.update_run(wandb={**old, "id": new, "group": old.get("group") or old["id"]})

    def _start(self) -> Any:
        if not os.environ.get("WANDB_MODE", "unset"):
            # Set to nothing, as scripts do; W&B would refuse it.
            del os.environ["WANDB_MODE"]
        try:
            mode, why = self._choose_mode()
        except Exception as error:
            # Variables of the environment that W&B refuses, whatever it was asked to do.
            _forget()
            log.warning("W&B: could not start (%s); going on without it", one_line(error))
            return DummyExperiment()
        if mode == "disabled":
            return DummyExperiment()
        failures: list[str] = []
        for wanted in dict.fromkeys([mode, "offline"]):
            try:
                run = self._init(wanted)
            except Exception as error:
                _forget()
                failures.append(f"could not start {wanted} ({one_line(error)})")
                continue
            look = f"look with: wandb leet {Path(run.dir).parent}"
            if wanted == "online":
                log.info("W&B: %s", run.url)
            elif failures:
                log.warning("W&B: %s; going on offline, %s", failures[0], look)
            else:
                log.info("W&B: offline%s; %s", why, look)
            return run
        log.warning("W&B: %s; going on without it", ", ".join(failures))
        return DummyExperiment()

    def _choose_mode(self) -> tuple[Literal["online", "offline", "disabled"], str]:
        """Decide without asking anyone; the second value says why it is offline."""
        if self.mode == "disabled" or self.mode == "offline":
            return self.mode, ""
        wanted = os.environ.get("WANDB_MODE", "") if self.mode == "auto" else "online"
        if wanted in ("disabled", "offline"):
            return wanted, ""  # type: ignore[return-value]
        if wanted == "dryrun":
            return "offline", ""
        # Only with a key: without one, W&B would ask for it on the terminal.
        return ("online", "") if has_key() else ("offline", " (no key)")

    def _init(self, mode: str) -> Any:
        import wandb

        quiet = {**_QUIET}
        if "finish_timeout" in wandb.Settings.model_fields:
            quiet["finish_timeout"] = self.finish_timeout
        wandb.setup(settings=wandb.Settings(**quiet))
        identity = self._identity()
        run = wandb.init(
            dir=self.run.path,
            config={**self.config, **self._origin()},
            mode=mode,  # type: ignore[arg-type]
            name=self.run.path.name,
            resume="allow",
            reinit="finish_previous",
            settings=wandb.Settings(init_timeout=self.init_timeout, **quiet),
            **identity,
        )
        # step_sync fills the axis in for panels whose rows lack it.
        run.define_metric("images_seen")
        run.define_metric("*", step_metric="images_seen", step_sync=True)
        return run

    def _identity(self) -> dict[str, Any]:
        """Return id, project, entity and group: those of run.json when the run is resumed."""
        record = self.run.read_run() if self.run.record_path.is_file() else None
        if record is not None and record["wandb"]:
            return dict(record["wandb"])
        letters = string.ascii_lowercase + string.digits
        identity: dict[str, str | None] = {
            # A sweep's agent has chosen the id already.
            "id": os.environ.get("WANDB_RUN_ID")
            or "".join(secrets.choice(letters) for _ in range(8)),
            "project": os.environ.get("WANDB_PROJECT") or self._project,
            "entity": os.environ.get("WANDB_ENTITY") or self._wandb_init.get("entity"),
        }
        relatives = (record and record["parent"] or {}).get("group")
        if group := os.environ.get("WANDB_RUN_GROUP") or relatives:
            identity["group"] = group
        if record is not None:
            self.run.update_run(wandb=identity)
        return identity

    def _origin(self) -> dict[str, str]:
        """Return what a fork's config says of where it comes from; nothing for a fresh run."""
        if self._forked_from:
            return {"forked_from": self._forked_from}
        parent = self.run.read_run()["parent"] if self.run.record_path.is_file() else None
        return {"forked_from": parent["forked_from"]} if parent and "forked_from" in parent else {}


def has_key() -> bool:
    """Whether W&B finds a key for its host without asking: environment, settings or netrc."""
    import wandb

    if os.environ.get("WANDB_API_KEY") or os.environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    settings = wandb.setup(settings=wandb.Settings(**_QUIET)).settings
    host = urlsplit(settings.base_url).hostname or ""
    try:
        found = netrc.netrc(os.environ.get("NETRC")).authenticators(host)
    except (OSError, netrc.NetrcParseError):
        found = None
    return bool(settings.api_key or found)


def _forget() -> None:
    """Stop W&B's service: it holds the id of a failed run, and would complain at our exit."""
    import wandb

    with contextlib.suppress(Exception):
        wandb.teardown()
