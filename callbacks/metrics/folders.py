"""Scores of one folder of images against another, as users of pytorch-fid and clean-fid expect."""

import hashlib
import io
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from callbacks.metrics.bank import FeatureBank
from callbacks.metrics.features import FeatureSpace
from callbacks.metrics.names import Protocol
from callbacks.metrics.reference import RealStatistics
from callbacks.metrics.scoring import ScoreSettings, score_bank

EXTENSIONS = frozenset(
    ".avif .bmp .gif .jfif .jp2 .jpe .jpeg .jpg .pbm .pgm .png .pnm .ppm .tga .tif .tiff "
    ".webp".split()
)

# Images decoded at a time: 200 MB at 1024 pixels.
_CHUNK = 64


@dataclass(frozen=True)
class FolderScores:
    """Scores of two folders.

    Attributes:
        scores: by name.
        protocol: under which they hold.
        n_real: number of real images.
        n_fake: number of generated images.
        sizes: the (width, height) pairs in pixels that were met, real and fake.
    """

    scores: dict[str, float]
    protocol: Protocol
    n_real: int
    n_fake: int
    sizes: tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]]


def image_files(folder: str | Path) -> list[Path]:
    """Return the image files in a folder and its sub-folders, sorted by path.

    Args:
        folder: any folder; names that begin with a dot are passed over.

    Raises:
        ValueError: when it is no folder, or holds no image.
    """
    root = Path(folder)
    if not root.is_dir():
        raise ValueError(
            f"image_files: folder must be an existing folder, got {root}; check the path"
        )
    found = sorted(
        path
        for path in root.rglob("*")
        if path.suffix.lower() in EXTENSIONS
        and not any(part.startswith(".") for part in path.relative_to(root).parts)
        and path.is_file()
    )
    if not found:
        raise ValueError(
            f"image_files: folder must hold images, got none in {root}; "
            f"known endings are {' '.join(sorted(EXTENSIONS))}"
        )
    return found


def read_image(path: Path) -> tuple[Tensor, bytes]:
    """Read one image file as RGB bytes.

    Args:
        path: a file that Pillow can read. 16-bit grey is scaled to 8 bits; transparency is
            dropped, as the reference packages do.

    Returns:
        uint8 ``(3, H, W)``, and the sha256 of the file.

    Raises:
        ValueError: naming the file when it cannot be read.
    """
    try:
        content = path.read_bytes()
        with Image.open(io.BytesIO(content)) as image:
            if image.mode.startswith("I"):
                # Pillow would clip everything above 255 to white.
                grey = np.asarray(image).astype(np.float64) / 257.0
                pixels = np.repeat(
                    np.rint(grey.clip(0.0, 255.0)).astype(np.uint8)[..., None], 3, axis=2
                )
            else:
                pixels = np.array(image.convert("RGB"))
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(
            f"read_image: path must be a readable image, got {path} ({reason}); "
            "replace or remove the file"
        ) from error
    return torch.from_numpy(pixels).permute(2, 0, 1), hashlib.sha256(content).digest()


def score_folders(
    real_dir: str | Path,
    fake_dir: str | Path,
    space: FeatureSpace,
    settings: ScoreSettings | None = None,
    device: torch.device | str = "cpu",
) -> FolderScores:
    """Score all images of a folder against all images of another.

    Args:
        real_dir: folder of the reference.
        fake_dir: folder of the generated images.
        space: the feature space, on its device.
        settings: None for those of the reference packages.
        device: where the scores are computed; it needs float64.

    Raises:
        ValueError: for a missing or empty folder, an unreadable file (named), images of unlike
            sizes in one folder where the space does not bring them to one size without aliasing,
            or too few images.
    """
    if not space.takes_images:
        raise ValueError(
            f"score_folders: space must take images, got {space.id}; choose efflite0 or rand_vgg"
        )
    chosen = ScoreSettings.published() if settings is None else settings
    # Both listings first: a wrong path shall not cost the features of the other folder.
    real_files, fake_files = image_files(real_dir), image_files(fake_dir)
    for folder, files in ((real_dir, real_files), (fake_dir, fake_files)):
        if len(files) < chosen.least_samples:
            raise ValueError(
                f"score_folders: folder must hold at least {chosen.least_samples} images, got "
                f"{len(files)} in {folder}; add images, thousands for scores that mean something"
            )
    real, fingerprint, real_sizes = _bank_of(real_files, space)
    fake, _, fake_sizes = _bank_of(fake_files, space)
    statistics = RealStatistics.of(
        space, real, most_features=len(real), data=fingerprint, split="folder"
    )
    return FolderScores(
        scores=score_bank(statistics, fake, chosen, device),
        protocol=statistics.protocol(space, len(fake), "files", chosen.line()),
        n_real=len(real),
        n_fake=len(fake),
        sizes=(real_sizes, fake_sizes),
    )


def _bank_of(
    files: Sequence[Path], space: FeatureSpace
) -> tuple[FeatureBank, str, tuple[tuple[int, int], ...]]:
    digest = hashlib.sha256()
    sizes: dict[tuple[int, int], Path] = {}
    features, logits = [], []
    for paths, images, hashes in _read_all(files):
        for path, image, content in zip(paths, images, hashes, strict=True):
            digest.update(content)
            sizes.setdefault((image.shape[2], image.shape[1]), path)
        if len(sizes) > 1 and not space.mixed_sizes:
            (first, there), (second, here) = list(sizes.items())[:2]
            raise ValueError(
                f"score_folders: images must share one size for {space.id}, got "
                f"{first[0]}x{first[1]} ({there}) and {second[0]}x{second[1]} ({here}); resize "
                "them, or choose a space that does (inception_clean, efflite0, rand_vgg)"
            )
        for stack in _stacks(images):
            found = space(stack)
            features.append(found.features.cpu())
            if found.logits is not None:
                logits.append(found.logits.cpu())
    bank = FeatureBank(space.id, torch.cat(features), torch.cat(logits) if logits else None)
    return bank, digest.hexdigest()[:16], tuple(sorted(sizes))


def _read_all(files: Sequence[Path]) -> Iterator[tuple[Sequence[Path], list[Tensor], list[bytes]]]:
    # Pillow decodes outside the interpreter's lock, so threads are enough.
    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        for start in range(0, len(files), _CHUNK):
            paths = files[start : start + _CHUNK]
            read = list(pool.map(read_image, paths))
            yield paths, [image for image, _ in read], [content for _, content in read]


def _stacks(images: list[Tensor]) -> Iterator[Tensor]:
    """Stack neighbours of one shape, so that the order is kept."""
    start = 0
    for i in range(1, len(images) + 1):
        if i == len(images) or images[i].shape != images[start].shape:
            yield torch.stack(images[start:i])
            start = i
