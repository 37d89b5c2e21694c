"""Compiled gated cells against NumPy where the kit does not look: a single column, options."""

from typing import Any

import numpy as np
import pytest

from rnnx.testing.cells.case import Case, make_case, named, run
from rnnx_zoo.cornn import CoRNN
from rnnx_zoo.janet import JANET
from rnnx_zoo.layernorm_lstm import LayerNormLSTM
from rnnx_zoo.lem import LEM
from rnnx_zoo.lstm_1997 import LSTM1997, Squashing
from rnnx_zoo.mgu import MGU
from rnnx_zoo.nbrc import NBRC
from rnnx_zoo.peephole_lstm import PeepholeLSTM
from rnnx_zoo.ugrnn import UGRNN

ONE_PHASE = [
    UGRNN(),
    JANET(beta=-0.5),
    NBRC(),
    LSTM1997(),
    LSTM1997(squashing=Squashing.paper),
    CoRNN(dt=0.5, gamma=1.5, epsilon=0.25),
]
CELLS = [MGU(), LEM(dt=0.5), PeepholeLSTM(), LayerNormLSTM(), *ONE_PHASE]


def assert_as_numpy(case: Case, lengths: Any) -> None:
    found = named(run(case._replace(cell=Compiled(case.cell)), lengths))
    for name, array in named(run(case, lengths)).items():
        np.testing.assert_allclose(found[name], array, rtol=2e-4, atol=2e-5, err_msg=name)


class Compiled:
    """A cell whose passes are its compiled form's."""

    def __init__(self, cell: Any) -> None:
        form = cell.compiled(1)
        self.forward, self.backward = form.forward, form.backward
        self.initial_state = cell.initial_state


@pytest.mark.parametrize("cell", CELLS, ids=repr)
def test_a_compiled_cell_is_the_cell(cell: Any) -> None:
    pytest.importorskip("numba")
    for T, B in ((6, 1), (5, 3), (1, 33)):
        for ids in (True, False):
            case = make_case(cell, np.float32, ids, seed=T, sizes=(T, B, 4, 7))
            assert_as_numpy(case, None)
            assert_as_numpy(case, np.arange(B) % (T + 1))


@pytest.mark.parametrize("cell", ONE_PHASE, ids=repr)
def test_two_threads_give_the_bits_of_one(cell: Any) -> None:
    """20 steps of 64 columns and 100 units: enough that threads share them."""
    pytest.importorskip("numba")
    case = make_case(cell, np.float32, False, 0, (20, 64, 9, 100))
    forms = (case.cell.compiled(threads) for threads in (1, 2))
    one, two = (named(run(case._replace(cell=form))) for form in forms)
    np.testing.assert_equal(two, one)
