"""Line art and colour: what is measured of translators that are known functions."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal
from unittest import mock

import pytest
import torch
import yaml
from torch import Tensor

from benchmarks.domains import depth, paired, unpaired
from benchmarks.domains.jobs import DEFENDED, DEPTHS, PAIRED, UNPAIRED
from benchmarks.trained.training import settings
from callbacks.metrics.rand_vgg import RandVGGSpace
from experiments.__main__ import main
from tests.helpers_translation import SmallDomains

Way = Callable[[Tensor], Tensor]


def coloured(lines: Tensor) -> Tensor:
    return torch.cat([-lines, 0.5 * lines, lines], 1)


def uncoloured(colours: Tensor) -> Tensor:
    return colours[:, 2:]


class Pairs(SmallDomains):
    """Grey images, and their true colours, which are a function of them."""

    def __init__(self) -> None:
        super().__init__(held_out=60)
        self.images.columns["b"] = coloured(self.images.columns["a"])

    def paired_reference(self, split: Literal["train", "held_out"]) -> list[dict[str, Tensor]]:
        sides = [self.reference(split, domain) for domain in self.domains]
        return [{"a": a["image"], "b": b["image"]} for a, b in zip(*sides, strict=True)]


class Ways:
    """A translator of exact functions; without a way back where there is none."""

    device = torch.device("cpu")

    def __init__(self, to_b: Way, to_a: Way | None = None) -> None:
        self.ways = {("a", "b"): to_b} | ({} if to_a is None else {("b", "a"): to_a})
        self.directions = tuple(self.ways)

    def translate(self, images: Tensor, source: str, target: str) -> Tensor:
        return self.ways[source, target](images)


@pytest.fixture(scope="module", autouse=True)
def quick_space() -> Iterator[None]:
    """Random features: these tests are of what is compared, not of how well."""
    with mock.patch.object(paired, "EffLiteSpace", lambda: RandVGGSpace(32, channels=3)):
        yield


@pytest.fixture(scope="module")
def data() -> Pairs:
    return Pairs()


@pytest.fixture(scope="module")
def scored(data: Pairs) -> Any:
    return paired.subject(data)


def test_the_true_translation_has_no_error_and_the_distance_of_real_images(scored: Any) -> None:
    found, truth = paired.closeness(Ways(coloured), scored), paired.of_the_truth(scored)
    assert found[paired.L1] == pytest.approx(truth[paired.L1], abs=0.01)
    assert found[paired.SSIM] == pytest.approx(truth[paired.SSIM], abs=1e-3)
    assert found[paired.FD] == pytest.approx(truth[paired.FD], rel=0.02)
    assert list(found) == list(truth) == [paired.L1, paired.SSIM, paired.FD]


def test_a_wrong_translation_and_the_input_unchanged_are_further_away(
    scored: Any, data: Pairs
) -> None:
    right = paired.closeness(Ways(coloured), scored)
    lines, colours = paired.held_out(data)
    for module in (paired.Unchanged(), Ways(lambda x: -coloured(x), uncoloured)):
        found = paired.closeness(module, scored)
        made = module.translate(lines, "a", "b")
        assert found[paired.L1] == pytest.approx(float((made - colours).abs().mean()), rel=1e-3)
        assert found[paired.SSIM] < 0.9
        assert found[paired.FD] > 1.1 * right[paired.FD]


def test_unchanged_shows_grey_in_three_equal_channels_and_leaves_colours() -> None:
    grey, colours = torch.rand(2, 1, 4, 4), torch.rand(2, 3, 4, 4)
    made = paired.Unchanged().translate(grey)
    assert made.shape == (2, 3, 4, 4) and all(torch.equal(made[:, [i]], grey) for i in range(3))
    assert torch.equal(paired.Unchanged().translate(colours, "b", "a"), colours)


def test_pairs_are_held_out_ones_and_belong_together(data: Pairs) -> None:
    lines, colours = paired.held_out(data, 7)
    assert lines.shape == (7, 1, 32, 32) and colours.shape == (7, 3, 32, 32)
    torch.testing.assert_close(colours, coloured(lines), atol=0.01, rtol=0)
    first = data.reference("held_out", "a")[0]["image"]
    torch.testing.assert_close(lines[0], first / 127.5 - 1)


def test_translations_are_clamped_and_the_same_at_every_call() -> None:
    module = Ways(lambda x: 3 * x + torch.randn(x.shape))
    made = [paired.translated(module, torch.ones(70, 1, 8, 8)) for _ in range(2)]
    assert torch.equal(*made) and made[0].max() == 1.0


# -- without pairs ---------------------------------------------------------------------------------


def test_colours_that_are_hidden_in_line_art_are_found_in_that_direction_alone(data: Any) -> None:
    hides = Ways(lambda a: (a / 0.01).expand(-1, 3, -1, -1), lambda b: 0.01 * b[:, :1])
    found = unpaired.hiding(hides, data)
    assert found is not None and found.gain == pytest.approx(100, rel=1e-3)
    assert found.collapse() > 0.5 and found.verdict == "hiding"
    # The other way round, line art is hidden in colours: not what is asked.
    loses_nothing = Ways(lambda a: 0.01 * coloured(a), lambda b: uncoloured(b) / 0.01)
    found = unpaired.hiding(loses_nothing, data)
    assert found is not None and found.gain < 0.02


def test_without_a_way_back_there_are_no_columns_about_hiding(data: Any, scored: Any) -> None:
    one_way = unpaired.measures(Ways(coloured), data)
    both = unpaired.measures(Ways(coloured, uncoloured), data)
    assert list(both) == [*one_way, unpaired.COLLAPSE, unpaired.GAIN]
    assert one_way.items() <= both.items()
    assert one_way == {**paired.closeness(Ways(coloured), scored), unpaired.TOP1: 1.0}
    another = unpaired.measures(Ways(lambda x: coloured(x.roll(1, 0))), data)
    assert another[unpaired.TOP1] == 0.0 and another[paired.L1] > 0.1


def test_the_picture_shows_what_line_art_made_of_colours_has_too_much(data: Any) -> None:
    lines, colours = paired.held_out(data, 5)
    module = Ways(coloured, lambda b: uncoloured(b) + 0.05)
    _, sent, excess, back, shaken, from_truth = unpaired.revealed(module, lines, colours).values()
    inside = sent < 1.0
    torch.testing.assert_close(sent, (uncoloured(colours) + 0.05).clamp(-1, 1))
    assert (excess[inside] - 0.4).abs().max() < 0.1  # Bytes of both sides, eight times.
    torch.testing.assert_close(back, coloured(sent))
    torch.testing.assert_close(from_truth, coloured(lines))
    assert 0 < (shaken - back).abs().mean() < 0.02


# -- depth -----------------------------------------------------------------------------------------


def test_relations_of_copies_negatives_and_strangers_are_known(data: Any) -> None:
    lines, colours = paired.held_out(data)
    copy = depth.related(lines, lines.expand(-1, 3, -1, -1), colours)
    assert [copy[name] for name in (depth.DEPENDENCE, depth.TOP1, depth.NCC)] == pytest.approx(
        [1.0, 1.0, 1.0], abs=1e-3
    )
    assert copy[depth.P] == pytest.approx(1 / 201)
    assert copy[depth.L1] == pytest.approx(float((lines - colours).abs().mean()), rel=1e-6)
    negative = depth.related(lines, -lines.expand(-1, 3, -1, -1), colours)
    assert negative[depth.NCC] == pytest.approx(-1.0, abs=1e-3)
    assert negative[depth.DEPENDENCE] == pytest.approx(1.0, abs=1e-3) and negative[depth.TOP1] == 0
    stranger = depth.related(lines, depth.others(colours), colours)
    assert abs(stranger[depth.DEPENDENCE]) < 0.1 and stranger[depth.P] > 0.05
    assert stranger[depth.TOP1] < 0.1 and abs(stranger[depth.NCC]) < 0.1
    assert depth.related(lines, colours, colours)[depth.L1] == 0.0
    assert depth.measures(Ways(coloured), data) == pytest.approx(
        depth.related(lines, coloured(lines), colours)
    )


@pytest.mark.parametrize("many", [2, 3, 50])
def test_others_are_all_images_and_none_at_its_place(many: int) -> None:
    places = depth.others(torch.arange(many))
    assert sorted(places.tolist()) == list(range(many))
    assert (places != torch.arange(many)).all()


def test_curves_are_measures_over_blocks_in_their_order() -> None:
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    depth.curves(axes, {0: {"x": 0.9, "y": 5.0}, 9: {"x": 0.1, "y": 6.0}}, ["x"])
    (line,) = axes.get_lines()
    assert line.get_label() == "x"
    assert torch.as_tensor(line.get_xydata()).tolist() == [[0.0, 0.9], [1.0, 0.1]]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "9"]


# -- what is trained -------------------------------------------------------------------------------


@pytest.mark.parametrize("job", [*PAIRED, *UNPAIRED, *DEFENDED, *DEPTHS], ids=lambda job: job.name)
def test_every_job_is_accepted_by_the_command(job: Any, tmp_path: Path) -> None:
    config = tmp_path / "job.yaml"
    config.write_text(yaml.safe_dump(settings(job)))
    assert main(["fit", f"--config={config}", "--print_config"]) == 0


def test_jobs_that_are_compared_differ_in_one_thing() -> None:
    def differences(one: Any, other: Any) -> set[str]:
        flat = [dict(_leaves(settings(job))) for job in (one, other)]
        return {key for key in flat[0] | flat[1] if flat[0].get(key) != flat[1].get(key)}

    changed = differences(UNPAIRED[0], DEFENDED[0])
    assert changed and all(key.startswith("model.init_args.corruption") for key in changed)
    seen, alone, l1 = PAIRED
    changed = differences(seen, alone)
    given = "model.init_args.discriminator.init_args.channels"
    assert changed == {"model.init_args.terms", given}
    assert {key.split(".")[2] for key in differences(seen, l1)} == {"terms", "discriminator"}
    for job in DEPTHS[1:]:
        assert differences(DEPTHS[0], job) == {depth.BLOCKS}
    assert len({str(settings(job)["data"]) for job in (*UNPAIRED, *DEFENDED, *DEPTHS)}) == 1


def _leaves(part: Any, name: str = "") -> list[tuple[str, Any]]:
    if not isinstance(part, dict):
        return [(name[1:], part)]
    return [leaf for key, value in part.items() for leaf in _leaves(value, f"{name}.{key}")]
