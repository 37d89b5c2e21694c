"""The memory of large parameters is known before they are allocated."""

import re
import tracemalloc
from dataclasses import dataclass

import numpy as np
import pytest

from rnnx.contracts.buffers import Parameters, Scratch
from rnnx.contracts.components import Cell
from rnnx.errors import OutOfMemory
from rnnx.models import size
from rnnx.models.network import Network
from rnnx.models.size import parameter_bytes, refuse_large_steps, step_bytes
from rnnx_builtin.cells.gru import GRU
from rnnx_builtin.cells.lstm import LSTM
from rnnx_builtin.cells.vanilla import Vanilla
from rnnx_builtin.cells.weights import CellWeights
from rnnx_builtin.heads.softmax import Softmax

LARGE = 600  # units: small enough to be drawn here, large enough to be estimated


@pytest.mark.parametrize(("layers", "dtype"), [(1, np.float64), (3, np.float32)])
@pytest.mark.parametrize("cell", [Vanilla, LSTM, GRU])
def test_the_estimate_is_the_number_of_bytes(
    cell: type[Vanilla | LSTM | GRU], layers: int, dtype: type
) -> None:
    weights = CellWeights(recurrent="zeros")  # the others take longer to draw
    network = Network(cell(LARGE, weights=weights), Softmax(), 30, layers)
    params = network.init(np.random.default_rng(0), dtype)
    assert parameter_bytes(network, dtype) == pytest.approx(params.flat.nbytes, rel=1e-6)


def test_a_size_that_no_machine_has_is_an_exact_number() -> None:
    n_a, n_y = 10**9, 30
    expected = 4 * n_a * (n_a + n_y + 1) + n_y * (n_a + 1)
    assert parameter_bytes(Network(LSTM(n_a), Softmax(), n_y), np.float32) == 4 * expected


@dataclass(frozen=True)
class OneSize(LSTM):
    """A cell that exists in one size alone."""

    def __post_init__(self) -> None:
        if self.hidden_size != LARGE:
            raise ValueError("another size")


@pytest.mark.parametrize("cell", [LSTM(64), OneSize(LARGE)], ids=["small", "of one size"])
def test_what_is_small_or_unknown_has_no_estimate(cell: Cell) -> None:
    assert parameter_bytes(Network(cell, Softmax(), 30), np.float32) == 0


def peak_of_a_step(network: Network, params: Parameters, T: int, B: int) -> int:
    ids, scratch = np.zeros((T, B), np.intp), Scratch()
    states = network.initial_state(B, params.flat.dtype)
    tracemalloc.start()
    h, _, caches = network.forward(params, ids, states, None, scratch)
    _, _, cache = network.loss(params, h, ids, None, scratch)
    _, dh = network.loss_gradient(params, cache, h, scratch)
    network.backward(params, caches, dh, scratch)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


@pytest.mark.parametrize("cell", [Vanilla(64), GRU(64)])
def test_the_memory_of_a_step_is_known_before(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network(cell, Softmax(), 60, layers=2)
    params = network.init(np.random.default_rng(0), np.float32)
    monkeypatch.setattr(size, "SMALL_STEP", 0)
    T, B = 400, 16
    real = peak_of_a_step(network, params, T, B)
    assert step_bytes(network, params, T, B) == pytest.approx(real, rel=0.15)


def test_the_measurement_itself_takes_little_where_there_are_many_symbols() -> None:
    network = Network(Vanilla(16), Softmax(), 20_000)
    params = network.init(np.random.default_rng(0), np.float32)
    T, B = 60, 16
    real = peak_of_a_step(network, params, T, B)
    tracemalloc.start()
    estimated = step_bytes(network, params, T, B)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert estimated == pytest.approx(real, rel=0.15)
    assert peak < 3 * size.TRIED_BYTES


def test_a_step_that_does_not_fit_says_what_would(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network(LSTM(64), Softmax(), 30)
    params = network.init(np.random.default_rng(0), np.float32)
    monkeypatch.setattr(size, "free_bytes", lambda: 2**30)
    refuse_large_steps(network, params, 1000, 64)
    with pytest.raises(OutOfMemory) as found:
        refuse_large_steps(network, params, 20_000, 64)
    said = re.search(
        r"choose batch_size=(\d+) or texts of up to ([\d,]+) symbols", str(found.value)
    )
    assert said is not None
    columns, steps = int(said[1]), int(said[2].replace(",", ""))
    refuse_large_steps(network, params, 20_000, columns)
    refuse_large_steps(network, params, steps, 64)
    with pytest.raises(OutOfMemory, match=r"takes .* GiB .* choose texts of up to [\d,]+ symbols"):
        refuse_large_steps(network, params, 10**7, 1)
