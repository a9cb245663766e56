"""Bad inputs of translations and of what generators are told: settings and files of them."""

import wave
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.helpers_bad_inputs import Make, Place, settings

NETWORKS = "gan_modules.networks"
SIZE = 16


def network(path: str, **init_args: Any) -> dict[str, Any]:
    return {"class_path": f"{NETWORKS}.{path}", "init_args": init_args}


def translator(inputs: int = 3, outputs: int = 3, **more: Any) -> dict[str, Any]:
    small = {"in_channels": inputs, "out_channels": outputs, "width": 4, "blocks": 1, "downs": 1}
    return network("resnet_translator.ResnetTranslator", **{**small, **more})


def judge(channels: int = 3, **more: Any) -> dict[str, Any]:
    small = {"channels": channels, "width": 4, "layers": 1}
    return network("patchgan.PatchDiscriminator", **{**small, **more})


def unet(**more: Any) -> dict[str, Any]:
    small = {"in_channels": 3, "out_channels": 3, "downs": 2, "width": 4, "dropout_blocks": 1}
    return network("unet.UNet", **{**small, **more})


def folders(kind: str = "UnpairedFolders", **more: Any) -> dict[str, Any]:
    """Data of the folders A and B."""
    small = {"folder_a": "A", "folder_b": "B", "size": SIZE, "batch_size": 4}
    given = {key: value for key, value in {**small, **more}.items() if value != "left out"}
    return {"class_path": kind, "init_args": given}


def trains(variant: str, data: dict[str, Any], init_args: dict[str, Any], **sections: Any) -> Make:
    """Write ``bad.yaml``: a variant on data."""
    return settings(
        model={"class_path": variant, "init_args": init_args},
        data=data,
        **{"evaluation": {"samples": 12, "space": "rand_vgg"}, **sections},
    )


def cycle(data: dict[str, Any] | None = None, sections: Any = None, **more: Any) -> Make:
    """Write ``bad.yaml``: a CycleGAN, by default of the folders A and B."""
    parts = {
        "generator_ab": translator(),
        "generator_ba": translator(),
        "discriminator_a": judge(),
        "discriminator_b": judge(),
    }
    return trains("CycleGAN", data or folders(), {**parts, **more}, **(sections or {}))


def pix2pix(data: dict[str, Any] | None = None, **more: Any) -> Make:
    """Write ``bad.yaml``: a pix2pix, by default of the pairs in A and B."""
    parts = {"generator": unet(), "discriminator": judge(6)}
    given = {key: value for key, value in {**parts, **more}.items() if value != "left out"}
    return trains("Pix2Pix", data or folders("PairedFolders"), given)


def stargan(domains: list[str], data: dict[str, Any] | None = None, **more: Any) -> Make:
    """Write ``bad.yaml``: a StarGAN, by default of the sub-folders of ``sets``."""
    count = len(domains)
    parts = {
        "generator": network(
            "stargan.StarGANGenerator", channels=3, attributes=count, width=4, blocks=1
        ),
        "discriminator": network(
            "stargan.StarGANDiscriminator",
            channels=3,
            attributes=count,
            size=SIZE,
            width=4,
            layers=2,
        ),
        "domains": domains,
    }
    own = {
        "class_path": "DomainFolders",
        "init_args": {"folder": "sets", "size": SIZE, "batch_size": 4},
    }
    return trains("StarGAN", data or own, {**parts, **more})


def of_sentences(
    data: dict[str, Any], text_dim: int = 256, sections: Any = None, **more: Any
) -> Make:
    """Write ``bad.yaml``: a GAN-CLS."""
    small = {"size": 32, "channels": 3, "text_dim": text_dim, "projection_dim": 4, "width": 4}
    parts = {
        "generator": network("text_image.TextImageGenerator", latent_dim=4, **small),
        "discriminator": network("text_image.TextImageDiscriminator", **small),
    }
    return trains("GANCLS", data, {**parts, **more}, **(sections or {}))


def of_sounds(
    data: dict[str, Any], classes: int = 2, frames: int = 32, sections: Any = None, **more: Any
) -> Make:
    """Write ``bad.yaml``: a SoundToImage."""
    small = {"size": 32, "channels": 3, "width": 4, "num_classes": classes}
    parts = {
        "generator": network(
            "sound_image.SoundImageGenerator", latent_dim=4, frames=frames, encoder_width=2, **small
        ),
        "discriminator": network("sound_image.SoundImageDiscriminator", code_dim=16, **small),
        "encoder_training": "joint",
        "pretraining_images": 0,
    }
    return trains("SoundToImage", data, {**parts, **more}, **(sections or {}))


def noise_pictures(
    name: str,
    count: int = 24,
    size: tuple[int, int] = (SIZE, SIZE),
    mode: str = "RGB",
    ending: str = "png",
    first: int = 0,
) -> Make:
    """Write a folder of pictures that no other folder has."""

    def make(place: Place) -> None:
        where = place.path / name
        where.mkdir(parents=True, exist_ok=True)
        draws = np.random.default_rng([first, *name.encode()])
        for number in range(first, first + count):
            shape = (size[1], size[0], *({"L": (), "RGB": (3,)}[mode]))
            pixels = draws.integers(0, 256, shape, dtype=np.uint8)
            Image.fromarray(pixels).save(where / f"{number:03d}.{ending}")

    return make


AB = (noise_pictures("A"), noise_pictures("B"))


def sound(
    name: str, seconds: float = 0.6, rate: int = 16_000, channels: int = 1, width: int = 2
) -> Make:
    """Write a WAV of noise."""

    def make(place: Place) -> None:
        write_noise(place.path / name, seconds, rate, channels, width)

    return make


def write_noise(path: Path, seconds: float, rate: int, channels: int, width: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draws = np.random.default_rng(len(path.name))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(draws.bytes(round(seconds * rate) * channels * width))
