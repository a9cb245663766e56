"""Features of a small classifier trained on the data's own labels.

Binkowski et al., 2018, arXiv:1801.01401, score digits with the features of a digit classifier:
where ImageNet features see nothing, a network that knows the classes does. Training takes less than
a minute on a CPU, is done once, and is judged on held-out images before it may judge others.
"""

import logging
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.utils.fusion import fuse_conv_bn_eval

from callbacks.metrics.cache import cache_path, read_arrays, write_arrays
from callbacks.metrics.classifier import calibration_temperature
from callbacks.metrics.distributed import on_rank_zero
from callbacks.metrics.features import Features, NetworkSpace, resize, weights_hash
from callbacks.metrics.reading import ReferenceData, Split, read_samples, strided_indices

_log = logging.getLogger(__name__)

LEAST_ACCURACY = 0.90
_SIDE = 32
_DIM = 64
_WIDTHS = (16, 32, 64)
_BATCH = 64
# About 6 epochs, within limits: small data need some steps, and 64,000 images bound the time.
_EPOCHS = 6
_STEPS = (100, 1000)
_MOST_IMAGES = {"train": 20_000, "held_out": 5_000}


class InaccurateClassifierError(ValueError):
    """The classifier knows its classes too badly to score others."""


class SmallClassifier(nn.Module):
    """Three convolutions and a hidden layer, for images of 32 x 32 pixels.

    Args:
        channels: of the images.
        classes: number of classes C.
    """

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, width in pairwise((channels, *_WIDTHS)):
            layers += [nn.Conv2d(inputs, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)]
            layers += [nn.ReLU(inplace=True), nn.MaxPool2d(2)]
        self.trunk = nn.Sequential(*layers, nn.Flatten(), nn.Linear(1024, _DIM), nn.ReLU())
        self.head = nn.Linear(_DIM, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits ``(N, C)``.

        Args:
            x: float ``(N, channels, 32, 32)`` in [-1, 1].
        """
        return self.head(self.trunk(x))


def folded_trunk(net: SmallClassifier) -> nn.Sequential:
    """The trunk as a map that is the same and faster.

    Each normalisation is part of its convolution, and the ReLU, which keeps the order of values,
    comes after the pooling that leaves it a quarter of them.

    Args:
        net: trained; it is put into eval mode.
    """
    trunk: list[Any] = list(net.eval().trunk)
    end, layers = 4 * len(_WIDTHS), []
    for first in range(0, end, 4):
        convolution, normalization, relu, pooling = trunk[first : first + 4]
        layers += [fuse_conv_bn_eval(convolution, normalization), pooling, relu]
    return nn.Sequential(*layers, *trunk[end:])


class ClassifierSpace(NetworkSpace):
    """Penultimate features of a :class:`SmallClassifier`, and its calibrated logits.

    Args:
        name: slug of the data; the space's id is ``cls_<name>``.
        net: the trained network.
        channels: that it reads.
        accuracy: on held-out images, in [0, 1].
        temperature: that the logits are divided by.
        scale: that the features are divided by, their root mean square on held-out images. The
            cubic kernel would otherwise see nothing but its largest values.
    """

    dim = _DIM
    has_logits = True
    resize_id = f"bicubic-aa-{_SIDE}"

    def __init__(
        self,
        name: str,
        net: SmallClassifier,
        channels: int,
        accuracy: float,
        temperature: float,
        scale: float,
    ) -> None:
        self.id = "cls_" + re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_").lower()
        self.accuracy = accuracy
        self.temperature = temperature
        self.scale = scale
        constants = {"temperature": torch.tensor(temperature), "scale": torch.tensor(scale)}
        self.sha256 = weights_hash({**net.state_dict(), **constants})
        self._trunk, self._head = folded_trunk(net), net.head
        super().__init__(nn.Sequential(self._trunk, self._head), channels)

    def describe(self, images: Tensor) -> Features:
        """Return the features and the calibrated logits of one chunk.

        Args:
            images: uint8 ``(n, channels, H, W)``.
        """
        pixels = _pixels(images).contiguous(memory_format=torch.channels_last)
        features = self._trunk(pixels)
        logits = self._head(features) / self.temperature
        return Features(features / self.scale, logits)

    @classmethod
    def for_data(
        cls, data: ReferenceData, seed: int = 0, force: bool = False, folder: Path | None = None
    ) -> "ClassifierSpace":
        """Train the classifier of a data set on rank 0, or read it from the cache.

        Args:
            data: labelled images.
            seed: of weights and order.
            force: accept a classifier of any accuracy.
            folder: cache folder; None for the default.

        Raises:
            InaccurateClassifierError: (a ValueError) below an accuracy of 0.90, unless forced.
            ValueError: for data without labels, or points instead of images.
        """
        classes = len(data.class_names or ())
        if classes < 2 or len(data.image_shape) != 3:
            raise ValueError(
                f"ClassifierSpace: data must be labelled images of 2 or more classes, got "
                f"{classes} classes and shape {data.image_shape}; choose rand_vgg instead"
            )
        channels = data.image_shape[0]
        key = {"data": data.name, "fingerprint": data.fingerprint(), "seed": seed, "version": 1}

        def load_or_train() -> dict[str, np.ndarray]:
            path = cache_path("classifier", key, folder)
            arrays = read_arrays(path, key)
            if arrays is None:
                # The caller may be inside a validation loop, where gradients are off and tensors
                # cannot take part in training.
                with torch.inference_mode(False), torch.enable_grad():
                    arrays = _train(data, channels, classes, seed)
                write_arrays(path, key, arrays)
            return arrays

        arrays = on_rank_zero(load_or_train)
        accuracy = float(arrays.pop("accuracy"))
        temperature, scale = float(arrays.pop("temperature")), float(arrays.pop("scale"))
        if accuracy < LEAST_ACCURACY and not force:
            raise InaccurateClassifierError(
                f"ClassifierSpace: held-out accuracy on {data.name} must be at least "
                f"{LEAST_ACCURACY}, got {accuracy:.3f}; choose rand_vgg, or force it"
            )
        net = _build(channels, classes, seed)
        net.load_state_dict({name: torch.from_numpy(value) for name, value in arrays.items()})
        return cls(data.name, net, channels, accuracy, temperature, scale)


def _build(channels: int, classes: int, seed: int) -> SmallClassifier:
    # The generator of the CPU alone: torch.manual_seed would reseed the accelerators too.
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return SmallClassifier(channels, classes)


def _pixels(images: Tensor) -> Tensor:
    return resize(images, _SIDE).div(127.5).sub(1.0)


def _read(data: ReferenceData, split: Split) -> tuple[Tensor, Tensor]:
    reference = data.reference(split)
    indices = strided_indices(len(reference), _MOST_IMAGES[split])
    # Resized bytes keep 20,000 images of any size within 60 MB.
    stacks = [resize(s, _SIDE).round().to(torch.uint8) for s in read_samples(reference, indices)]
    labels = torch.tensor([int(reference[i]["label"]) for i in indices])
    return torch.cat(stacks), labels


def _train(data: ReferenceData, channels: int, classes: int, seed: int) -> dict[str, np.ndarray]:
    _log.info("training the classifier of %s (once, less than a minute)", data.name)
    images, labels = _read(data, "train")
    net = _build(channels, classes, seed)
    draws = np.random.RandomState(seed)
    steps = min(max(_EPOCHS * len(images) // _BATCH, _STEPS[0]), _STEPS[1])
    with torch.autocast("cpu", enabled=False):
        optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=3e-3, total_steps=steps)
        for _ in range(steps):
            chosen = torch.from_numpy(draws.randint(0, len(images), _BATCH))
            loss = cross_entropy(net(_pixels(images[chosen])), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    held_out, truth = _read(data, "held_out")
    with torch.no_grad():
        features = torch.cat([net.eval().trunk(_pixels(part)) for part in held_out.split(256)])
        logits = net.head(features)
    accuracy = float((logits.argmax(dim=1) == truth).double().mean())
    arrays = {name: value.numpy() for name, value in net.state_dict().items()}
    arrays["accuracy"] = np.array(accuracy)
    # A network that learned nothing may have features of 0.
    scale = float(features.double().square().mean().sqrt()) or 1.0
    arrays["scale"] = np.array(scale)
    arrays["temperature"] = np.array(calibration_temperature(logits, truth))
    return arrays
