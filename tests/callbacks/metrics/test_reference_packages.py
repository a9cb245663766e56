"""The same two folders and the same Inception weights: torch-fidelity and clean-fid agree."""

import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.testing import assert_close

from callbacks.metrics.folders import image_files, read_image, score_folders
from callbacks.metrics.frechet import frechet_from_features
from callbacks.metrics.inception import CleanInceptionSpace, InceptionSpace
from callbacks.metrics.manifold import Neighbours
from callbacks.metrics.scoring import ScoreSettings
from tests.callbacks.metrics.helpers_inception import reference_features, varied_images


def write_folders(root: Path, n: int) -> tuple[Path, Path]:
    """Real and generated images, unlike in number."""
    folders = root / "real", root / "fake"
    for folder, count, seed, light in zip(folders, (n + 2, n), (1, 2), (1.0, 0.8), strict=True):
        folder.mkdir()
        for i, image in enumerate(varied_images(count, seed, light)):
            Image.fromarray(image.permute(1, 2, 0).numpy()).save(folder / f"{i:03d}.png")
    return folders


def score_both(
    tmp_path: Path, weights: Path, n: int, fid: bool
) -> tuple[dict[str, float], dict[str, float]]:
    """Scores of torch-fidelity, and ours under its names."""
    from torch_fidelity import calculate_metrics

    real, fake = write_folders(tmp_path, n)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = calculate_metrics(
            input1=str(fake),
            input2=str(real),
            feature_extractor="inception-v3-compat",
            feature_extractor_weights_path=str(weights),
            fid=fid,
            kid=True,
            isc=True,
            prc=True,
            kid_subset_size=n - 2,
            kid_subsets=10,
            isc_splits=2,
            cuda=False,
            cache=False,
            save_cpu_ram=True,
            verbose=False,
        )
    settings = ScoreSettings(
        kernel_subsets=10,
        kernel_subset_size=n - 2,
        manifolds=(Neighbours(k=3, inclusive=True),),
        balanced=False,
        splits=2,
    )
    found = score_folders(real, fake, InceptionSpace(weights), settings)
    assert (found.n_real, found.n_fake) == (n + 2, n)
    names = {
        "frechet_inception_distance": "fd",
        "kernel_inception_distance_mean": "kd",
        "inception_score_mean": "cs",
        "inception_score_std": "cs_sd",
        "precision": "precision_k3le",
        "recall": "recall_k3le",
    }
    ours = {
        name: found.scores[f"{stem}_inception_unverified@{n}"]
        for name, stem in names.items()
        if name in theirs
    }
    return {name: theirs[name] for name in ours}, ours


def test_scores_of_folders_equal_torch_fidelity(tmp_path: Path, inception_weights: Path) -> None:
    theirs, ours = score_both(tmp_path, inception_weights, 10, fid=False)
    assert ours == pytest.approx(theirs, rel=1e-3)
    # None of the comparisons may be empty.
    assert len(ours) == 5
    assert abs(ours["kernel_inception_distance_mean"]) > 1e-3
    assert ours["inception_score_mean"] > 1.2
    assert 0 < ours["recall"] < 1 or 0 < ours["precision"] < 1


@pytest.mark.slow
def test_frechet_distance_of_folders_equals_torch_fidelity(
    tmp_path: Path, inception_weights: Path
) -> None:
    theirs, ours = score_both(tmp_path, inception_weights, 48, fid=True)
    assert ours == pytest.approx(theirs, rel=1e-3)
    assert ours["frechet_inception_distance"] > 1


def test_frechet_distance_equals_the_formulas_of_both_packages() -> None:
    from cleanfid.fid import fid_from_feats
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

    # Their roots of 2048 dimensions take half a minute; the formulas do not know the number.
    draws = torch.Generator().manual_seed(0)
    real = torch.randn(300, 96, generator=draws).exp()
    fake = torch.randn(200, 96, generator=draws).exp() * 1.1 + 0.1
    ours = frechet_from_features(real, fake).value
    theirs = fid_statistics_to_metric(
        fid_features_to_statistics(fake), fid_features_to_statistics(real), False
    )
    with pytest.warns(DeprecationWarning):
        clean = fid_from_feats(fake.numpy(), real.numpy())
    assert ours == pytest.approx(theirs["frechet_inception_distance"], rel=1e-4)
    assert ours == pytest.approx(clean, rel=1e-4)


def clean_network(weights: Path) -> Callable[[Tensor], Tensor]:
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    net = FeatureExtractorInceptionV3(
        "reference", ["2048"], feature_extractor_weights_path=str(weights)
    )
    return lambda pixels: reference_features(net, pixels)


def test_clean_features_of_files_equal_clean_fid(tmp_path: Path, inception_weights: Path) -> None:
    from cleanfid.fid import get_files_features

    _, fake = write_folders(tmp_path, 8)
    files = image_files(fake)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = get_files_features(
            [str(path) for path in files],
            model=clean_network(inception_weights),
            num_workers=0,
            device=torch.device("cpu"),
            verbose=False,
        )
    images = torch.stack([read_image(path)[0] for path in files])
    ours = CleanInceptionSpace(inception_weights)(images).features
    assert_close(ours, torch.from_numpy(theirs), rtol=1e-3, atol=1e-4)
    # The other resize gives other features: the comparison sees the difference.
    other = InceptionSpace(inception_weights)(images[:2]).features
    assert (other - ours[:2]).abs().max() > 0.01


@pytest.mark.slow
def test_clean_frechet_distance_of_folders_equals_clean_fid(
    tmp_path: Path, inception_weights: Path
) -> None:
    from cleanfid.fid import compute_fid

    real, fake = write_folders(tmp_path, 48)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = compute_fid(
            str(fake),
            str(real),
            mode="clean",
            custom_feat_extractor=clean_network(inception_weights),
            num_workers=0,
            device=torch.device("cpu"),
            verbose=False,
        )
    found = score_folders(real, fake, CleanInceptionSpace(inception_weights)).scores
    assert found["fd_inception_clean_unverified@48"] == pytest.approx(expected, rel=1e-3)
    assert expected > 1
