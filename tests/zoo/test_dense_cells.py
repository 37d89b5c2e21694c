"""The dense cells of the zoo: their suites; equations and gradients against naive ones."""

from contextlib import suppress
from functools import partial
from typing import ClassVar

import dense_equations as equations
import numpy as np
import pytest
from lean_suite import SECONDS

from rnnx.contracts.buffers import Scratch
from rnnx.errors import ConfigError
from rnnx.testing import InitializerSuite, NotApplicable, cells
from rnnx.testing.suite import conduct
from rnnx_builtin.cells.weights import CellWeights
from rnnx_zoo.cornn import CoRNN
from rnnx_zoo.fan_uniform import UniformIn, UniformOut
from rnnx_zoo.indrnn import IndRNN
from rnnx_zoo.janet import JANET
from rnnx_zoo.layernorm_lstm import LayerNormLSTM
from rnnx_zoo.lem import LEM
from rnnx_zoo.lstm_1997 import LSTM1997, Squashing
from rnnx_zoo.mgu import MGU
from rnnx_zoo.nbrc import NBRC
from rnnx_zoo.peephole_lstm import PeepholeLSTM
from rnnx_zoo.stack_rnn import StackRNN
from rnnx_zoo.ugrnn import UGRNN


class TestInitializers(InitializerSuite):
    components: ClassVar = [UniformIn(), UniformOut(gain=0.5)]


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
    (LEM(5), equations.lem),
    (LEM(5, dt=0.25), partial(equations.lem, dt=0.25)),
    (CoRNN(5), equations.cornn),
    (CoRNN(5, 0.5, 1.5, 0.25), partial(equations.cornn, dt=0.5, gamma=1.5, epsilon=0.25)),
    (IndRNN(5), equations.indrnn),
    (StackRNN(5, depth=3), equations.stack_rnn),
    (StackRNN(5, stacks=2, depth=4, reads=1), partial(equations.stack_rnn, reads=1)),
]
# The gradients of lengths are those of a whole batch, too; a long sequence is in tests/slow.
MORE = {cells.check_gradients, cells.check_long_sequence}
LEAN = [check for check in cells.CHECKS if check not in SECONDS | MORE]
ONE_OF_EACH = {type(cell): cell for cell, _ in EQUATIONS}


@pytest.mark.parametrize("cell", ONE_OF_EACH.values(), ids=lambda cell: type(cell).__name__)
def test_a_cell_keeps_its_contract(cell: object) -> None:
    for check in LEAN:
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


def test_gates_point_where_the_docstring_says() -> None:
    """A gate that keeps, at 1, leaves the state as it is; one that writes, at 1, replaces it."""
    n_a, scratch = 3, Scratch()
    x, state = np.zeros((1, 2, 1)), np.full((n_a, 1), 0.3)
    for cell, gate_row, keeps in ((MGU(n_a), 0, -1), (UGRNN(n_a), 0, 1), (NBRC(n_a), 1, 1)):
        params = cell.init(np.random.default_rng(0), 2, np.float64)
        rows = slice(gate_row * n_a, (gate_row + 1) * n_a)
        for sign in (keeps, -keeps):
            params["b"][rows] = 60.0 * sign
            h, _, _ = cell.forward(params, x, (state,), None, scratch)
            assert np.allclose(h[0], state) == (sign == keeps), cell


def test_janet_begins_with_lags_up_to_its_horizon() -> None:
    params = JANET(300, horizon=50, weights=CellWeights(recurrent="zeros")).init(
        np.random.default_rng(0), 1, np.float64
    )
    bias = params["b"][:300]
    assert 0 <= bias.min() < 0.3 and 3.7 < bias.max() <= np.log(49)
    assert not params["b"][300:].any()


def test_fresh_weights_are_the_published_ones() -> None:
    rng = np.random.default_rng(0)
    for array in LEM(64).init(rng, 3, np.float64).values():
        assert 0.115 < np.abs(array).max() <= 64**-0.5
    for name, array in CoRNN(64).init(rng, 3, np.float64).items():
        assert 0.07 < np.abs(array).max() <= (3 + 2 * 64) ** -0.5, name
    params = IndRNN(400, horizon=4).init(rng, 3, np.float64)
    assert 0 <= params["u"].min() < 0.01 and 1.18 < params["u"].max() <= 2**0.25
    assert 0.17 < np.abs(params["Wx"]).max() <= (6 / (65 * 3)) ** 0.5
    assert not params["b"].any()


def test_indrnn_bounds_its_growth_and_decays_neither_u_nor_b() -> None:
    cell, u = IndRNN(3, horizon=2), np.array([[-3.0], [0.5], [3.0]])
    params = {"Wx": np.full((3, 1), 9.0), "u": u, "b": np.full((3, 1), 9.0)}
    cell.project_parameters(params)
    np.testing.assert_allclose(u[:, 0], [-(2**0.5), 0.5, 2**0.5])
    assert params["Wx"].min() == params["b"].min() == 9.0
    assert {name: group.decay for name, group in cell.parameter_groups().items()} == {
        "u": False,
        "b": False,
    }


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MGU(0), "hidden_size"),
        (lambda: JANET(horizon=1), "horizon"),
        (lambda: LEM(dt=1.5), "dt"),
        (lambda: CoRNN(gamma=0.0), "gamma"),
        (lambda: IndRNN(horizon=0), "horizon"),
        (lambda: StackRNN(reads=9, depth=8), "reads=9: must be 1 to depth=8"),
        (lambda: StackRNN(controller="gruu"), "controller=gruu.*did you mean gru"),
        (lambda: StackRNN(controller={"name": "gru", "hidden_size": 3}), "cell.hidden_size"),
        (lambda: StackRNN(controller={"name": "gru", "reset": 3}), "controller.reset"),
    ],
)
def test_a_field_out_of_range_is_named(make: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make()


def test_any_cell_controls_a_stack() -> None:
    """The gradients of a stack around cells with other states, one of them with fields."""
    for controller in ({"name": "gru", "reset_after": False}, "layernorm_lstm"):
        cell = StackRNN(2, controller, depth=3)
        assert cell.recurrent_weights == ("Wh",)
        conduct(cells.check_gradients_of_lengths, cell)
