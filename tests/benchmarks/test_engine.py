"""The cost of the framework: any YAML beside a bare loop, and what is asked for is measured."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import engine

ROOT = Path(__file__).parents[2]
QUICK = ["--rounds", "1", "--repetitions", "1"]


def test_variants_and_files_are_timed_also_those_that_know_their_data_set() -> None:
    config = "experiments/configs/autoencoding/gradient_origin.yaml"
    words = [sys.executable, "-m", "benchmarks.engine", *QUICK]
    # GLO has a code for each of the 4,500 images and refuses another number.
    words += ["--variant", "glo", "--config", config]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    for name in ("GLO", config):
        row = result[name]
        assert row["ratio"] == pytest.approx(row["ours_ms"] / row["raw_ms"], rel=1e-3)
        assert row["raw_images_per_s"] == pytest.approx(64e3 / row["raw_ms"], rel=1e-2)


def test_a_file_that_is_not_there_is_one_line() -> None:
    words = [sys.executable, "-m", "benchmarks.engine", *QUICK, "--config", "nope.yaml"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "config file nope.yaml does not exist" in done.stderr


def test_a_name_that_is_no_variant_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["engine", "--variant", "DCGAN", "StyleGAN9"])
    with pytest.raises(SystemExit, match="2"):
        engine.main()
    assert "argument --variant: invalid choice: 'StyleGAN9'" in capsys.readouterr().err
