"""The dense cells of the zoo: their suites; equations and gradients against naive ones."""

from contextlib import suppress
from functools import partial
from typing import ClassVar

import dense_equations as equations
import numpy as np
import pytest

from rnnx.contracts.buffers import Scratch
from rnnx.testing import CHECKS, CellSuite, NotApplicable
from rnnx.testing.suite import conduct
from rnnx_zoo.janet import JANET
from rnnx_zoo.layernorm_lstm import LayerNormLSTM
from rnnx_zoo.lstm_1997 import LSTM1997, Squashing
from rnnx_zoo.mgu import MGU
from rnnx_zoo.nbrc import NBRC
from rnnx_zoo.peephole_lstm import PeepholeLSTM
from rnnx_zoo.ugrnn import UGRNN


class TestMGU(CellSuite):
    components: ClassVar = [MGU()]


EQUATIONS = [
    (MGU(5), equations.mgu),
    (UGRNN(5), equations.ugrnn),
    (JANET(5), equations.janet),
    (JANET(5, beta=-0.5), partial(equations.janet, beta=-0.5)),
    (NBRC(5), equations.nbrc),
    (PeepholeLSTM(5), equations.peephole_lstm),
    (LayerNormLSTM(5), equations.layernorm_lstm),
    (LSTM1997(5), equations.lstm_1997),
    (LSTM1997(5, Squashing.paper), equations.lstm_1997_of_the_paper),
]
# What the shared loop decides, not a cell; tests/slow checks it for every cell, too.
OF_THE_LOOP = {
    "check_threads",
    "check_other_process",
    "check_history",
    "check_any_shape",
    "check_large_sizes",
}
OWN_CHECKS = [check for check in CHECKS["cell"] if check.__name__ not in OF_THE_LOOP]


@pytest.mark.parametrize("cell", [cell for cell, _ in EQUATIONS[1:]], ids=repr)
def test_a_cell_keeps_its_contract(cell: object) -> None:
    for check in OWN_CHECKS:
        with suppress(NotApplicable):
            conduct(check, cell)


@pytest.mark.parametrize(("cell", "naive"), EQUATIONS)
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
