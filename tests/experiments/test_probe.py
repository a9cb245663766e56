"""``ganagerie probe`` on a small run, as a user calls it."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from callbacks.run_folder import RunFolder
from experiments.opening import OpenedRun
from experiments.probe_codes import look_at_codes
from gan_modules.networks.codec import DomainCodec
from tests.command_server import CommandServer
from tests.helpers_bad_inputs import TOY

TRANSLATOR = """
        class_path: gan_modules.networks.resnet_translator.ResnetTranslator
        init_args: {in_channels: 1, out_channels: 1, width: 4, downs: 1, blocks: 1}"""
JUDGE = """
        class_path: gan_modules.networks.patchgan.PatchDiscriminator
        init_args: {channels: 1, width: 4, layers: 2}"""
CYCLE = f"""
trainer: {{accelerator: cpu, max_steps: 2}}
model:
  class_path: CycleGAN
  init_args:
    generator_ab:{TRANSLATOR.replace("        ", "      ")}
    generator_ba:{TRANSLATOR.replace("        ", "      ")}
    discriminator_a:{JUDGE.replace("        ", "      ")}
    discriminator_b:{JUDGE.replace("        ", "      ")}
data: {{class_path: tests.helpers_translation.SmallDomains, init_args: {{held_out: 40}}}}
loggers: {{wandb: disabled}}
evaluation: {{samples: 12, space: rand_vgg}}
sample_grid: {{every_n_images: null}}
"""
UNIT = """
trainer: {accelerator: cpu, max_steps: 1}
model:
  class_path: UNIT
  init_args:
    generator:
      class_path: gan_modules.networks.codec.DomainCodec
      init_args:
        encoders:
        - &encoder
          class_path: gan_modules.networks.unit.UNITEncoder
          init_args: {in_channels: 1, width: 4, blocks: 1}
        - *encoder
        decoders:
        - &decoder
          class_path: gan_modules.networks.unit.UNITDecoder
          init_args: {out_channels: 1, width: 4, blocks: 1}
        - *decoder
    discriminator_a: &judge
      class_path: gan_modules.networks.patchgan.PatchDiscriminator
      init_args: {channels: 1, width: 4, layers: 2}
    discriminator_b: *judge
data: {class_path: tests.helpers_translation.SmallDomains, init_args: {held_out: 40}}
loggers: {wandb: disabled}
evaluation: {samples: 12, space: rand_vgg}
sample_grid: {every_n_images: null}
"""
FEW = ("--samples", 20)


@pytest.fixture(scope="module")
def runs(server: CommandServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``cycle`` translates, ``unit`` does so through codes, ``points`` draws samples."""
    root = tmp_path_factory.mktemp("probe")
    (root / "cycle.yaml").write_text(CYCLE)
    (root / "unit.yaml").write_text(UNIT)
    # A run probes itself at its end; these are to be probed by the command.
    never = ("--steganography.at_end=false", "--input_use.at_end=false")
    for name in ("cycle", "unit", "points"):
        config = TOY if name == "points" else root / f"{name}.yaml"
        words = ("--config", config, "--trainer.max_steps", 2, "--run_dir", root / name, *never)
        code, output = server.run("fit", *words, cwd=root)
        assert code == 0, output
    return root


def probe(server: CommandServer, runs: Path, *words: object) -> str:
    code, output = server.run("probe", *words, cwd=runs)
    assert code == 0, output
    return output


def test_it_prints_verdicts_and_writes_rows_and_pictures(
    server: CommandServer, runs: Path, tmp_path: Path
) -> None:
    shutil.copytree(runs / "cycle", tmp_path / "run")
    lines = probe(server, runs, tmp_path / "run", *FEW).splitlines()
    heads = [line.partition(":")[0] for line in lines]
    assert heads == [
        "input use, a to b",
        "input use, b to a",
        "  picture",
        "steganography, a to b",
        "steganography, b to a",
        "  picture",
    ]
    assert " % comes back, of which 8 bits and one grey level of noise destroy " in lines[3]
    run = RunFolder.open(tmp_path / "run")
    rows = run.read_translations()
    assert [(row["kind"], row["images_seen"]) for row in rows] == [
        ("input_use", 8),
        ("steganography", 8),
    ]
    for row, line in zip(rows, (lines[2], lines[5]), strict=True):
        assert line == f"  picture: {run.path / row['picture']}"
        with Image.open(run.path / row["picture"]) as picture:
            assert picture.size[0] >= 900


def test_json_is_one_object_and_the_run_stays_as_it_is(
    server: CommandServer, runs: Path, tmp_path: Path
) -> None:
    before = sorted((runs / "cycle").rglob("*"))
    words = ("cycle", *FEW, "--json", "--direction", "b:a", "--out")
    first, again = (json.loads(probe(server, runs, *words, tmp_path / name)) for name in "xy")
    assert sorted((runs / "cycle").rglob("*")) == before
    assert list(first["steganography"]["directions"]) == ["b to a"]
    for found in (first, again):
        for kind in ("input_use", "steganography"):
            found[kind].pop("seconds")
    assert first == again
    assert len(RunFolder(tmp_path / "x").read_translations()) == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("points",),
            "run must be of a module that translates, got WGANGP; ganagerie memorization",
        ),
        (("cycle", "--samples", 3), "samples must be at least 16, got 3; 256 is the default"),
        (("cycle", "--direction", "ab"), "must be two domains such as a:b, got 'ab'"),
        (("cycle", "--direction", "a:c"), "directions must be among [a, b], [b, a], got [a, c]"),
        (("cycle", "--out", "cycle.yaml"), "--out must be a folder, got cycle.yaml, a file"),
    ],
)
def test_what_cannot_be_probed_is_refused_in_one_line(
    server: CommandServer, runs: Path, words: tuple[object, ...], message: str
) -> None:
    code, output = server.run("probe", *words, cwd=runs)
    assert code == 2 and message in output and len(output.splitlines()) == 1, output


def test_codes_are_asked_for_their_domain_where_there_are_codes(
    server: CommandServer, runs: Path
) -> None:
    words = (*FEW, "--json", "--out", runs / "asked")
    found = json.loads(probe(server, runs, "unit", *words).splitlines()[-1])["codes"]
    # Twenty images of each domain, half of which the classifier is tried on.
    assert found["held_out"] == 20 and found["chance"] == 0.5 and 0 <= found["accuracy"] <= 1
    assert "codes: a linear classifier names the domain of" in probe(server, runs, "unit", *FEW)
    assert "codes" not in probe(server, runs, "cycle", *FEW, "--out", runs / "asked")


def test_codes_that_hold_their_domain_give_it_away() -> None:
    class Bright(nn.Module):
        """Codes of one domain are brighter."""

        def __init__(self, light: float) -> None:
            super().__init__()
            self.light = light

        def forward(self, x: Tensor) -> Tensor:
            return x[:, :, :4, :4] + self.light

    def opened(light: float) -> OpenedRun:
        codec = DomainCodec([Bright(0.0), Bright(light)], [nn.Identity(), nn.Identity()], share=0)
        module = SimpleNamespace(sampler=lambda: codec, device=torch.device("cpu"))
        data = SimpleNamespace(reference=lambda split, domain: noise(domain))
        return cast(OpenedRun, SimpleNamespace(module=module, data=lambda: data))

    def noise(domain: str) -> list[dict[str, Tensor]]:
        own = torch.Generator().manual_seed(ord(domain))
        images = torch.randint(0, 256, (200, 1, 8, 8), generator=own, dtype=torch.uint8)
        return [{"image": image} for image in images]

    told, hidden = look_at_codes(opened(2.0), 200, 0), look_at_codes(opened(0.0), 200, 0)
    assert told is not None and told.accuracy == 1.0 and told.chance == 0.5
    assert hidden is not None and hidden.accuracy < 0.65
