"""The compiled diagonal loop equals the cells in NumPy, for any sizes."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("numba")

from rnnx.contracts.buffers import Scratch
from rnnx.testing.cells.case import make_case, run, same_results
from rnnx_zoo.indrnn import IndRNN
from rnnx_zoo.lru import LRU
from rnnx_zoo.min_gru import MinGRU
from rnnx_zoo.min_lstm import MinLSTM
from rnnx_zoo.rg_lru import RGLRU
from rnnx_zoo.sru import SRU

CELLS = (MinGRU(), MinLSTM(forget_bias=1.0), SRU(highway_bias=-1.0), LRU(), RGLRU(), IndRNN())
LENGTHS = {5: np.array([7, 0, 3, 1, 7]), 33: np.arange(33) % 8}


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: type(cell).__name__)
def test_the_kernels_equal_numpy(cell) -> None:
    """n_x may be n_a, for which three of the cells have other parameters; B may be 1.

    In float32; float64, and slstm's kernels, are in the whole suites of tests/slow.
    """
    for B, n_x, ids in ((1, 6, False), (33, 6, False), (5, 5, True), (33, 5, False), (33, 4, True)):
        case = make_case(replace(cell, hidden_size=5), np.float32, ids, 3, (7, B, n_x, 5))
        compiled = case._replace(cell=case.cell.compiled(1))
        scratch = Scratch()
        for lengths in (None, LENGTHS.get(B)):
            what = f"B={B}, n_x={n_x}, ids={ids}, lengths={lengths is not None}"
            same_results(run(compiled, lengths, scratch), run(case, lengths), what, np.float32)


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: type(cell).__name__)
def test_two_threads_give_the_bits_of_one(cell) -> None:
    """40 steps of 64 columns and 70 units: enough that threads share them."""
    case = make_case(cell, np.float32, False, 0, (40, 64, 9, 70))
    one, two = (run(case._replace(cell=case.cell.compiled(threads))) for threads in (1, 2))
    np.testing.assert_equal(two._asdict(), one._asdict())


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: type(cell).__name__)
def test_a_nan_comes_out(cell) -> None:
    case = make_case(cell, np.float32, False, 0, (4, 3, 5, 6))
    case.x[1, 2, 1] = np.nan
    h = run(case._replace(cell=case.cell.compiled(1))).h
    assert np.isnan(h[1:, :, 1]).any() and np.isfinite(h[..., 0]).all()
