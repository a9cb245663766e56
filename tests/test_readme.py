"""The README's examples run as they are printed, with fewer steps."""

import re
import shlex
import warnings
from pathlib import Path

import pytest

from callbacks.run_folder import RunFolder
from experiments.__main__ import COMMANDS
from tests.command_server import ROOT, CommandServer

README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    parts = re.split(r"^```(.*)$", README, flags=re.MULTILINE)
    # Text, opening fence, code, closing fence, text, ...
    fenced = zip(parts[1::4], parts[2::4], strict=True)
    return [code for opening, code in fenced if opening == language]


def test_it_opens_with_the_two_commands_and_a_picture_that_exists() -> None:
    head = blocks("")[0]
    assert [line.split("#")[0].strip() for line in head.strip().splitlines()] == [
        "make demo",
        "make test",
    ]
    picture = re.search(r"!\[.*?\]\((.*?)\)", README)
    assert picture and (ROOT / picture[1]).is_file()


def test_the_python_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (code,) = blocks("python")
    short = code.replace("max_steps=1000", "max_steps=1, enable_progress_bar=False")
    assert short != code
    names: dict[str, object] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(compile(short, "README.md", "exec"), names)
    assert names["images"].shape == (16, 1, 32, 32)


def test_the_yaml_example_trains(server: CommandServer, tmp_path: Path) -> None:
    (settings,) = blocks("yaml")
    config = tmp_path / "my.yaml"
    small = settings.replace("init_args: {size: 32}", "init_args: {size: 32, width: 4}")
    config.write_text(small)
    code, output = server.run(
        "fit",
        "--config",
        config,
        "--run_dir",
        tmp_path / "run",
        "--trainer.max_steps=1",
        "--trainer.accelerator=cpu",
        "--data=OpenMoji",
        "--data.init_args.size=32",
        "--data.init_args.batch_size=4",
        "--evaluation.samples=20",
        "--loggers.wandb=disabled",
        timeout=300,
    )
    assert code == 0, output
    assert "train/discriminator/r1" in RunFolder(tmp_path / "run").read_metrics()[0]


def test_every_command_that_it_prints_exists_with_its_options() -> None:
    lines = [
        line.split("  #")[0]
        for block in blocks("")
        for line in block.replace("\\\n", " ").splitlines()
    ]
    printed = [shlex.split(line) for line in lines if line.startswith("ganagerie ")]
    assert {words[1] for words in printed} == set(COMMANDS)
    for words in printed:
        for option in (word for word in words if word.startswith("--")):
            source = (ROOT / COMMANDS[words[1]][0].replace(".", "/")).with_suffix(".py")
            first = option.removeprefix("--").split(".")[0].split("=")[0]
            known = source.read_text() + " config trainer model data evaluation loggers "
            assert first in known, (words, option)
