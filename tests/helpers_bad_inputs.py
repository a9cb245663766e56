"""The corpus of bad inputs: what a case is, how it is judged, and how to make each bad situation.

Every case is one command line in a folder of its own. It must end with exit code 2 and one line
that names the thing, the value and the remedy, and must leave every file as it was.
"""

import copy
import hashlib
import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from callbacks.run_folder import RunFolder
from tests.command_server import CommandServer

TOY = Path(__file__).parent / "toy.yaml"
MARK = "ganagerie: error: "
LONGEST_LINE = 600
AUDIT = r"[\w-]+: ([ab] = |left out, |the same picture )"


@dataclass(frozen=True)
class Place:
    """Where a case runs.

    Attributes:
        path: a new folder with ``toy.yaml`` in it; the working directory of the command.
        runs: trained runs by name, to be copied and damaged.
        cache: the cache of decoded images.
    """

    path: Path
    runs: dict[str, Path]
    cache: Path


Make = Callable[[Place], None]


@dataclass(frozen=True)
class Case:
    """One bad input.

    Attributes:
        id: says the situation.
        argv: the command line, as a user types it; its working directory is ``Place.path``.
        thing: pattern of what is wrong.
        value: pattern of the value that is wrong.
        remedy: pattern of what to do.
        make: brings the situation about.
        env: more environment.
        began: training had begun: other lines may come first, and the run's folder stays.
        told: the data of two domains could be read: lines that say what they hold come first.
        new: the folder of the new run.
        cwd: working directory of the command, below that of the case.
    """

    id: str
    argv: str
    thing: str
    value: str
    remedy: str
    make: tuple[Make, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    began: bool = False
    told: bool = False
    new: str = "new"
    cwd: str = "."


def check(case: Case, place: Place, server: CommandServer) -> str:
    """Run a case and judge it; returns its one line."""
    for make in case.make:
        make(place)
    before, leftovers = snapshot(place.path), hidden(place.cache)
    env = {"GANAGERIE_CACHE": str(place.cache), **dict(case.env)}
    code, output = server.run(*shlex.split(case.argv), env=env, cwd=place.path / case.cwd)
    assert code == 2, f"exit code {code}\n{output}"
    assert "Traceback" not in output
    lines = output.splitlines()
    errors = [line for line in lines if line.startswith(MARK)]
    assert len(errors) == 1 and lines[-1] == errors[0], output
    before_it = [line for line in lines[:-1] if not (case.told and re.match(AUDIT, line))]
    assert case.began or not before_it, output
    for what in ("thing", "value", "remedy"):
        pattern = getattr(case, what)
        assert re.search(pattern, errors[0]), f"{what}: no {pattern!r} in\n{errors[0]}"
    assert len(errors[0]) <= LONGEST_LINE, errors[0]
    after = snapshot(place.path)
    kept = {name: after.get(name) for name in before} if case.began else after
    if case.began:
        assert_whole(place.path / case.new)
    assert kept == before, changes(before, after)
    assert hidden(place.cache) == leftovers
    return errors[0]


def assert_whole(path: Path) -> None:
    """A run that failed under way is still a run: its checkpoints are there and can be read."""
    failed = RunFolder.open(path)
    for row in failed.read_index()["checkpoints"]:
        torch.load(failed.verify(row), weights_only=True)


def snapshot(folder: Path) -> dict[str, str]:
    """Every path below a folder with a hash of its content."""
    return {
        path.relative_to(folder).as_posix(): _content(path) for path in sorted(folder.rglob("*"))
    }


def _content(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "no file"


def changes(before: dict[str, str], after: dict[str, str]) -> str:
    names = sorted({*before, *after})
    unlike = [name for name in names if before.get(name) != after.get(name)]
    return f"made, changed or deleted: {unlike}"


def hidden(cache: Path) -> set[str]:
    """Half-made entries of a cache."""
    return {path.name for path in cache.rglob(".*")}


# -- situations ------------------------------------------------------------------------------------


def settings(**changes: Any) -> Make:
    """Write ``bad.yaml``: the toy's settings with some changed; ``__`` stands for a dot.

    A value of ``DROPPED`` takes the key out.
    """

    def make(place: Place) -> None:
        whole = copy.deepcopy(yaml.safe_load(TOY.read_text()))
        for name, value in changes.items():
            *parents, last = name.split("__")
            part = whole
            for parent in parents:
                part = part[parent]
            if value is DROPPED:
                del part[last]
            else:
                part[last] = value
        (place.path / "bad.yaml").write_text(yaml.safe_dump(whole))

    return make


DROPPED = object()


def trained_on(
    data: str, *, colours: int = 3, evaluation: object = None, **init_args: object
) -> Make:
    """Write ``bad.yaml``: a small DCGAN on some data."""
    dcgan = "gan_modules.networks.dcgan"
    network = {"size": 32, "channels": colours, "width": 4}
    return settings(
        model={
            "class_path": "DCGAN",
            "init_args": {
                "generator": {"class_path": f"{dcgan}.DCGANGenerator", "init_args": network},
                "discriminator": {
                    "class_path": f"{dcgan}.DCGANDiscriminator",
                    "init_args": network,
                },
            },
        },
        data={"class_path": data, "init_args": {"batch_size": 8, **init_args}},
        evaluation=evaluation or {"samples": 12},
    )


def text_file(name: str, content: str | bytes) -> Make:
    """Write a file."""

    def make(place: Place) -> None:
        path = place.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    return make


def folder(name: str) -> Make:
    """Make an empty folder."""
    return lambda place: (place.path / name).mkdir(parents=True)


def pictures(name: str = "pictures", count: int = 40, size: int = 32, mode: str = "RGB") -> Make:
    """Write a folder of PNGs."""

    def make(place: Place) -> None:
        where = place.path / name
        where.mkdir(parents=True, exist_ok=True)
        draws = np.random.default_rng(0)
        channels = {"L": (), "RGB": (3,), "RGBA": (4,)}[mode]
        for number in range(count):
            pixels = draws.integers(0, 256, (size, size, *channels), dtype=np.uint8)
            Image.fromarray(pixels).save(where / f"{number:03d}.png")

    return make


def array(name: str, values: Any) -> Make:
    """Write a .npy file."""

    def make(place: Place) -> None:
        path = place.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, np.asarray(values))

    return make


def run(name: str = "run", of: str = "toy") -> Make:
    """Copy a trained run."""
    return lambda place: shutil.copytree(place.runs[of], place.path / name) and None


def deleted(name: str) -> Make:
    return lambda place: (place.path / name).unlink()


def damaged(pattern: str, change: Callable[[bytes], bytes]) -> Make:
    """Change the bytes of each file that the pattern matches."""

    def make(place: Place) -> None:
        found = sorted(place.path.glob(pattern))
        assert found, pattern
        for path in found:
            path.write_bytes(change(path.read_bytes()))

    return make


def changed_text(name: str, old: str, new: str) -> Make:
    """Replace words in a text file."""
    return damaged(name, lambda data: data.replace(old.encode(), new.encode()))


def edited(name: str, change: Callable[[Any], None]) -> Make:
    """Change a JSON file in place."""

    def make(place: Place) -> None:
        path = place.path / name
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))

    return make


def disk(name: str, size: str = "1m", free: int | None = None, options: str = "rw") -> Make:
    """Mount a small disk, filled up to ``free`` bytes; the ``place`` fixture takes it away again.

    The tests that need one are skipped where nobody may mount.
    """

    def make(place: Place) -> None:
        where = place.path / name
        where.mkdir()
        words = ["mount", "-t", "tmpfs", "-o", f"size={size},{options}", "tmpfs", str(where)]
        try:
            done = subprocess.run(words, capture_output=True, text=True)
        except FileNotFoundError:
            pytest.skip("no program called mount here")
        if done.returncode:
            pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
        if free is not None:
            fill(where, free)

    return make


def fill(folder: Path, free: int) -> None:
    """Leave so many bytes of a disk."""
    ballast = shutil.disk_usage(folder).free - free
    (folder / "ballast").write_bytes(b"x" * ballast)


def unfinished(name: str, steps: int) -> Make:
    """Let a copied run be one that was stopped at half its steps."""

    def make(place: Place) -> None:
        config = place.path / name / "config.yaml"
        text = config.read_text()
        assert f"max_steps: {steps}\n" in text
        config.write_text(text.replace(f"max_steps: {steps}\n", f"max_steps: {2 * steps}\n"))
        RunFolder(place.path / name).update_run(status="stopped")

    return make


def half(data: bytes) -> bytes:
    return data[: len(data) // 2]


def one_byte(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 0xFF]) + data[middle + 1 :]
