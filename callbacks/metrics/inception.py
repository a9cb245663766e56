"""Inception features under the published weights: the only ones whose distance is called FID.

Heusel et al., 2017, arXiv:1706.08500. The network is the one of torch-fidelity, a port of the
TensorFlow graph of 2015-12-05; its weights file is given by path and known by its hash. Another
file in the same layout works as well, but its scores say ``inception_unverified``.
"""

import hashlib
from pathlib import Path

import torch
from torch import Tensor, nn

from callbacks.metrics.features import Features, NetworkSpace, resize

# The published file carries the head of its sha256 in its name.
PUBLISHED_FILE = "weights-inception-2015-12-05-6726825d.pth"
PUBLISHED_HASH = "6726825d"

_SIDE = 299


class InceptionSpace(NetworkSpace):
    """2048 pooled features and 1008 unbiased logits, pixels resized as TensorFlow 1 did.

    The resize is bilinear without antialias: wrong for shrinking, and part of what FID means.

    Args:
        weights: path of the weights file.

    Raises:
        ValueError: when the file is missing, is no weights file, or has another layout.
    """

    dim = 2048
    has_logits = True
    resize_id = "tf1-bilinear-299"
    published_id = "inception_v3_tf"
    other_id = "inception_unverified"

    def __init__(self, weights: str | Path) -> None:
        self.sha256, net = _load(Path(weights))
        self.comparable_to_literature = self.sha256.startswith(PUBLISHED_HASH)
        self.id = self.published_id if self.comparable_to_literature else self.other_id
        # Everything but the last layer, in the order of its definition, which is the order of use.
        trunk = nn.Sequential(*(part for name, part in net.named_children() if name != "fc"))
        self._head = net.get_submodule("fc")
        super().__init__(nn.ModuleList([trunk, self._head]), chunk=32)
        self._trunk = trunk

    def describe(self, images: Tensor) -> Features:
        """Return the features and the logits of one chunk.

        Args:
            images: uint8 ``(n, 3, H, W)``.
        """
        pixels = self.resized(images).sub(128.0).div(128.0)
        pooled = self._trunk(pixels.contiguous(memory_format=torch.channels_last)).flatten(1)
        # The published score leaves the bias out.
        return Features(pooled, pooled @ self._head.weight.T)

    def resized(self, images: Tensor) -> Tensor:
        """Return float32 ``(n, 3, 299, 299)`` in [0, 255].

        Args:
            images: uint8 ``(n, 3, H, W)``.
        """
        from torch_fidelity.interpolate_compat_tensorflow import (
            interpolate_bilinear_2d_like_tensorflow1x as tf1_bilinear,
        )

        return tf1_bilinear(images.float(), size=(_SIDE, _SIDE), align_corners=False)


class CleanInceptionSpace(InceptionSpace):
    """The same network behind an antialiased resize that does not round: what clean-fid does.

    Parmar et al., "On Aliased Resizing and Surprising Subtleties in GAN Evaluation", 2022,
    arXiv:2104.11222.
    """

    resize_id = "bicubic-aa-299"
    published_id = "inception_clean"
    other_id = "inception_clean_unverified"
    mixed_sizes = True

    def resized(self, images: Tensor) -> Tensor:
        """Return float32 ``(n, 3, 299, 299)`` in [0, 255].

        Args:
            images: uint8 ``(n, 3, H, W)``.
        """
        return resize(images, _SIDE)


def _load(path: Path) -> tuple[str, nn.Module]:
    remedy = f"give the path of {PUBLISHED_FILE}"
    if not path.is_file():
        raise ValueError(f"InceptionSpace: weights must be a file, got {path}; {remedy}")
    content = path.read_bytes()
    try:
        # torch-fidelity itself would unpickle anything; a weights file holds tensors only.
        torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        # Not all of torch's words: they go on to advise loading the file with its code.
        reason = " ".join(str(error).split()).partition(".")[0] or type(error).__name__
        raise ValueError(
            f"InceptionSpace: weights must be a file of tensors, got {path} ({reason}); {remedy}"
        ) from error
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    try:
        # Building draws initial weights from the global generator.
        with torch.random.fork_rng(devices=[]):
            net = FeatureExtractorInceptionV3(
                "inception-v3-compat",
                ["2048", "logits_unbiased"],
                feature_extractor_weights_path=str(path),
            )
    except (RuntimeError, TypeError, AttributeError) as error:
        reason = " ".join(str(error).split())[:120]
        raise ValueError(
            f"InceptionSpace: weights must have the layout of the published file, got {path} "
            f"({reason}); {remedy}"
        ) from error
    return hashlib.sha256(content).hexdigest(), net
