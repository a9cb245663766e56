import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from datamodules.images import ImageFolder

Noise = Callable[..., NDArray[Any]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "My photos"
    path.mkdir()
    return path


def save(path: Path, pixels: NDArray[Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.squeeze()).save(path)


def whole(folder: Path, **options: Any) -> ImageFolder:
    """All images for training, in batches of one."""
    return ImageFolder(str(folder), **{"batch_size": 1, "held_out_share": 0.0, **options})


def refusal(folder: Path, **options: Any) -> str:
    """The message with which the folder is refused before training starts; always one line."""
    with pytest.raises((ValueError, FileNotFoundError)) as caught:
        whole(folder, **options).setup()
    message = str(caught.value)
    assert "\n" not in message and message.startswith("ImageFolder: ") and "; " in message
    return message


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_images_keep_their_channels_and_levels(folder: Path, noise: Noise, channels: int) -> None:
    pixels = [noise(6, 6, channels) for _ in range(3)]
    for name, image in zip("abc", pixels, strict=True):
        save(folder / f"{name}.png", image)
    module = whole(folder)
    assert module.image_shape == (channels, 6, 6) and module.name == "my-photos-6"
    assert module.class_names is None and module.attribution == ""
    for i, image in enumerate(pixels):
        item = module.reference("train")[i]
        assert np.array_equal(item["image"].numpy(), image.transpose(2, 0, 1))
        assert "label" not in item
    trained = sorted(b["image"].sum().item() for b in module.train_dataloader())
    expected = sorted((image / 127.5 - 1).sum() for image in pixels)
    assert trained == pytest.approx(expected, abs=1e-4)


def test_16_bits_survive_until_training(folder: Path, noise: Noise, write_deep_png: Any) -> None:
    pixels = noise(6, 8, 3, dtype="uint16")
    write_deep_png(folder / "deep.png", pixels)
    module = whole(folder)
    batch = next(iter(module.train_dataloader()))["image"]
    assert batch.dtype == torch.float32 and batch.shape == (1, 3, 6, 8)
    levels = (batch.double() + 1) * 32767.5
    torch.testing.assert_close(
        levels[0].round(), torch.from_numpy(pixels.transpose(2, 0, 1).astype(np.float64))
    )
    assert (levels - levels.round()).abs().max() < 0.01
    assert module._opened().array.dtype == np.uint16
    reference = module.reference("train")[0]["image"].numpy()
    assert np.array_equal(reference, np.rint(pixels / 257.0).astype(np.uint8).transpose(2, 0, 1))
    assert module.name == "my-photos-6x8"


def test_deeper_images_widen_the_others_without_loss(folder: Path, noise: Noise) -> None:
    shallow, deep = noise(5, 5), noise(5, 5, dtype="uint16")
    save(folder / "a.png", shallow)
    save(folder / "b.png", deep)
    array = whole(folder).load().array
    assert array.dtype == np.uint16
    assert np.array_equal(array[0, 0], shallow.astype(np.uint16) * 257)
    assert np.array_equal(array[1, 0], deep)


def test_sub_folders_are_classes_however_deep_the_images_lie(folder: Path, noise: Noise) -> None:
    for name in ("dog/a.png", "cat/x/y/b.png", "cat/c.jpg"):
        save(folder / name, noise(4, 4, 3))
    (folder / ".hidden").mkdir()
    save(folder / ".hidden" / "d.png", noise(9, 9, 3))
    (folder / "cat" / "notes.txt").write_text("no image")
    module = whole(folder)
    assert module.class_names == ("cat", "dog")
    assert [item["label"] for item in module.reference("train")] == [0, 0, 1]
    assert {b["label"].item() for b in module.train_dataloader()} == {0, 1}
    assert whole(folder, labels=False).class_names is None


def test_flat_folder_and_single_sub_folder_have_no_classes(folder: Path, noise: Noise) -> None:
    save(folder / "only" / "a.png", noise(4, 4))
    assert whole(folder).class_names is None
    save(folder / "b.png", noise(4, 4))
    assert whole(folder).class_names is None
    assert len(whole(folder).reference("train")) == 2


def test_image_beside_the_classes_is_refused(folder: Path, noise: Noise) -> None:
    for name in ("cat/a.png", "dog/b.png", "stray.png"):
        save(folder / name, noise(4, 4))
    message = refusal(folder)
    assert "labels must be false" in message and "stray.png" in message
    assert "set labels: false" in message


def test_mixed_sizes_are_refused_with_both_files_unless_resized(folder: Path, noise: Noise) -> None:
    save(folder / "a.png", noise(8, 6, 3))
    save(folder / "b.png", noise(5, 9, 3))
    message = refusal(folder)
    assert "a.png (6x8) and " in message and "b.png (9x5)" in message
    assert message.endswith("set size: 5")
    assert whole(folder, size=5).image_shape == (3, 5, 5)


def test_resize_can_be_forbidden(folder: Path, noise: Noise) -> None:
    save(folder / "a.png", noise(8, 8, 3))
    save(folder / "b.png", noise(8, 9, 3))
    message = refusal(folder, size=8, resize="none")
    assert "resize must be center_crop where an image is not 8x8" in message
    assert "b.png (9x8)" in message
    (folder / "b.png").unlink()
    assert whole(folder, size=8, resize="none").image_shape == (3, 8, 8)


def test_mixed_channels_are_refused_with_both_files_unless_converted(
    folder: Path, noise: Noise
) -> None:
    grey, colour = noise(4, 4), noise(4, 4, 4)
    save(folder / "a.png", grey)
    save(folder / "b.png", colour)
    message = refusal(folder)
    assert "a.png (1) and " in message and "b.png (4)" in message
    assert "set channels: 3 for RGB or 1 for grey" in message
    array = whole(folder, channels=3).load().array
    assert np.array_equal(array[0], np.stack([grey] * 3))
    share = colour[..., 3:] / 255
    expected = (colour[..., :3] * share + 255 * (1 - share)).transpose(2, 0, 1)
    assert np.abs(array[1] - expected).max() <= 0.5 + 1e-9


def test_arrays_with_many_channels_train_but_are_not_converted(folder: Path, noise: Noise) -> None:
    pixels = noise(5, 5, 7)
    np.save(folder / "spectrum.npy", pixels)
    assert whole(folder).image_shape == (7, 5, 5)
    assert "channels must be left out where an image has 7 of them" in refusal(folder, channels=3)


def test_stack_gives_all_its_images(folder: Path, noise: Noise) -> None:
    stack, single = noise(3, 5, 5, 3), noise(5, 5, 3)
    np.save(folder / "a.npy", stack)
    save(folder / "b.png", single)
    array = whole(folder).load().array
    assert np.array_equal(array, np.concatenate([stack, single[None]]).transpose(0, 3, 1, 2))


def test_float_arrays_map_their_range_to_the_contract(folder: Path) -> None:
    values = np.linspace(0.0, 1.0, 16).reshape(4, 4)
    np.save(folder / "a.npy", values)
    message = refusal(folder)
    assert "float_range must be set where float images have no negative value" in message
    image = whole(folder, float_range=(0.0, 1.0)).load().array
    np.testing.assert_allclose(image[0, 0], values * 2 - 1, atol=1e-6)
    np.testing.assert_allclose(
        whole(folder, float_range=(-1.0, 1.0)).load().array[0, 0], values, atol=1e-6
    )
    np.save(folder / "a.npy", values - 0.5)
    np.testing.assert_allclose(whole(folder).load().array[0, 0], values - 0.5, atol=1e-6)
    np.save(folder / "a.npy", values * 300 - 1)
    message = refusal(folder)
    assert "float_range must hold every value, here -1 to 1" in message
    assert "-1 to 299" in message and "a.npy" in message


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_finite_are_refused(folder: Path, value: float) -> None:
    np.save(folder / "bad.npy", np.full((4, 4), value))
    message = refusal(folder)
    assert "must be finite, got NaN or infinity in " in message and "bad.npy" in message


def test_corrupt_image_is_named_and_leaves_no_cache(
    folder: Path, noise: Noise, cache: Path
) -> None:
    for name in "abc":
        save(folder / f"{name}.png", noise(16, 16, 3))
    (folder / "b.png").write_bytes((folder / "b.png").read_bytes()[:300])
    message = refusal(folder)
    assert "every file must be a readable image, got " in message and "b.png (" in message
    assert not list((cache / "datasets").glob("*"))
    (folder / "b.png").unlink()
    assert len(whole(folder).reference("train")) == 2


def test_folder_without_images_is_refused(folder: Path) -> None:
    (folder / "readme.txt").write_text("nothing to see")
    message = refusal(folder)
    assert "folder must hold images" in message and "My photos" in message and ".png" in message


def test_missing_folder_is_refused_at_once(folder: Path) -> None:
    for path in (folder / "typo", folder / "file"):
        (folder / "file").write_text("x")
        with pytest.raises(
            FileNotFoundError, match="folder must be a folder of images, got '.*'; "
        ):
            ImageFolder(str(path))


def test_images_are_decoded_again_only_when_a_file_or_an_option_changes(
    folder: Path, noise: Noise, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(folder / "a.png", noise(6, 6, 3))
    first = whole(folder)
    first.setup()
    decoded: list[int] = []
    original = ImageFolder._decode

    def counted(self: ImageFolder, files: Any) -> Any:
        decoded.append(len(files))
        return original(self, files)

    monkeypatch.setattr(ImageFolder, "_decode", counted)
    assert whole(folder, seed=4, mirror=True).fingerprint() == first.fingerprint()
    assert decoded == []
    assert whole(folder, size=3).fingerprint() != first.fingerprint()
    assert decoded == [1]
    stat = (folder / "a.png").stat()
    os.utime(folder / "a.png", ns=(stat.st_atime_ns, stat.st_mtime_ns + 10**9))
    assert whole(folder).fingerprint() == first.fingerprint()
    assert decoded == [1, 1]
    save(folder / "b.png", noise(6, 6, 3))
    assert whole(folder).fingerprint() != first.fingerprint()
    assert decoded == [1, 1, 2]


def test_linked_folder_is_followed_once(folder: Path, noise: Noise) -> None:
    save(folder / "cat" / "a.png", noise(4, 4))
    (folder / "cat" / "loop").symlink_to(folder)
    assert len(whole(folder).reference("train")) == 1


def test_many_images_keep_their_order(folder: Path) -> None:
    for i in range(300):
        save(folder / f"{i:03d}.png", np.full((2, 2), i % 256, np.uint8))
    array = whole(folder).load().array
    assert array[:, 0, 0, 0].tolist() == [i % 256 for i in range(300)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 0}, "size must be at least 1, got 0; set size: 64"),
        ({"channels": 5}, "channels must be 1, 2, 3 or 4, got 5; set channels: 3"),
        ({"resize": "stretch"}, "resize must be center_crop or none, got 'stretch'; set resize"),
        ({"float_range": (1.0, 0.0)}, "float_range must rise from black to white, got (1.0, 0.0)"),
        ({"batch_size": 9}, "batch_size must be at most 2 for 2 training images"),
    ],
)
def test_options_out_of_range_are_refused(
    folder: Path, noise: Noise, options: dict[str, Any], message: str
) -> None:
    save(folder / "a.png", noise(4, 4))
    save(folder / "b.png", noise(4, 4))
    with pytest.raises(ValueError) as caught:
        whole(folder, **options).setup()
    assert message in str(caught.value)
