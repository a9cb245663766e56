"""Networks of the conditional variants: sizes, what the condition reaches, what is refused."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gan_modules.networks.auxiliary import ACDCGANDiscriminator
from gan_modules.networks.concatenation import (
    ConcatenatingDCGANDiscriminator,
    ConcatenatingGenerator,
    ConcatenatingMLPDiscriminator,
)
from gan_modules.networks.conditional_resnet import (
    ConditionalResNetGenerator,
    ProjectionResNetDiscriminator,
)
from gan_modules.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from gan_modules.networks.label_sets import LabelSetClassifier, LabelSetDiscriminator
from gan_modules.networks.mlp import MLPGenerator
from gan_modules.networks.resnet import ResNetDiscriminator
from gan_modules.networks.sound_image import (
    AudioEncoder,
    SoundImageDiscriminator,
    SoundImageGenerator,
)
from gan_modules.networks.text_image import (
    Bottleneck,
    TextImageDiscriminator,
    TextImageGenerator,
)

LABELS = torch.tensor([0, 2, 1])


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def awake(network: nn.Module) -> Any:
    """In eval mode, with weights at which everything reaches everything."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return network.eval().double()


def test_the_nets_for_sentences_have_the_authors_number_of_parameters_k04() -> None:
    assert count(TextImageGenerator()) == 21_138_051
    assert count(TextImageDiscriminator()) == 4_228_801


@pytest.mark.parametrize("size", [32, 64, 128])
def test_generators_make_images_of_each_size(size: int) -> None:
    z, text = torch.randn(3, 6), torch.randn(3, 5)
    networks: dict[Any, tuple[Tensor, ...]] = {
        ConditionalResNetGenerator(size, 2, 6, 2, 3): (z, LABELS),
        TextImageGenerator(size, 2, 6, 5, 4, 4): (z, text),
        SoundImageGenerator(size, 2, 6, 4, 16, 20, 2, 3): (z, torch.randn(3, 1, 16, 20)),
        ConcatenatingGenerator(DCGANGenerator(size, 2, 9, 4), 3): (z, LABELS),
    }
    for network, given in networks.items():
        images = network(*given)
        assert images.shape == (3, 2, size, size) and images.abs().max() <= 1
        assert network.latent_dim == 6


@pytest.mark.parametrize("size", [32, 64, 128])
def test_discriminators_judge_images_of_each_size(size: int) -> None:
    x = torch.rand(3, 2, size, size) * 2 - 1
    assert ConcatenatingDCGANDiscriminator(size, 2, 4, 3, 5)(x, LABELS).shape == (3,)
    assert ProjectionResNetDiscriminator(size, 2, 4, 3)(x, LABELS).shape == (3,)
    assert TextImageDiscriminator(size, 2, 5, 4, 4)(x, torch.randn(3, 5)).shape == (3,)
    scores, logits = ACDCGANDiscriminator(size, 2, 4, 5)(x)
    assert scores.shape == (3,) and logits.shape == (3, 5)
    scores, logits = SoundImageDiscriminator(size, 2, 4, 7, 5)(x, torch.randn(3, 7))
    assert scores.shape == (3,) and logits.shape == (3, 5)
    assert LabelSetClassifier(size, 2, 4, 5)(x).shape == (3, 5)


JUDGES: dict[str, Callable[[], Any]] = {
    "dcgan": lambda: ConcatenatingDCGANDiscriminator(32, 1, 4, 3, 5, "none"),
    "mlp": lambda: ConcatenatingMLPDiscriminator([1, 32, 32], 3, 16, 2),
    "projection": lambda: ProjectionResNetDiscriminator(32, 1, 4, 3, "none"),
}


@pytest.mark.parametrize("name", JUDGES)
def test_whether_image_and_class_fit_is_part_of_the_score(name: str) -> None:
    """The score is no sum of a term of the image and a term of the class."""
    network = awake(JUDGES[name]())
    x = torch.rand(2, 1, 32, 32, dtype=torch.float64) * 2 - 1
    score = {
        (i, k): network(x[i : i + 1], torch.tensor([k])).item() for i in (0, 1) for k in (0, 1)
    }
    fit = score[0, 0] - score[0, 1] - score[1, 0] + score[1, 1]
    assert abs(fit) > 1e-4 * abs(score[0, 0] - score[0, 1]) > 0


def test_whether_image_and_sentence_fit_is_part_of_the_score() -> None:
    network = awake(TextImageDiscriminator(32, 1, 5, 4, 4, "none"))
    x = torch.rand(2, 1, 32, 32, dtype=torch.float64) * 2 - 1
    text = torch.randn(2, 5, dtype=torch.float64)
    s = [[network(x[i : i + 1], text[k : k + 1]).item() for k in (0, 1)] for i in (0, 1)]
    assert abs(s[0][0] - s[0][1] - s[1][0] + s[1][1]) > 1e-4 * abs(s[0][0] - s[0][1]) > 0


def test_a_concatenating_generator_is_fed_latent_and_class_side_by_side() -> None:
    inner = MLPGenerator(9, [2], 8, 2)
    network, seen = ConcatenatingGenerator(inner, 3), []
    inner.register_forward_hook(lambda _, given, __: seen.append(given[0]))
    z = torch.randn(3, 6)
    network(z, LABELS)
    torch.testing.assert_close(seen[0][:, :6], z)
    assert seen[0][:, 6:].tolist() == [[1, 0, 0], [0, 0, 1], [0, 1, 0]]
    assert (network.latent_dim, network.num_classes) == (6, 3)


def test_planes_of_the_class_join_maps_of_eight_by_eight() -> None:
    for size in (32, 64, 128):
        network, seen = ConcatenatingDCGANDiscriminator(size, 1, 4, 3, 5), []
        network.last.register_forward_hook(lambda _, given, __, seen=seen: seen.append(given[0]))
        network(torch.zeros(3, 1, size, size), LABELS)
        (maps,) = seen
        assert maps.shape == (3, 4 * size // 16 + 5, 8, 8)
        planes = maps[:, -5:]
        expected = network.embedding(LABELS)[:, :, None, None].expand_as(planes)
        torch.testing.assert_close(planes, expected)


def test_an_auxiliary_classifier_is_dcgan_with_one_more_layer() -> None:
    torch.manual_seed(1)
    network = ACDCGANDiscriminator(32, 1, 4, 5)
    torch.manual_seed(1)
    plain = DCGANDiscriminator(32, 1, 4)
    x = torch.rand(3, 1, 32, 32)
    torch.testing.assert_close(network(x)[0], plain(x))
    torch.testing.assert_close(network(x)[1], network.classifier(plain.features(x)))
    assert count(network) - count(plain) == 5 * (plain.head.in_features + 1)


@pytest.mark.parametrize("normalization", ["spectral", "operator_spectral"])
def test_the_classifier_is_spectrally_normalised_too(normalization: Any) -> None:
    network = ACDCGANDiscriminator(32, 1, 4, 5, normalization)
    for _ in range(20):
        network(torch.rand(2, 1, 32, 32))
    assert torch.linalg.matrix_norm(network.classifier.weight, 2).item() == pytest.approx(
        1.0, abs=1e-3
    )


def test_the_projection_and_its_neighbours_are_spectrally_normalised() -> None:
    network = ProjectionResNetDiscriminator(32, 1, 4, 3)
    other = SoundImageDiscriminator(32, 1, 4, 7, 5)
    for _ in range(30):
        network(torch.rand(2, 1, 32, 32), LABELS[:2])
        other(torch.rand(2, 1, 32, 32), torch.randn(2, 7))
    for layer in (network.embedding, network.head, other.projection, other.classifier):
        norm = torch.linalg.matrix_norm(layer.weight.detach(), 2).item()
        assert norm == pytest.approx(1.0, abs=1e-3)


def test_the_projection_net_is_that_of_sngan_and_a_vector_for_each_class() -> None:
    network, plain = ProjectionResNetDiscriminator(64, 3, 8, 10), ResNetDiscriminator(64, 3, 8)
    assert count(network) - count(plain) == 10 * 8 * 16


def test_classes_start_alike_in_the_conditional_generator() -> None:
    network = ConditionalResNetGenerator(32, 1, 6, 2, 3).eval()
    z = torch.randn(1, 6).expand(3, -1)
    images = network(z, LABELS)
    torch.testing.assert_close(images[0], images[1])
    with torch.no_grad():
        for block in network.trunk.blocks:
            block.first_norm.gain.weight.normal_()
    assert (network(z, LABELS)[0] - network(z, LABELS)[1]).abs().max() > 1e-4


def test_a_bottleneck_adds_a_correction_without_an_activation_after_it() -> None:
    block = Bottleneck(8, "none")
    nn.init.zeros_(block.restore[0].weight)
    nn.init.zeros_(block.restore[0].bias)
    x = torch.randn(2, 8, 4, 4)
    assert torch.equal(block(x), x)
    with torch.no_grad():
        block.restore[0].bias.fill_(0.5)
    torch.testing.assert_close(block(x), x + 0.5)


def test_an_encoder_averages_over_time_and_frequency() -> None:
    network = AudioEncoder(32, 48, 2, 3, "none").eval()
    sound = torch.randn(2, 1, 32, 48)
    expected = network.layers(sound).flatten(2).mean(2)
    torch.testing.assert_close(network(sound), expected)
    assert network.code_dim == 16 and network.classifier(expected).shape == (2, 3)


def test_a_sound_generator_takes_codes_in_place_of_sounds() -> None:
    network = SoundImageGenerator(32, 1, 6, 4, 16, 20, 2, 3).eval()
    z, sound = torch.randn(3, 6), torch.randn(3, 1, 16, 20)
    torch.testing.assert_close(network(z, sound), network(z, network.encoder(sound)))


def test_label_sets_are_judged_beside_features() -> None:
    network = LabelSetDiscriminator(6, 3, 8)
    features, labels = torch.randn(4, 6), torch.randint(2, (4, 3)).float()
    torch.testing.assert_close(
        network(features, labels), network.layers(torch.cat([features, labels], 1)).squeeze(1)
    )
    classifier = LabelSetClassifier(32, 1, 4, 3)
    x = torch.rand(2, 1, 32, 32)
    torch.testing.assert_close(classifier(x), classifier.head(classifier.features(x)))
    assert classifier.features(x).shape == (2, classifier.feature_dim)


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "size": (lambda: TextImageGenerator(48), "TextImageGenerator: size must be one of 32, 64, 128"),
    "judge": (lambda: TextImageDiscriminator(48), "TextImageDiscriminator: size must be one of"),
    "norm": (lambda: TextImageGenerator(normalization="x"), "normalization must be one of"),  # type: ignore[arg-type]
    "text": (lambda: TextImageDiscriminator(text_dim=0), "text_dim must be a positive integer"),
    "resnet": (lambda: ConditionalResNetGenerator(48), "size must be one of 32, 64, 128, got 48"),
    "classes": (lambda: ConditionalResNetGenerator(num_classes=0), "num_classes must be a positi"),
    "vectors": (lambda: ProjectionResNetDiscriminator(num_classes=0), "num_classes must be a pos"),
    "logits": (lambda: ACDCGANDiscriminator(num_classes=0), "num_classes must be a positive"),
    "planes": (lambda: ConcatenatingDCGANDiscriminator(embedding_dim=0), "embedding_dim must be"),
    "dcgan": (lambda: ConcatenatingDCGANDiscriminator(48), "size must be one of 32, 64, 128"),
    "mlp": (lambda: ConcatenatingMLPDiscriminator(num_classes=0), "num_classes must be a pos"),
    "short": (
        lambda: ConcatenatingGenerator(MLPGenerator(3, [2], 8, 2), 3),
        "generator must have a latent_dim above 3, got 3",
    ),
    "twice": (
        lambda: ConcatenatingGenerator(ConditionalResNetGenerator(32, 1, 6, 2, 3), 3),
        "generator must take latents alone, got ConditionalResNetGenerator with 3 classes",
    ),
    "frames": (lambda: AudioEncoder(64, 10), "bands and frames must be at least 16, got 64 and 10"),
    "code": (lambda: SoundImageDiscriminator(code_dim=0), "code_dim must be a positive integer"),
    "labels": (lambda: LabelSetClassifier(num_labels=0), "num_labels must be a positive integer"),
    "hidden": (lambda: LabelSetDiscriminator(hidden=0), "hidden must be a positive integer"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_built_is_refused(name: str) -> None:
    make, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        make()


def test_inputs_of_another_shape_are_refused() -> None:
    x = torch.zeros(2, 1, 64, 64)
    with pytest.raises(ValueError, match=r"ConcatenatingDCGANDiscriminator: input must have shape"):
        ConcatenatingDCGANDiscriminator(32, 1, 4, 3)(x, LABELS[:2])
    with pytest.raises(ValueError, match=r"ConcatenatingMLPDiscriminator: input must have shape"):
        ConcatenatingMLPDiscriminator([1, 32, 32], 3, 8, 2)(x, LABELS[:2])
    with pytest.raises(ValueError, match=r"TextImageDiscriminator: input must have shape \(N, 1,"):
        TextImageDiscriminator(32, 1, 5)(x, torch.zeros(2, 5))
    with pytest.raises(ValueError, match=r"TextImageGenerator: input must have shape \(N, 5\)"):
        TextImageGenerator(32, 1, 6, 5, 4, 4)(torch.zeros(2, 6), torch.zeros(2, 7))
    with pytest.raises(ValueError, match=r"AudioEncoder: input must have shape \(N, 1, 16, 20\)"):
        AudioEncoder(16, 20)(torch.zeros(2, 1, 16, 21))
