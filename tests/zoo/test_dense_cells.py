"""The dense cells of the zoo: their suites; equations and gradients against naive ones."""

from typing import ClassVar

import dense_equations as equations
import numpy as np
import pytest

from rnnx.contracts.buffers import Scratch
from rnnx.testing import CellSuite
from rnnx_zoo.mgu import MGU


class TestMGU(CellSuite):
    components: ClassVar = [MGU()]


CELLS = [(MGU(5), equations.mgu)]


@pytest.mark.parametrize(("cell", "naive"), CELLS)
def test_a_cell_is_its_papers_equations(cell: object, naive: object) -> None:
    """h of every step and column; gradients along a random direction through it."""
    rng = np.random.default_rng(0)
    params = cell.init(rng, 3, np.float64)
    params = {name: array + 0.5 * rng.normal(size=array.shape) for name, array in params.items()}
    x = rng.normal(size=(7, 3, 2))
    state = tuple(rng.normal(size=s.shape) for s in cell.initial_state(2, np.float64))

    def by_equations(params: dict, x: np.ndarray, state: tuple) -> np.ndarray:
        columns = [naive(params, x[:, :, b], *(s[..., b] for s in state)) for b in range(2)]
        return np.stack(columns, axis=-1)

    h, final, cache = cell.forward(params, x, state, None, Scratch())
    np.testing.assert_allclose(h, by_equations(params, x, state), rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(final[0], h[-1])

    dh = rng.normal(size=h.shape)
    dparams, dx, dstate = cell.backward(params, cache, dh, None, Scratch())
    move = {name: rng.normal(size=array.shape) for name, array in params.items()}
    by_x, by_state = rng.normal(size=x.shape), [rng.normal(size=s.shape) for s in state]

    def loss(step: float) -> float:
        moved = {name: array + step * move[name] for name, array in params.items()}
        begun = tuple(s + step * m for s, m in zip(state, by_state, strict=True))
        return float(np.sum(by_equations(moved, x + step * by_x, begun) * dh))

    slope = sum(float(np.sum(dparams[name] * move[name])) for name in params)
    slope += float(np.sum(dx * by_x))
    slope += sum(float(np.sum(d * m)) for d, m in zip(dstate, by_state, strict=True))
    assert slope == pytest.approx((loss(1e-6) - loss(-1e-6)) / 2e-6, rel=1e-6, abs=1e-7)
