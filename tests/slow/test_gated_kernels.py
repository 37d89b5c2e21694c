"""Compiled gated cells against NumPy where the kit does not look: a single column."""

from typing import Any

import numpy as np
import pytest

from rnnx.testing.cells.case import Case, make_case, named, run
from rnnx_zoo.layernorm_lstm import LayerNormLSTM
from rnnx_zoo.lem import LEM
from rnnx_zoo.mgu import MGU
from rnnx_zoo.peephole_lstm import PeepholeLSTM


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


@pytest.mark.parametrize("cell", [MGU(), LEM(dt=0.5), PeepholeLSTM(), LayerNormLSTM()], ids=repr)
def test_a_compiled_cell_is_the_cell(cell: Any) -> None:
    pytest.importorskip("numba")
    for T, B in ((6, 1), (5, 3)):
        for ids in (True, False):
            case = make_case(cell, np.float32, ids, seed=T, sizes=(T, B, 4, 7))
            assert_as_numpy(case, None)
            assert_as_numpy(case, np.arange(B) % (T + 1))
