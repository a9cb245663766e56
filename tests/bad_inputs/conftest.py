"""Runs that cases copy and damage, trained once, and a folder for each case."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command_server import CommandServer
from tests.helpers_bad_domains import AB
from tests.helpers_bad_inputs import TOY, Place, pictures

IMAGES = """
trainer: {accelerator: cpu, max_steps: 2, enable_progress_bar: false}
model:
  class_path: DCGAN
  init_args:
    generator:
      class_path: gan_modules.networks.dcgan.DCGANGenerator
      init_args: {size: 32, channels: 3, latent_dim: 4, width: 4}
    discriminator:
      class_path: gan_modules.networks.dcgan.DCGANDiscriminator
      init_args: {size: 32, channels: 3, width: 4}
data: {class_path: ImageFolder, init_args: {folder: pictures, batch_size: 8}}
loggers: {wandb: disabled}
evaluation: {every_n_images: null, samples: 12, space: rand_vgg}
"""

_TRANSLATOR = """
      class_path: gan_modules.networks.resnet_translator.ResnetTranslator
      init_args: {in_channels: 3, out_channels: 3, width: 4, downs: 1, blocks: 1}"""
_JUDGE = """
      class_path: gan_modules.networks.patchgan.PatchDiscriminator
      init_args: {channels: 3, width: 4, layers: 1}"""
CYCLE = f"""
trainer: {{accelerator: cpu, max_steps: 2, enable_progress_bar: false}}
model:
  class_path: CycleGAN
  init_args:
    generator_ab: {_TRANSLATOR}
    generator_ba: {_TRANSLATOR}
    discriminator_a: {_JUDGE}
    discriminator_b: {_JUDGE}
data: {{class_path: UnpairedFolders, init_args: {{folder_a: A, folder_b: B, batch_size: 4}}}}
loggers: {{wandb: disabled}}
evaluation: {{every_n_images: null, samples: 12, space: rand_vgg}}
steganography: {{at_end: false}}
input_use: {{at_end: false}}
"""


@pytest.fixture(scope="session")
def trained(
    server: CommandServer, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Path], Path]:
    """The runs by name, and the cache that they left."""
    root = tmp_path_factory.mktemp("trained")
    cache = root / "cache"
    (root / "images.yaml").write_text(IMAGES)
    (root / "cycle.yaml").write_text(CYCLE)
    for make in (pictures(), *AB):
        make(Place(root, {}, cache))
    words = {
        "toy": ["--config", TOY, "--trainer.max_steps", "30"],
        "images": ["--config", "images.yaml"],
        "cycle": ["--config", "cycle.yaml"],
    }
    for name, options in words.items():
        code, output = server.run(
            "fit", *options, "--run_dir", root / name, env={"GANAGERIE_CACHE": str(cache)}, cwd=root
        )
        assert code == 0, output
    return {name: root / name for name in words}, cache


@pytest.fixture
def place(trained: tuple[dict[str, Path], Path], tmp_path: Path) -> Iterator[Place]:
    runs, cache = trained
    shutil.copy(TOY, tmp_path / "toy.yaml")
    yield Place(tmp_path, runs, cache)
    mounts = Path("/proc/mounts")
    for line in mounts.read_text().splitlines() if mounts.exists() else ():
        if (mounted := line.split()[1]).startswith(str(tmp_path)):
            subprocess.run(["umount", mounted], check=True)
