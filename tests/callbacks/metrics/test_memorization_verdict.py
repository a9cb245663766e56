"""From the numbers of the tests to a verdict."""

import pytest

from callbacks.metrics.authenticity import Authenticity, Twins
from callbacks.metrics.copying import CopyTest
from callbacks.metrics.memorization import MemorizationVerdict
from callbacks.metrics.memorization_verdict import SpaceVerdict
from callbacks.metrics.mifid import InformedFrechet
from callbacks.metrics.three_sample import Cell, ThreeSampleTest


def verdict(
    twins: float = 0.0, copies: float = 0.0, z: float = 0.0, authentic: float = 0.5, name: str = "a"
) -> SpaceVerdict:
    """A space in which the lower bounds of twins and copies are as given."""
    test = ThreeSampleTest((Cell(0, z, 100, 50, 60), Cell(3, z / 2, 100, 50, 60)))
    return SpaceVerdict(
        space=name,
        twins=Twins(round(1000 * twins), 1000, 0.0, 0.02, twins),
        authenticity=Authenticity(authentic, 1000, 1.0, 0.5, 1000),
        copies=CopyTest(1.0, round(1000 * copies), 1000, 0.01, 0.02, copies, 0.25),
        three_sample=test,
        three_sample_changed=test,
        names={3: "seven"},
    )


@pytest.mark.parametrize(
    ("space", "level", "flags"),
    [
        (verdict(), "fresh", set()),
        (verdict(twins=0.03), "suspect", {"twins"}),
        (verdict(twins=0.03, copies=0.5), "suspect", {"twins", "copies"}),
        (verdict(twins=0.5, copies=0.09), "suspect", {"twins", "copies"}),
        (verdict(twins=0.11, copies=0.11), "memorised", {"twins", "copies"}),
        # Near, but to no single image.
        (verdict(twins=0.01, copies=0.9), "fresh", {"copies"}),
        (verdict(z=-9.0), "fresh", {"C_T", "C_T with changes"}),
        (verdict(authentic=0.1), "fresh", {"authenticity"}),
    ],
)
def test_twins_make_a_charge_and_copies_make_it_grave(
    space: SpaceVerdict, level: str, flags: set[str]
) -> None:
    assert space.level == level and set(space.flags) == flags
    whole = MemorizationVerdict((verdict(), space))
    assert whole.level == level
    assert bool(whole.reasons) == (level != "fresh")
    assert bool(whole.notes) == (level == "fresh" and bool(flags))


def test_the_gravest_space_decides() -> None:
    spaces = verdict(name="a", twins=0.03), verdict(name="b", twins=0.5, copies=0.5), verdict()
    whole = MemorizationVerdict(spaces)
    assert whole.level == "memorised" and whole.numbers()["memorization/level"] == 2
    assert [reason[0] for reason in whole.reasons] == ["a", "b", "b"]
    assert "25 % of them mirrored" in whole.reasons[2]


def test_one_cell_alone_is_named() -> None:
    cells = ThreeSampleTest((Cell(0, 1.0, 100, 50, 60), Cell(3, -6.0, 100, 50, 60)))
    space = SpaceVerdict(
        "a",
        verdict(twins=0.5).twins,
        verdict().authenticity,
        verdict().copies,
        three_sample=cells,
        three_sample_changed=cells,
        names={3: "seven"},
    )
    assert space.flags["C_T"] == "C_T: z -6.0 in cell 3 (mostly seven)"
    assert space.to_dict()["weakest_cell"] == "cell 3 (mostly seven)"
    assert space.to_dict()["weakest_z"] == -6.0
    assert space.to_dict()["ct"] == pytest.approx(-2.5)


def test_frechet_distance_with_penalty_is_a_number_and_no_charge() -> None:
    space = SpaceVerdict(
        "a",
        verdict().twins,
        verdict().authenticity,
        informed=InformedFrechet(2.0, 0.01, 0.1),
        informed_name="mifd_a@1k",
    )
    assert space.level == "fresh" and space.to_dict()["mifd_a@1k"] == pytest.approx(200.0)
    assert MemorizationVerdict((space,)).numbers()["memorization/mifd_a@1k"] == pytest.approx(200)
