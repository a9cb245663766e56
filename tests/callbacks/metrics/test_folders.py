"""Scores of two folders of images."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from callbacks.metrics.efflite import EffLiteSpace
from callbacks.metrics.features import IdentitySpace
from callbacks.metrics.folders import image_files, read_image, score_folders
from callbacks.metrics.inception import InceptionSpace
from callbacks.metrics.rand_vgg import RandVGGSpace
from tests.callbacks.metrics.helpers_inception import varied_images


def write(folder: Path, images: torch.Tensor, ending: str = ".png") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for i, image in enumerate(images):
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(folder / f"{i:03d}{ending}")
    return folder


def test_equal_folders_have_distance_zero_and_unlike_ones_do_not(tmp_path: Path) -> None:
    real = write(tmp_path / "real", varied_images(20, 1, 1.0))
    fake = write(tmp_path / "fake", varied_images(16, 2, 0.7))
    same = score_folders(real, real, RandVGGSpace())
    other = score_folders(real, fake, RandVGGSpace())
    assert same.scores["fd_rand_vgg@20"] == pytest.approx(0.0, abs=1e-6)
    assert same.scores["precision_rand_vgg@20"] == same.scores["coverage_rand_vgg@20"] == 1.0
    assert other.scores["fd_rand_vgg@16"] > 1
    assert "precision_k3le_rand_vgg@16" in other.scores
    assert (other.n_real, other.n_fake) == (20, 16)
    assert other.sizes == (((24, 24),), ((24, 24),))
    assert other.protocol.generator == "files" and other.protocol.n_real == 20
    assert other.protocol.data == same.protocol.data


def test_protocol_knows_the_content_of_the_real_folder(tmp_path: Path) -> None:
    first = write(tmp_path / "a", varied_images(8, 1, 1.0))
    second = write(tmp_path / "b", varied_images(8, 2, 1.0))
    protocols = [score_folders(f, first, RandVGGSpace()).protocol for f in (first, second)]
    with pytest.raises(ValueError, match="data '.*' and '.*'"):
        protocols[0].compare(protocols[1])


def test_files_are_found_in_sub_folders_in_order_and_others_passed_over(tmp_path: Path) -> None:
    write(tmp_path / "b", varied_images(2, 1, 1.0))
    write(tmp_path / "a" / "deep", varied_images(1, 1, 1.0), ".JPG")
    write(tmp_path / ".hidden", varied_images(1, 1, 1.0))
    (tmp_path / "notes.txt").write_text("no image")
    found = [str(path.relative_to(tmp_path)) for path in image_files(tmp_path)]
    assert found == ["a/deep/000.JPG", "b/000.png", "b/001.png"]


@pytest.mark.parametrize(
    ("mode", "value", "expected"),
    [
        ("L", 77, (77, 77, 77)),
        ("RGBA", (9, 8, 7, 0), (9, 8, 7)),
        ("1", 1, (255, 255, 255)),
        ("P", 3, (3, 3, 3)),
    ],
)
def test_any_mode_is_read_as_rgb(
    tmp_path: Path, mode: str, value: int, expected: tuple[int, ...]
) -> None:
    image = Image.new(mode, (5, 4), value)
    if mode == "P":
        image.putpalette([i for i in range(256) for _ in range(3)])
    image.save(tmp_path / "a.png")
    found, digest = read_image(tmp_path / "a.png")
    assert found.shape == (3, 4, 5) and found.dtype == torch.uint8
    assert tuple(found[:, 0, 0].tolist()) == expected
    assert len(digest) == 32


def test_sixteen_bit_grey_is_scaled_and_not_clipped(tmp_path: Path) -> None:
    values = np.array([[0, 257, 32896, 65535]], dtype=np.uint16)
    for ending in (".png", ".tif"):
        Image.fromarray(values).save(tmp_path / f"a{ending}")
        found, _ = read_image(tmp_path / f"a{ending}")
        assert found[0].tolist() == [[0, 1, 128, 255]]


def test_missing_and_empty_folders_are_refused(tmp_path: Path) -> None:
    full = write(tmp_path / "full", varied_images(8, 1, 1.0))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="an existing folder, got .*missing; check"):
        score_folders(full, tmp_path / "missing", RandVGGSpace())
    with pytest.raises(ValueError, match="must hold images, got none in .*empty; known"):
        score_folders(tmp_path / "empty", full, RandVGGSpace())


@pytest.mark.parametrize("damage", ["empty", "text", "truncated"])
def test_unreadable_file_is_named(tmp_path: Path, damage: str) -> None:
    folder = write(tmp_path / "real", varied_images(8, 1, 1.0, side=64))
    bad = folder / "003.png"
    content = {"empty": b"", "text": b"hello", "truncated": bad.read_bytes()[:150]}[damage]
    bad.write_bytes(content)
    with pytest.raises(
        ValueError, match=r"readable image, got .*003\.png \(.*\); replace"
    ) as error:
        score_folders(folder, folder, RandVGGSpace())
    assert "\n" not in str(error.value)


def test_mixed_sizes_need_a_space_that_does_not_alias(
    tmp_path: Path, inception_weights: Path
) -> None:
    folder = write(tmp_path / "real", varied_images(8, 1, 1.0))
    large = varied_images(1, 3, 1.0, side=48)
    write(folder / "large", large)
    with pytest.raises(ValueError, match=r"one size .* got 24x24 \(.*\) and 48x48 \(.*000\.png\)"):
        score_folders(folder, folder, InceptionSpace(inception_weights))
    found = score_folders(folder, folder, RandVGGSpace())
    assert found.sizes[0] == ((24, 24), (48, 48))


def test_points_cannot_be_read_from_folders_and_few_images_not_scored(tmp_path: Path) -> None:
    folder = write(tmp_path / "real", varied_images(3, 1, 1.0))
    with pytest.raises(ValueError, match="must take images, got identity"):
        score_folders(folder, folder, IdentitySpace())
    with pytest.raises(ValueError, match="at least 6 images, got 3"):
        score_folders(folder, folder, RandVGGSpace())


def test_grey_and_colour_folders_mix_and_logits_are_scored(tmp_path: Path) -> None:
    real = write(tmp_path / "real", varied_images(8, 1, 1.0))
    grey = tmp_path / "grey"
    grey.mkdir()
    for i, path in enumerate(image_files(real)):
        Image.open(path).convert("L").save(grey / f"{i}.png")
    found = score_folders(real, grey, EffLiteSpace(32))
    assert found.scores["cs_efflite0@8"] >= 1.0
    assert found.scores["fd_efflite0@8"] > 0.0
    assert found.protocol.caveats()[0].startswith("The Frechet distance is mostly bias: 8 samples")
