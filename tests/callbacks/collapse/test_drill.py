"""The fire drill is played once, and undone where the run goes back."""

import pytest

from callbacks.collapse.drill import CollapseDrill
from callbacks.run_folder import RunFolder
from tests.helpers_monitor import watch


def test_drill_changes_rates_and_penalties_at_its_moment(tmp_path):
    trainer, game = watch(tmp_path / "run", None, drill=640, steps=20, evaluate=None)
    rates = [optimizer.param_groups[0]["lr"] for optimizer in trainer.optimizers]
    assert rates == pytest.approx([1e-4, 4e-2])
    assert game.regularizers == []
    calm, game = watch(tmp_path / "calm", None, drill=64 * 20, steps=20, evaluate=None)
    assert [o.param_groups[0]["lr"] for o in calm.optimizers] == pytest.approx([2e-3, 2e-3])
    assert len(game.regularizers) == 1


def test_fork_is_spared(tmp_path):
    parent = {"run": "elsewhere", "checkpoint": "checkpoints/a.ckpt"}
    RunFolder.create(tmp_path / "run", name="f", variant="GAN", data="Ring", parent=parent)
    trainer, game = watch(tmp_path / "run", None, drill=640, steps=20, evaluate=None)
    assert len(game.regularizers) == 1


@pytest.mark.parametrize("name", ["at_images", "generator_factor", "opponent_factor"])
def test_numbers_out_of_range_are_refused(name):
    with pytest.raises(ValueError, match=f"CollapseDrill: {name} must be above 0, got 0"):
        CollapseDrill(**{"at_images": 1, name: 0})
