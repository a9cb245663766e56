"""The example of CONTRIBUTING.md, built from its text: three edits and the variant trains."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("gan_modules", "datamodules", "callbacks", "experiments")


def test_the_example_is_three_edits_and_trains(tmp_path: Path) -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    file, settings, row = re.findall(r"```(?:python|yaml)\n(.*?)```", text, re.DOTALL)
    home, config = re.findall(r"`((?:gan_modules|experiments)/\S+geometric_gan\.\w+)`", text)
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    (tmp_path / home).write_text(file)
    (tmp_path / config).write_text(settings)
    catalogue = tmp_path / "gan_modules" / "__init__.py"
    above = next(line for line in catalogue.read_text().splitlines() if '"LSGAN"' in line)
    catalogue.write_text(catalogue.read_text().replace(above, f"{above}\n{row.rstrip()}"))

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "experiments", *words]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)

    listed = run("list")
    assert "GeometricGAN" in listed.stdout and "arXiv:1705.02894" in listed.stdout
    done = run(
        *("fit", f"--config={config}", f"--run_dir={tmp_path / 'run'}"),
        *("--trainer.accelerator=cpu", "--trainer.max_steps=2", "--data.init_args.batch_size=8"),
        *("--evaluation.samples=40", "--evaluation.space=rand_vgg", "--loggers.wandb=disabled"),
    )
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "run" / "checkpoints").glob("*.ckpt"))
    # The example is written as everything else is.
    checked = [sys.executable, "-m", "ruff", "check", "--config", str(ROOT / "pyproject.toml")]
    assert subprocess.run([*checked, str(tmp_path / home)], timeout=60).returncode == 0
