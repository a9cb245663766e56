"""The shared storage of a study: a SQLite file in its folder, or a PostgreSQL server."""

from __future__ import annotations

import importlib.util
import os
import warnings
from pathlib import Path
from typing import Any

from experiments.errors import CommandError

ENVIRONMENT = "GANAGERIE_STORAGE"
HEARTBEAT_S = 10
#: A worker that has not been heard of for so long is taken for dead.
SILENCE_S = 60
_BUSY_S = 60
_KNOWN = ("sqlite", "postgresql")


def storage_url(given: str | None, folder: Path) -> str:
    """Where the trials are: as given, by the environment, or a file in the study's folder.

    Raises:
        CommandError: it is no address of a storage that can be shared.
    """
    url = given or os.environ.get(ENVIRONMENT) or f"sqlite:///{folder.absolute()}/study.db"
    scheme, found, rest = url.partition("://")
    kind = scheme.partition("+")[0]
    if not found or kind not in _KNOWN or not rest.strip("/"):
        raise CommandError(
            f"study: storage must be sqlite:///FILE or postgresql://USER@HOST/DATABASE, got "
            f"{shown(url)!r}; leave it out for a file in the study's folder"
        )
    return url


def shown(url: str) -> str:
    """An address without its password."""
    scheme, found, rest = url.partition("://")
    user, at, place = rest.rpartition("@")
    return f"{scheme}{found}{user.partition(':')[0]}{at}{place}"


def optuna() -> Any:
    """Optuna, quiet; it is an extra.

    Raises:
        CommandError: it is not installed.
    """
    try:
        import optuna as found
    except ImportError as error:
        raise CommandError(
            "study needs the package optuna, got none; pip install 'ganagerie[study]'"
        ) from error
    found.logging.set_verbosity(found.logging.ERROR)
    # Heartbeats have been marked as experimental since 2021.
    warnings.filterwarnings("ignore", category=found.exceptions.ExperimentalWarning)
    return found


def open_storage(url: str) -> Any:
    """Connect, and make the tables where there are none.

    Args:
        url: see :func:`storage_url`.

    Raises:
        CommandError: it cannot be reached, or is no storage.
    """
    found = optuna()
    file = _file_of(url)
    options: dict[str, Any] = {"pool_pre_ping": True}
    if file is not None:
        if not file.parent.is_dir():
            raise CommandError(
                f"study: storage must be in a folder that exists, got {file}; make it first"
            )
        options = {"connect_args": {"timeout": _BUSY_S}}
    elif "connect_timeout" not in url:
        options["connect_args"] = {"connect_timeout": 10}
    try:
        storage = found.storages.RDBStorage(
            _with_driver(url),
            engine_kwargs=options,
            heartbeat_interval=HEARTBEAT_S,
            grace_period=SILENCE_S,
        )
    except ImportError as error:
        raise CommandError(
            f"study: storage {shown(url)} needs a driver, got none; pip install psycopg2-binary"
        ) from error
    except Exception as error:
        reason = " ".join(str(getattr(error, "orig", None) or error).split())[:160]
        raise CommandError(
            f"study: storage must be reachable and Optuna's, got {shown(url)} ({reason}); start "
            "the server, or correct --storage"
        ) from error
    if file is not None:
        _one_at_a_time(storage)
    return storage


def _with_driver(url: str) -> str:
    """Name the driver that is there: the default is another one in each version of SQLAlchemy."""
    drivers = ("psycopg2", "psycopg")
    there = next((name for name in drivers if importlib.util.find_spec(name)), None)
    plain = url.startswith("postgresql://") and there
    return url.replace("postgresql://", f"postgresql+{there}://", 1) if plain else url


def _file_of(url: str) -> Path | None:
    scheme, _, rest = url.partition("://")
    return Path(rest.removeprefix("/")) if scheme.startswith("sqlite") else None


def _one_at_a_time(storage: Any) -> None:
    """Let each transaction hold a SQLite file from its beginning.

    Python's driver begins one at the first write only: two workers could both read that a trial is
    waiting, and both take it. The log written ahead lets others read meanwhile.
    """
    from sqlalchemy import event

    @event.listens_for(storage.engine, "connect")
    def connect(connection: Any, record: Any) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA busy_timeout={_BUSY_S * 1000}")

    @event.listens_for(storage.engine, "begin")
    def begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    # Those that made the tables know nothing of this.
    storage.engine.dispose()
