"""Pools travel in checkpoints: a run that goes on sees the fakes that it would have seen."""

from pathlib import Path
from typing import Any

import torch

from tests.helpers_resume import assert_same_state, fit, resumed_and_whole
from tests.small_variants import build


def module() -> Any:
    return build("CycleGAN", pool_size=9)


def test_a_run_with_pools_goes_on_bit_for_bit_k54(tmp_path: Path) -> None:
    resumed, whole = resumed_and_whole(module, tmp_path)
    assert_same_state(resumed, whole)
    for key, pool in whole.pools.items():
        assert len(pool.images) == 9
        pairs = zip(pool.images, resumed.pools[key].images, strict=True)
        assert all(torch.equal(one, other) for one, other in pairs)


def test_without_the_pools_of_the_checkpoint_the_run_is_another_one_k54(tmp_path: Path) -> None:
    _, whole = resumed_and_whole(module, tmp_path)
    content = torch.load(tmp_path / "half.ckpt", weights_only=True)
    assert len(content["image_pools"]) == 1
    content["image_pools"] = []
    torch.save(content, tmp_path / "bare.ckpt")
    bare = module()
    fit(bare, 8, ckpt_path=tmp_path / "bare.ckpt")
    mine, theirs = (m.discriminator.state_dict() for m in (bare, whole))
    assert any(not torch.equal(mine[name], theirs[name]) for name in mine)
