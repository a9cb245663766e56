"""The probes of translations as callbacks: what they note, and that training does not notice."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import Trainer

from callbacks.input_use import InputUseProbe
from callbacks.probe_images import ProbeImages, directions_of, seeded
from callbacks.run_folder import RunFolder
from callbacks.run_folder_logger import RunFolderLogger
from callbacks.steganography import SteganographyProbe
from callbacks.translation_probe import TranslationProbe
from tests.helpers_callbacks import read_image
from tests.helpers_translation import SmallDomains, translating
from tests.small_variants import SmallImages, build
from tests.test_every_variant import QUIET

PROBES = (SteganographyProbe, InputUseProbe)


def fit(
    folder: Path, *callbacks: Any, module: Any = None, data: Any = None, steps: int = 6, **opt: Any
) -> Any:
    torch.manual_seed(0)
    if module is None:
        module = build("CycleGAN", normalization="batch", ema_half_life_images=50.0, pool_size=4)
    options = {**QUIET, **opt}
    trainer = Trainer(
        max_steps=steps, callbacks=list(callbacks), default_root_dir=folder, **options
    )
    trainer.fit(module, datamodule=SmallDomains() if data is None else data)
    return module


def probes(**options: Any) -> list[TranslationProbe]:
    return [probe(**{"samples": 20, **options}) for probe in PROBES]


def test_training_with_probes_is_bit_identical_to_training_without(tmp_path: Path) -> None:
    plain = fit(tmp_path / "a")
    drawn = torch.get_rng_state()
    watched = fit(tmp_path / "b", *probes(every_n_images=12))
    assert torch.equal(torch.get_rng_state(), drawn)
    for name, value in plain.state_dict().items():
        assert torch.equal(value, watched.state_dict()[name]), name
    assert plain.noise.state_dict() == watched.noise.state_dict()
    assert all(module.training for module in watched.generator.modules())
    rows = RunFolder(tmp_path / "b").read_translations()
    # The grid is crossed at 12 and 24, where the end is not looked at once more.
    assert [(row["kind"], row["images_seen"]) for row in rows] == [
        (kind, moment) for moment in (12, 24) for kind in ("steganography", "input_use")
    ]


def test_rows_numbers_and_pictures_are_noted_at_the_end(tmp_path: Path) -> None:
    module = translating(lambda x: 0.01 * x, lambda y: y / 0.01)
    fit(tmp_path, *probes(), module=module, logger=RunFolderLogger(tmp_path))
    run = RunFolder(tmp_path)
    hidden, used = run.read_translations()
    assert (hidden["kind"], used["kind"]) == ("steganography", "input_use")
    assert hidden["images_seen"] == used["images_seen"] == 24
    assert (hidden["split"], hidden["samples"], hidden["generator"]) == ("held_out", 20, "raw")
    assert list(hidden["directions"]) == list(used["directions"]) == ["a to b", "b to a"]
    there, back = hidden["directions"]["a to b"], hidden["directions"]["b to a"]
    assert (there["verdict"], there["specific"]) == ("hiding", False)
    assert there["headline"].startswith("hiding: 100 % comes back")
    assert there["gains"]["noise_1"] == pytest.approx(100, rel=1e-3)
    assert back["verdict"] == "no hiding" and back["gains"]["noise_1"] == pytest.approx(0.01)
    # Outputs that differ by a hundredth of their inputs look all the same.
    assert used["directions"]["a to b"]["verdict"] == "constant"
    assert used["directions"]["b to a"]["verdict"] == "aligned"
    for row in (hidden, used):
        picture = read_image(run.path / row["picture"])
        assert picture.size[0] >= 900 and picture.size[1] > 300

    last = next(row for row in run.read_metrics() if "probe/input_use/a_to_b/top1" in row)
    assert last["probe/input_use/a_to_b/top1"] == 1.0 and last["images_seen"] == 24
    last = next(row for row in run.read_metrics() if "probe/steganography/a_to_b/gain" in row)
    assert last["probe/steganography/a_to_b/gain"] == pytest.approx(100, rel=1e-3)
    assert last["probe/steganography/a_to_b/hiding"] == 1.0
    assert last["probe/steganography/b_to_a/hiding"] == 0.0


def test_a_module_with_one_direction_has_no_way_back_to_disturb(tmp_path: Path) -> None:
    module = build("Pix2Pix")
    hidden, used = probes()
    assert hidden.judged_directions(module) == []
    assert used.judged_directions(module) == list(module.directions)
    for probe in (hidden, used):
        probe.setup(
            type("T", (), {"datamodule": SmallDomains()})(),  # type: ignore[arg-type]
            module,
            "fit",
        )
    assert hidden._images is None and used._images is not None


def test_neither_at_the_end_nor_on_a_grid_means_off(tmp_path: Path) -> None:
    fit(tmp_path, *probes(at_end=False), steps=1)
    assert not RunFolder(tmp_path).translations_path.exists()


def test_headlines_say_what_was_found_in_words() -> None:
    images = ProbeImages.read(SmallDomains(), ("a", "b"), 32)

    def said(probe: TranslationProbe, to_b: Any, to_a: Any) -> str:
        module = translating(to_b, to_a)
        return probe.headline(probe.judge(module, "a", "b", images))

    hidden, used = probes()
    text = said(hidden, lambda x: 0.01 * x, lambda y: y / 0.01)
    assert text.startswith("hiding: 100 % comes back, of which 8 bits and one grey level of noise")
    assert text.endswith("gain 100 on translations, 100 on real images (fragile everywhere)")
    text = said(hidden, lambda x: 0.01 * x, lambda y: (y / 0.01).clamp(-1, 1))
    assert text.endswith("on real images (only the first are fragile)")
    assert said(hidden, lambda x: x, lambda y: y).endswith("translations, 1 on real images")
    text = said(used, lambda x: -x.flip(3), lambda y: y)
    assert text.startswith("mirrored (left and right exchanged, negated): spread 1, dependence 1 (")
    assert "fit 1.00 (by chance 0." in text
    assert said(used, lambda x: x, lambda y: y).startswith("aligned: spread 1, dependence 1 (p 0.0")


def test_they_say_nothing_of_a_module_that_draws_samples(tmp_path: Path) -> None:
    data = SmallImages(batch_size=8, seed=0)
    fit(tmp_path, *probes(every_n_images=8), module=build("DCGAN"), data=data)
    assert not list(tmp_path.iterdir())


def test_translations_that_are_not_finite_are_undecided_and_do_not_end_the_run(
    tmp_path: Path,
) -> None:
    module = translating(lambda x: x, lambda y: y)
    module.translate = lambda images, source, target: images * torch.nan
    fit(tmp_path, *probes(), module=module, steps=1)
    rows = RunFolder(tmp_path).read_translations()
    assert {one["verdict"] for row in rows for one in row["directions"].values()} == {"undecided"}
    assert rows[0]["directions"]["a to b"]["swap"] is None


def test_only_the_directions_that_are_asked_for_are_looked_at(tmp_path: Path) -> None:
    fit(tmp_path, *probes(directions=[("b", "a")]), steps=1)
    for row in RunFolder(tmp_path).read_translations():
        assert list(row["directions"]) == ["b to a"]


def test_many_domains_are_each_led_to_the_next() -> None:
    names = ("x", "y", "z")
    ways = tuple((one, other) for one in names for other in names if one != other)
    module = type("M", (), {"domains": names, "directions": ways, "translate": None})()
    for probe in probes():
        assert set(probe.judged_directions(module)) == {("x", "y"), ("y", "z"), ("z", "x")}
    assert directions_of(build("DCGAN")) == []


def test_an_unknown_direction_is_refused_before_training(tmp_path: Path) -> None:
    message = r"directions must be among \[a, b\], \[b, a\], got \[a, c\]; correct it"
    with pytest.raises(ValueError, match=message):
        fit(tmp_path, InputUseProbe(samples=20, directions=[("a", "c")]))


def test_a_handful_of_images_trains_without_the_probes_that_are_on_by_default(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callbacks.probe_images.LEAST", 500)
    fit(tmp_path / "few", *probes())
    assert "must have 500 images or more of each domain" in caplog.text
    assert "the steganography of this run is not looked at" in caplog.text
    assert RunFolder(tmp_path / "few").read_translations() == []
    with pytest.raises(ValueError, match="must have 500 images or more"):
        fit(tmp_path / "asked", *probes(every_n_images=12))


def test_training_images_stand_in_where_few_are_held_out() -> None:
    assert ProbeImages.read(SmallDomains(40), ("a", "b"), 16).split == "held_out"
    for few in (0, 15):
        images = ProbeImages.read(SmallDomains(few), ("a",), 64)
        assert images.split == "train" and images.images["a"].shape == (64, 1, 32, 32)
        assert images.of("a").abs().max() <= 1 and set(images.images) == {"a"}
    with pytest.raises(ValueError, match="must have 16 images or more of each domain, got 10 of a"):
        ProbeImages.read(_Few(), ("a",), 64)


class _Few(SmallDomains):
    def reference(self, split: Any, domain: str = "b") -> Any:
        return super().reference(split, domain)[:10]


def test_a_direction_as_a_function_repeats_itself_and_another_draw_does_not() -> None:
    module = translating(lambda x: x, lambda y: y)
    module.translate = lambda images, source, target: images + torch.randn(images.shape)
    x = torch.zeros(2, 1, 4, 4)
    before = torch.get_rng_state()
    way, other = seeded(module, "a", "b", 0), seeded(module, "a", "b", 0, draw=1)
    assert torch.equal(way(x), way(x)) and not torch.equal(way(x), other(x))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("probe", PROBES)
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"every_n_images": 0}, "every_n_images must be at least 1, got 0; null looks at the end"),
        ({"samples": 15}, "samples must be at least 16, got 15; 256 is the default"),
    ],
)
def test_numbers_out_of_range_are_refused(probe: Any, options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"{probe.__name__}: {message}"):
        probe(**options)


# -- the rows in the run folder --------------------------------------------------------------------


def row(moment: int) -> Any:
    return {"kind": "input_use", "images_seen": moment, "directions": {"a to b": {"p": 0.01}}}


def run_with_rows(path: Path) -> RunFolder:
    run = RunFolder.create(path, name="r", variant="gan_modules.CycleGAN", data="d")
    for moment in (10, 20, 30):
        run.append_translation(row(moment))
    return run


def moments(run: RunFolder) -> list[int]:
    return [row["images_seen"] for row in run.read_translations()]


def test_rows_come_back_with_the_time_they_were_written(tmp_path: Path) -> None:
    run = run_with_rows(tmp_path / "run")
    assert moments(run) == [10, 20, 30] and all("time" in row for row in run.read_translations())
    with open(run.translations_path, "ab") as file:
        file.write(b'{"kind": "inp')
    assert moments(run) == [10, 20, 30]
    run.append_translation(row(40))
    assert moments(run) == [10, 20, 30, 40]
    assert RunFolder(tmp_path / "none").read_translations() == []
    with pytest.raises(ValueError, match="Out of range float"):
        run.append_translation({**row(50), "seconds": math.nan})


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    run = run_with_rows(tmp_path / "run")
    run.translations_path.write_text(json.dumps(row(1)) + "\n[1]\n" + json.dumps(row(2)) + "\n")
    with pytest.raises(ValueError, match=r"line 2 of .*translations.jsonl must be JSON with imag"):
        run.read_translations()


def test_a_rewind_forgets_and_a_rollback_keeps_aside_what_came_later(tmp_path: Path) -> None:
    run = run_with_rows(tmp_path / "one")
    run.rewind(20)
    assert moments(run) == [10, 20]
    from callbacks.run_branches import leave_branch

    run = run_with_rows(tmp_path / "two")
    leave_branch(run, 10, 1)
    assert moments(run) == [10]
    assert moments(RunFolder(run.path / "left" / "1")) == [20, 30]
