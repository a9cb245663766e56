"""W&B's sweeps do the same search: valid files whose command lines our own parser accepts."""

import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from experiments.errors import CommandError
from experiments.study.design import read_design
from experiments.study.sweep import write_sweeps

# Lightning's own use of the parser warns.
pytestmark = pytest.mark.filterwarnings("ignore")
SMOKE = Path("experiments/configs/studies/smoke.yaml")


def words_of(sweep: dict[str, Any], pick: int) -> list[str]:
    """The command that an agent would run with one value of each parameter."""
    values = {}
    for name, one in sweep["parameters"].items():
        values[name] = one["values"][pick] if "values" in one else one[("min", "max")[pick]]
    words: list[str] = []
    for word in sweep["command"]:
        if word == "${args}":
            words += [f"--{name}={value}" for name, value in values.items()]
        elif word != "${env}":
            words.append(word)
    return words


def test_its_distributions_are_those_of_the_study_and_its_commands_are_accepted(
    tmp_path: Path, server: Any
) -> None:
    design = read_design(SMOKE)
    files = write_sweeps(design, tmp_path)
    assert [file.name for file in files] == ["gan.yaml", "wgan_gp.yaml"]
    sweep = yaml.safe_load(files[1].read_text())
    assert sweep["method"] == "random" and sweep["run_cap"] == design.draws * design.seeds
    parameters = sweep["parameters"]
    lr = {"distribution": "log_uniform_values", "min": 1e-4, "max": 1e-2}
    assert parameters["model.init_args.generator_lr"] == lr
    assert parameters["model.init_args.discriminator_steps"] == {"values": [1, 2]}
    betas = [yaml.safe_load(value) for value in parameters["model.init_args.betas"]["values"]]
    # One place of a list: evenly over its range, the other as it is.
    assert {second for _, second in betas} == {0.9} and len(betas) == 32
    assert 0 < betas[0][0] < 0.03 and 0.87 < betas[-1][0] < 0.9
    for pick in (0, 1):
        words = words_of(sweep, pick)
        assert words[:2] == ["ganagerie", "fit"], shlex.join(words)
        code, output = server.run(
            *words[1:], "--trainer.max_steps=1", "--evaluation.every_n_images=null",
            "--loggers.wandb=disabled", "--run_dir", tmp_path / f"run{pick}",
        )  # fmt: skip
        assert code == 0, output


def test_older_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "gan.yaml").write_text("mine")
    with pytest.raises(CommandError, match=r"must not hold .*gan\.yaml yet"):
        write_sweeps(read_design(SMOKE), tmp_path)
    assert (tmp_path / "gan.yaml").read_text() == "mine"
