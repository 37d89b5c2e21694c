"""One cell, three times: each passes the suite, and all compute the same."""

from pathlib import Path

import numpy as np
import pytest
from rnnx_example import leaky, tide, tide_derived, tide_stepwise

import rnnx
from rnnx.testing import CellSuite

CELLS = (tide_derived.Tide(), tide_stepwise.Tide(), tide.Tide())


class TestTide(CellSuite):
    components = CELLS


class TestLeaky(CellSuite):
    component = leaky.Leaky()


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


@pytest.mark.parametrize("lengths", [None, np.array([7, 1, 0])])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_compiled_form_computes_the_same(dtype, lengths) -> None:
    pytest.importorskip("numba", reason="the extra fast is not installed")
    cell, rng = leaky.Leaky(6), np.random.default_rng(0)
    params = cell.init(rng, 5, dtype)
    x, state = rng.normal(size=(7, 5, 3)).astype(dtype), (rng.normal(size=(6, 3)).astype(dtype),)
    results = []
    for form in (cell, cell.compiled(1)):
        h, final, cache = form.forward(params, x, state, lengths, rnnx.Scratch())
        dparams, dx, (dh0,) = form.backward(params, cache, np.cos(h), final, rnnx.Scratch())
        results.append([h, *final, dx, dh0, *dparams.values()])
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5 if dtype == np.float32 else 1e-12)


def test_the_recipe_trains(tmp_path: Path) -> None:
    run = rnnx.train(["experiment=tide", "steps=3", "tracker=none", f"outputs={tmp_path}"])
    assert run.status == "FINISHED"
