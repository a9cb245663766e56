"""Each kind of generator is looked at through what it offers."""

import pytest
import torch

from callbacks.collapse.detector import CollapseDetector
from callbacks.collapse.prober_choice import prober_for
from callbacks.collapse.probes import ClassProber, SampleProber, TranslationProber
from callbacks.collapse.score import parts_of
from callbacks.metrics.features import Features, FeatureSpace, IdentitySpace
from tests.helpers_monitor import ring_data, ring_game

CLASSES = 8


class Sorted(IdentitySpace):
    """Points, and a classifier that knows the modes of the ring."""

    has_logits = True
    accuracy = 1.0

    def __init__(self, centres):
        self.centres = centres

    def __call__(self, samples):
        points = super().__call__(samples).features
        return Features(points, -torch.cdist(points, self.centres.float()))


class Reals(torch.utils.data.Dataset):
    def __init__(self, points, labels=None):
        self.points, self.labels = points, labels

    def __len__(self):
        return len(self.points)

    def __getitem__(self, index):
        item = {"image": self.points[index]}
        return item if self.labels is None else {**item, "label": int(self.labels[index])}


class Conditional:
    """Draws the mode that is asked for, or what ``choose`` makes of the labels."""

    device = torch.device("cpu")
    num_classes = CLASSES

    def __init__(self, data, choose=lambda labels: labels, spread=0.08):
        self.centres, self.choose, self.spread = data.centres, choose, spread

    def sample(self, n, *, generator, labels):
        noise = torch.randn(n, 2, generator=generator)
        return self.centres[self.choose(labels)] + self.spread * noise


class Translation:
    device = torch.device("cpu")
    domains = ("low", "high")

    def __init__(self, there=lambda x: x + 10.0, back=lambda x: x - 10.0):
        self.there, self.back = there, back

    def translate(self, images, source, target):
        return self.there(images) if (source, target) == ("low", "high") else self.back(images)


class Pairs:
    class_names = None

    def reference(self, split, domain=None):
        points = 2.0 * torch.randn(900, 2, generator=torch.Generator().manual_seed(len(domain)))
        return Reals(points + 10.0 if domain == "high" else points)


def take(prober, module, probe=0, seed=0):
    builders = prober.describe(module, probe, seed)
    return prober.signals({name: b.finish() for name, b in builders.items()}, seed)


@pytest.fixture(scope="module")
def ring():
    return ring_data()


def test_kind_follows_from_what_the_module_offers(ring):
    space = IdentitySpace()
    assert type(prober_for(ring_game(), ring, space, 64)) is SampleProber
    assert type(prober_for(Conditional(ring), ring, space, 64)) is ClassProber
    assert type(prober_for(Translation(), Pairs(), space, 64)) is TranslationProber


def test_few_reals_are_refused():
    with pytest.raises(ValueError, match="data must hold at least 48.*got 20"):
        SampleProber(IdentitySpace(), Reals(torch.randn(20, 2)), 64)


def test_same_seed_draws_the_same_samples_and_another_one_others(ring):
    prober = SampleProber(IdentitySpace(), ring.reference("train"), 64)
    game = ring_game()
    state = torch.get_rng_state()
    first, again, other = (take(prober, game, seed=seed) for seed in (1, 1, 2))
    assert first == again != other
    assert torch.equal(torch.get_rng_state(), state)


def test_conditional_generator_is_seen_class_by_class(ring):
    prober = prober_for(Conditional(ring), ring, Sorted(ring.centres), 256)
    found = take(prober, Conditional(ring))
    assert len(found) == 1 + CLASSES
    assert found["all"]["label_agreement"] > 0.99
    assert found["all"]["noise_diversity"] == pytest.approx(1.0, abs=0.1)
    assert parts_of(found, prober.band).score == pytest.approx(1.0, abs=0.08)


def verdict_on(prober, good, module, probes=3):
    detector = CollapseDetector(prober.band)
    for probe in range(20):
        detector.update(probe, take(prober, good, probe, probe))
    assert detector.verdict.state == "healthy", detector.verdict
    for probe in range(20, 20 + probes):
        detector.update(probe, take(prober, module, probe, probe))
    return detector.verdict


def test_class_that_dies_is_named(ring):
    prober = prober_for(Conditional(ring), ring, Sorted(ring.centres), 256)

    def choose(labels):
        return torch.where(labels == 3, torch.tensor(4), labels)

    verdict = verdict_on(prober, Conditional(ring), Conditional(ring, choose))
    assert any(line.startswith("dead classes: 3") for line in verdict.findings)


def test_condition_that_is_ignored_is_found_though_everything_is_covered(ring):
    prober = prober_for(Conditional(ring), ring, Sorted(ring.centres), 256)
    ignoring = Conditional(
        ring,
        lambda labels: (
            labels.flip(0).roll(1) * 0
            + torch.randint(CLASSES, labels.shape, generator=torch.Generator().manual_seed(5))
        ),
    )
    found = take(prober, ignoring, seed=3)
    assert found["all"]["label_agreement"] == pytest.approx(1 / CLASSES, abs=0.08)
    assert parts_of({"all": found["all"]}, {"all": prober.band["all"]}).score > 0.9
    detector = CollapseDetector(prober.band)
    for probe in range(6):
        detector.update(probe, take(prober, ignoring, probe, probe))
    assert detector.verdict.state == "healthy"
    assert any(line.startswith("condition ignored") for line in detector.verdict.findings)


def test_noise_that_is_ignored_is_found(ring):
    prober = prober_for(Conditional(ring), ring, Sorted(ring.centres), 256)
    found = take(prober, Conditional(ring, spread=1e-4))
    assert found["all"]["noise_diversity"] < 0.01


def test_translation_that_works_is_healthy_and_its_failures_are_told_apart():
    prober = prober_for(Translation(), Pairs(), IdentitySpace(), 64)
    assert prober.directions == [("low", "high"), ("high", "low")]
    good = take(prober, Translation())
    assert parts_of(good, prober.band).score == pytest.approx(1.0, abs=0.12)
    same = Translation(there=lambda x: torch.full_like(x, 10.0))
    verdict = verdict_on(prober, Translation(), same)
    assert verdict.state == "collapsed"
    assert any("low to high: the same output for all inputs" in f for f in verdict.findings)
    ignoring = Translation(there=lambda x: x[torch.randperm(len(x))] + 10.0)
    verdict = verdict_on(prober, Translation(), ignoring, probes=1)
    assert verdict.state == "healthy"
    assert any("low to high: the output does not follow" in f for f in verdict.findings)
    copying = Translation(there=lambda x: x)
    assert any("is the input" in f for f in verdict_on(prober, Translation(), copying).findings)


def test_space_that_asks_for_it_is_measured_in_units_of_the_reals():
    class Stretched(FeatureSpace):
        id, dim, sha256, resize_id, takes_images = "stretched", 2, "0", "none", False
        standardised = True

        def __call__(self, samples):
            return Features(samples * torch.tensor([1.0, 1000.0]), None)

    points = torch.randn(900, 2, generator=torch.Generator().manual_seed(0))
    plain = SampleProber(IdentitySpace(), Reals(points), 64)
    stretched = SampleProber(Stretched(), Reals(points), 64)
    spread = points.std(dim=0)

    class Fixed:
        device = torch.device("cpu")

        def sample(self, n, *, generator):
            return torch.randn(n, 2, generator=generator) * spread

    wanted, found = take(plain, Fixed())["all"], take(stretched, Fixed())["all"]
    for name in ("coverage", "precision", "recall"):
        assert found[name] == pytest.approx(wanted[name], abs=0.05)
