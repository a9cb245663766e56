"""A run of the benchmark: recorded through the trainer, drawn from again, spoilt at its step."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from benchmarks.collapse import games, plan, recording
from benchmarks.collapse.cases import spliced
from benchmarks.collapse.games import build
from benchmarks.collapse.injections import INJECTIONS
from benchmarks.collapse.plan import HEALTHY, KINDS, Kind, Run, planned_runs, spoiling
from benchmarks.collapse.recording import Recorder, load_vector, recorded, state_vector
from benchmarks.collapse.scoring import IN_TIME_PARTIAL
from benchmarks.collapse.streams import Stream
from benchmarks.collapse.tasks import injections_of, spoilt_probes
from benchmarks.collapse.tracks import Track, without_words


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = Kind(steps=40, every=10, heavy=2)
    monkeypatch.setitem(plan.KINDS, "ring", kind)


@pytest.mark.usefixtures("short")
def test_a_recording_is_read_again_and_draws_what_the_module_drew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run("ring", "r1", "healthy", 4)
    arrays = recorded(run, tmp_path)
    assert len(arrays["states"]) == 4 and not arrays["broken"]
    assert arrays["images_seen"].tolist() == [640, 1280, 1920, 2560]
    monkeypatch.setattr(recording, "_train", None)
    stream = Stream(run, recorded(run, tmp_path))
    assert stream.heavy == [1, 3] and len(stream) == 4
    module, _ = build(run)
    load_vector(module.generator, torch.from_numpy(arrays["states"][3]))
    z = stream.latents(3, 16, 0)
    assert torch.equal(stream.decode(3, z), module.generator(z).detach())
    assert not torch.equal(stream.decode(2, z), stream.decode(3, z))
    assert not torch.equal(stream.latents(3, 16, 0), stream.latents(3, 16, 1))


def test_one_kernel_moves_all_weights_as_one_by_one_does() -> None:
    moved = []
    for recorder in (Recorder(10, 2, False), None):
        weights = [torch.nn.Parameter(torch.linspace(-1.0, 1.0, n)) for n in (3, 5)]
        optimizer = torch.optim.Adam(weights, lr=0.1)
        if recorder is not None:
            recorder.on_train_start(SimpleNamespace(optimizers=[optimizer]), None)
        assert bool(optimizer.param_groups[0]["fused"]) == (recorder is not None)
        for _ in range(3):
            sum(weight.square().sum() for weight in weights).backward()
            optimizer.step()
        moved.append(torch.cat([weight.detach() for weight in weights]))
    torch.testing.assert_close(moved[0], moved[1])


@pytest.mark.usefixtures("short")
def test_a_turning_run_is_spoilt_at_its_step_and_not_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    turning = Run("ring", "r1", "turning", 4)
    turn = spoiling(turning)
    assert turn is not None and turn.step % 10 == 5
    spoilt = recorded(turning, tmp_path / "spoilt")["states"]
    # The same run with a hand that changes nothing.
    monkeypatch.setattr(games.Spoil, "on_train_batch_start", lambda *args: None)
    kept = recorded(turning, tmp_path / "kept")["states"]
    before = turn.step // 10
    assert (spoilt[:before] == kept[:before]).all()
    assert (spoilt[before] != kept[before]).any()
    assert turning.training_seed != Run("ring", "r1", "healthy", 4).training_seed


def test_state_vectors_hold_buffers_too() -> None:
    network = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    vector = state_vector(network)
    assert len(vector) == 6 + 2 + 4 * 2
    other = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    network(torch.randn(8, 3))
    load_vector(other, torch.from_numpy(state_vector(network)))
    assert torch.equal(other[1].running_mean, network[1].running_mean)


def test_every_injection_has_its_turn_on_some_seed() -> None:
    for kind in ("ring", "grid", "digits", "labelled", "inverted"):
        runs = [Run(kind, family, "healthy", s) for s in plan.TEST_SEEDS for family in HEALTHY]
        counts: dict[str, int] = {}
        for run in runs:
            for one in injections_of(run, plan.TEST_SEEDS, tuning=False):
                counts[one.name] = counts.get(one.name, 0) + 1
        assert set(counts.values()) == {len(HEALTHY)} and len(counts) >= 2


def test_what_falls_slowly_or_recovers_is_watched_for_longer() -> None:
    probes = {one.name: spoilt_probes(one) for one in INJECTIONS}
    assert probes["constant"] == probes["class_drop@1"] == 12 > IN_TIME_PARTIAL
    assert probes["class_drop_slow@3"] == probes["contraction@0.95"] == probes["recover"] == 24


def test_what_is_held_out_is_never_tuned_on() -> None:
    assert not set(plan.TEST_SEEDS) & set(plan.CALIBRATION_SEEDS)
    runs = planned_runs(plan.TEST_SEEDS)
    assert all(run.held_out for run in runs) and len(set(runs)) == len(runs)
    # Two workers, and no classifier that both of them train.
    assert [run.kind for run in runs[:3]] == ["mnist", "digits", "digits"]
    # Nor is a seed unseen whose results led to the present detector.
    assert not Run("ring", "r1", "healthy", min(plan.TEST_SEEDS) - 1).held_out
    tuned = [run for run in planned_runs(plan.CALIBRATION_SEEDS) if not run.held_out]
    assert tuned and all(run.family not in plan.HELD_OUT_FAMILIES for run in tuned)
    names = {
        one.family for run in tuned for one in injections_of(run, plan.CALIBRATION_SEEDS, True)
    }
    assert names and not names & set(plan.HELD_OUT_INJECTIONS)


def test_a_spliced_track_is_the_run_until_the_injection() -> None:
    base = Track("ring-r1-healthy-4", "", None, "identity", images_seen=[1, 2, 3, 4, 5])
    base.levels, base.spreads, base.d_loss = [0.5] * 5, [0.9] * 5, [1.0] * 5
    base.signals, base.second, base.finite = [{"a": {}}] * 5, [None] * 5, [True] * 5
    base.heavy, base.independent = {1: {"fd": 1.0}, 4: {"fd": 2.0}}, {1: 1.0, 4: 2.0}
    part = Track("ring-r1-healthy-4", "constant", 3, "identity", images_seen=[4, 5])
    part.levels, part.d_loss, part.signals = [0.0, 0.1], [2.0] * 2, [{"b": {}}] * 2
    part.spreads = [0.0, 0.2]
    part.second, part.finite, part.heavy = [None] * 2, [True] * 2, {4: {"fd": 9.0}}
    found = spliced(base, part, 3)
    assert found.images_seen == [1, 2, 3, 4, 5] and found.injection == "constant"
    assert found.levels == [0.5, 0.5, 0.5, 0.0, 0.1]
    assert found.heavy == {1: {"fd": 1.0}, 4: {"fd": 9.0}} and found.independent == {1: 1.0}
    again = Track.from_json(found.to_json())
    assert again == found


def test_words_do_not_make_tracks_anew_but_numbers_do() -> None:
    one = 'def f(x):\n    """Say."""\n    # Why.\n    return x + 1\n'
    assert without_words(one) == without_words(one.replace("Say.", "Tell.").replace("Why", "How"))
    assert without_words(one) != without_words(one.replace("+ 1", "+ 2"))


def test_a_run_that_ends_in_nan_is_recorded_as_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gan_modules.engine.referee import NonFiniteError

    monkeypatch.setitem(plan.KINDS, "ring", Kind(steps=40, every=10, heavy=2))
    monkeypatch.setattr(recording, "spoiling", lambda run: None)

    def fail(self, *args, **kwargs) -> None:
        if self.rounds == 25:
            raise NonFiniteError("generator loss is nan")

    monkeypatch.setattr("gan_modules.base.AdversarialModule.primary_stepped", fail)
    arrays = recorded(Run("ring", "r1", "healthy", 4), tmp_path)
    assert arrays["broken"] and len(arrays["states"]) == 2
    assert KINDS["ring"].steps == 40
