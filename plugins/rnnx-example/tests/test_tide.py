"""One cell, three times: each passes the suite, and all compute the same."""

from pathlib import Path

import numpy as np
import pytest
from rnnx_example import tide, tide_derived, tide_stepwise

import rnnx
from rnnx.testing import CellSuite

CELLS = (tide_derived.Tide(), tide_stepwise.Tide(), tide.Tide())


class TestTide(CellSuite):
    components = CELLS


@pytest.mark.parametrize("cell", CELLS[:2])
def test_all_compute_the_same(cell) -> None:
    results = []
    for each in (cell, tide.Tide()):
        rng = np.random.default_rng(0)
        params = each.init(rng, 5, np.float64)
        x, state = rng.normal(size=(7, 5, 3)), (rng.normal(size=(64, 3)),)
        h, _, cache = each.forward(params, x, state, None, rnnx.Scratch())
        dparams, dx, _ = each.backward(params, cache, np.cos(h), None, rnnx.Scratch())
        results.append([h, dx, *dparams.values()])
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)


def test_the_recipe_trains(tmp_path: Path) -> None:
    run = rnnx.train(["experiment=tide", "steps=3", "tracker=none", f"outputs={tmp_path}"])
    assert run.status == "FINISHED"
