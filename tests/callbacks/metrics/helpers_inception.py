"""A randomly initialised Inception network in the layout of the published weights file."""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3


class _Unloaded(FeatureExtractorInceptionV3):
    """The reference network that keeps its own initial weights."""

    def load_state_dict(self, state_dict: dict, strict: bool = True, assign: bool = False) -> None:
        assert state_dict == {}


def write_random_inception(path: Path, seed: int = 0) -> Path:
    """Save random weights whose features and verdicts vary from image to image."""
    empty = path.with_suffix(".empty")
    torch.save({}, empty)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        net = _Unloaded("inception-v3-compat", ["2048"], feature_extractor_weights_path=str(empty))
        for module in net.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            elif isinstance(module, nn.BatchNorm2d):
                nn.init.normal_(module.bias, std=0.1)
        (mean,) = (part.mean(dim=0) for part in net(varied_images(4, seed=99, light=0.8)))
        # Verdicts that differ from image to image: what all features share would otherwise decide,
        # every classifier score would be 1, and the comparison would say nothing.
        mean = mean / mean.norm()
        weight = torch.randn(net.fc.weight.shape)
        net.fc.weight.copy_(weight - torch.outer(weight @ mean, mean))
        nn.init.normal_(net.fc.bias)
    empty.unlink()
    torch.save(net.state_dict(), path)
    return path


def reference_features(net: nn.Module, pixels: Tensor) -> Tensor:
    """Features of resized pixels in [0, 255], by walking the reference network by name."""
    x = (pixels - 128.0) / 128.0
    for name in (
        "Conv2d_1a_3x3 Conv2d_2a_3x3 Conv2d_2b_3x3 MaxPool_1 Conv2d_3b_1x1 Conv2d_4a_3x3 MaxPool_2 "
        "Mixed_5b Mixed_5c Mixed_5d Mixed_6a Mixed_6b Mixed_6c Mixed_6d Mixed_6e Mixed_7a Mixed_7b "
        "Mixed_7c AvgPool"
    ).split():
        x = net.get_submodule(name)(x)
    return x.flatten(1)


def varied_images(n: int, seed: int, light: float, side: int = 24) -> Tensor:
    """Coloured check patterns of many scales, uint8 ``(n, 3, side, side)``."""
    draws = torch.Generator().manual_seed(seed)
    images = []
    for _ in range(n):
        colour = torch.rand(3, 1, 1, generator=draws)
        cells = 2 ** int(torch.randint(0, 4, (1,), generator=draws))
        pattern = torch.rand(1, 3, cells, cells, generator=draws)
        pattern = nn.functional.interpolate(pattern, size=(side, side), mode="nearest")[0]
        images.append((colour + pattern) * 127.5 * light)
    return torch.stack(images).to(torch.uint8)
